import type { AudioFormat } from '@musicgen/contract';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { toTaskId } from '../options.ts';
import { saveAudio } from './deliver.ts';
import { idOrLatest, namedTask } from './named-task.ts';
import { openFile } from './open-file.ts';
import { planOutput } from './output-files.ts';
import { formatOption } from './request-options.ts';
import { describeResult, describeStatus } from './task-text.ts';

interface DownloadOptions {
  output?: string;
  format?: AudioFormat;
  open?: boolean;
  preview?: boolean;
}

const examples = `
Examples:
  musicgen download
  musicgen download 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10 -o piece.mp3
  musicgen download --format ogg -o - | ffplay -autoexit -
  musicgen download --preview -o so-far.wav`;

/** `musicgen download` */
export function downloadCommand(context: Context): Command {
  return new Command('download')
    .description('Save the audio of a task.')
    .argument('[id]', idOrLatest, toTaskId)
    .option('-o, --output <path>', 'file, folder, or - for standard output; its ending decides the format')
    .addOption(formatOption())
    .option('--preview', 'what a task submitted with --preview has made so far, as WAV')
    .option('--open', 'play the file with what the desktop plays it with')
    .addHelpText('after', examples)
    .action((id: string | undefined, options: DownloadOptions) => download(context, id, options));
}

async function download(context: Context, id: string | undefined, options: DownloadOptions): Promise<void> {
  const format = options.format ?? (options.preview ? 'wav' : undefined);
  const output = await planOutput(context, { ...options, ...(format && { format }) }, 1);
  const client = context.client();
  const task = await namedTask(context, client, id);
  const file = await saveAudio(context, { client, task, output, preview: options.preview });
  context.tell(task.result === null ? describeStatus(task) : describeResult(task));
  if (file === '-') return;
  context.print(file);
  if (options.open) await openFile(context, file);
}
