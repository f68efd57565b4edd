import { createContext } from './context.ts';
import { createProgram } from './program.ts';
import { endsOf, helpOf, renderReference } from './reference.ts';
import { loadSubcommands } from './subcommands.ts';

async function everyCommand() {
  const context = createContext({ signal: new AbortController().signal, cwd: '.' });
  return endsOf(createProgram(context, await loadSubcommands([])));
}

test('every command explains itself, its arguments and options, with examples', async () => {
  const silent: string[] = [];
  for (const { path, command } of await everyCommand()) {
    const described = [...command.options, ...command.registeredArguments].every(
      ({ description }) => description,
    );
    const [, examples = ''] = helpOf(command).split('Examples:');
    const isSentence = /^[A-Z].*\.$/.test(command.description());
    if (!described || !isSentence || !examples.includes(command.name())) silent.push(path);
  }
  expect(silent).toEqual([]);
});

test('the reference has a section for every command', async () => {
  const headings = [...(await renderReference()).matchAll(/^## `(.*)`$/gm)].map(([, path]) => path);
  expect(headings).toEqual((await everyCommand()).map(({ path }) => path));
  expect(headings).toContain('musicgen queue pause');
});

test.each([
  [['generate', '--help'], false],
  [['help', 'top'], false],
  [['--help'], true],
  [['toString'], true],
])('for %j all commands are loaded: %p', async (args, isAll) => {
  expect((await loadSubcommands(args)).length > 1).toBe(isAll);
});
