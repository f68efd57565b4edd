import { unknownSettings } from '@musicgen/service';
import { type Check, failed, ok, warning } from './check.ts';

const oldestNode = [20, 19] as const;

export function settingChecks(env: NodeJS.ProcessEnv): Check[] {
  return [
    { name: 'node', look: checkNode },
    { name: 'settings', look: () => checkSettings(env) },
  ];
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNewEnough = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  if (isNewEnough) return ok(`Node ${process.versions.node}.`);
  return failed(
    `Node ${process.versions.node} is too old.`,
    `Install Node ${oldestNode.join('.')} or newer.`,
  );
}

/** What is wrong in a value has ended the command before. */
function checkSettings(env: NodeJS.ProcessEnv) {
  const unknown = unknownSettings(env);
  if (unknown.length === 0) return ok('Every variable has an allowed value and a known name.');
  const meant = unknown.map(({ name, nearest }) => `${name} to ${nearest}`).join(', ');
  return warning(
    `No process reads ${unknown.map(({ name }) => name).join(', ')}.`,
    `Remove or correct: perhaps ${meant}.`,
  );
}
