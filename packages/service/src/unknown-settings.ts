import { closest } from 'fastest-levenshtein';
import { settingNames } from './setting-names.ts';

/** Who sets a variable with such a beginning means us. */
const ours = /^(API|TASK|WORKER|ENGINE|QUEUE|WEBHOOK)_/;

/** The variables that look like ours but that no process of ours reads, each with the nearest name that one does. */
export function unknownSettings(env: NodeJS.ProcessEnv): { name: string; nearest: string }[] {
  return Object.keys(env)
    .filter((name) => ours.test(name) && !settingNames.includes(name))
    .map((name) => ({ name, nearest: closest(name, settingNames) }));
}
