import { ServiceError } from '@musicgen/contract';
import { findChangedFiles, readManifest } from '@musicgen/models';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonOption } from '../options.ts';
import { createProgressBar } from '../progress-bar.ts';
import { findModelFolder } from './installed-models.ts';
import { tryModel } from './try-model.ts';

const examples = `
Examples:
  musicgen models verify musicgen-small-int8
  musicgen models verify musicgen-micro --json`;

/** `musicgen models verify` */
export function verifyCommand(context: Context): Command {
  return new Command('verify')
    .description("Compare a model's files with their checksums, load it, and generate one frame.")
    .argument('<id>', 'as `musicgen models list` shows it')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((id: string, options: { json?: boolean }) => verify(context, id, options));
}

async function verify(context: Context, id: string, { json = false }: { json?: boolean }): Promise<void> {
  const folder = await findModelFolder(context.config(), id);
  const files = await verifyFiles(context, folder);
  await tryModel(folder, context.signal);
  if (json)
    return context.print(JSON.stringify({ id, path: folder, files_verified: files ?? null, frames: 1 }));
  const checked =
    files === undefined ? 'no checksums were recorded for it' : `${files} files are as installed`;
  context.print(`${id}  ${checked}; all graphs load and one frame was generated`);
}

/** How many files agree with the manifest; undefined without one, as in folders that were put there by hand. */
async function verifyFiles({ terminal, signal }: Context, folder: string): Promise<number | undefined> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) return undefined;
  const bar = createProgressBar('Checking   ', terminal);
  try {
    const problems = await findChangedFiles(folder, manifest, { onProgress: bar.update, signal });
    if (problems.length === 0) return manifest.files.length;
    throw new ServiceError('model_load_failed', `${folder} has changed: ${problems.join('; ')}`);
  } finally {
    bar.close();
  }
}
