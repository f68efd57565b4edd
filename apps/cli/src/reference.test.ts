import { createContext } from './context.ts';
import { createProgram } from './program.ts';
import { endsOf, helpOf, renderReference } from './reference.ts';

const context = createContext({ signal: new AbortController().signal, cwd: '.' });
const commands = endsOf(createProgram(context));

test.each(commands.map(({ path, command }) => [path, command] as const))(
  '%s explains itself, with examples that name it',
  (_path, command) => {
    const help = helpOf(command);
    expect(command.description()).toMatch(/^[A-Z].*\.$/);
    expect(help).toContain('Examples:');
    expect(help.split('Examples:')[1]).toContain(command.name());
    for (const option of command.options) expect(option.description).not.toBe('');
    for (const argument of command.registeredArguments) expect(argument.description).not.toBe('');
  },
);

test('the reference has a section for every command', () => {
  const headings = [...renderReference().matchAll(/^## `(.*)`$/gm)].map(([, path]) => path);
  expect(headings).toEqual(commands.map(({ path }) => path));
  expect(headings).toContain('musicgen queue pause');
});
