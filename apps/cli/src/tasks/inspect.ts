import { Readable } from 'node:stream';
import { readProvenance } from '@musicgen/audio';
import type { Provenance } from '@musicgen/contract';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { plainLine } from '../format.ts';
import { jsonOption } from '../options.ts';
import { readAudioFile } from './read-file.ts';

const examples = `
Examples:
  musicgen inspect calm.flac
  musicgen inspect calm.flac --json | jq -r .made_by.prompt

It reads the file's own tags and asks nobody. Anyone can edit tags, so this is what the file says, not a proof.`;

/** `musicgen inspect` */
export function inspectCommand(context: Context): Command {
  return new Command('inspect')
    .description('Show what an audio file was made from.')
    .argument('<file>', 'WAV, FLAC, MP3 or Ogg')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (file: string, { json = false }: { json?: boolean }) => {
      const content = await readAudioFile(context.resolvePath(file));
      const inspection = await readProvenance(Readable.from([content]));
      if (json) return context.printJson(inspection);
      if (inspection.made_by === null)
        return context.print(`${file} is ${inspection.format} and does not say that this service made it.`);
      context.printTable(rowsOf(inspection.made_by));
    });
}

function rowsOf({ parameters, ...made }: Provenance): [string, string][] {
  return Object.entries({ ...made, licence: made.licence ?? 'not stated', ...parameters }).map(
    ([name, value]) => [name, plainLine(String(value))],
  );
}
