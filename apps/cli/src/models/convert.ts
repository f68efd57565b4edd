import { readdir } from 'node:fs/promises';
import { ServiceError } from '@musicgen/contract';
import { convertCheckpoint } from '@musicgen/engine';
import { refuseExisting } from '@musicgen/models';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonOption } from '../options.ts';
import { createProgressBar } from '../progress-bar.ts';
import { installModel, printInstalled } from './install.ts';
import { licenceNotice, readCardLicence } from './licence.ts';
import { type GraphOptions, layoutOption, precisionOption } from './options.ts';

interface ConvertOptions extends GraphOptions {
  out: string;
  licence?: string;
  json?: boolean;
}

const examples = `
Examples:
  musicgen models convert ./musicgen-small --out .musicgen/models/musicgen-small-int8
  musicgen models convert ./my-finetune --out ./my-finetune-onnx --precision fp32 --layout standard`;

/** `musicgen models convert` */
export function convertCommand(context: Context): Command {
  return new Command('convert')
    .description('Convert a checkpoint (config.json and safetensors) into a model folder, and run it once.')
    .argument('<folder>', 'Hugging Face MusicGen folder')
    .requiredOption('-o, --out <folder>', 'the model folder to make; it must not exist')
    .addOption(precisionOption())
    .addOption(layoutOption())
    .option('--licence <name>', 'licence of the weights; default: what the README.md of the folder says')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((folder: string, options: ConvertOptions) => convert(context, folder, options));
}

async function convert(context: Context, folder: string, options: ConvertOptions): Promise<void> {
  const source = context.resolvePath(folder);
  const target = context.resolvePath(options.out);
  const { precision, layout } = options;
  await refuseExisting(target);
  await requireTokenizer(source);
  const licence = options.licence ?? (await readCardLicence(source));
  const notice = licenceNotice(licence);
  if (notice !== undefined) context.tell(notice);
  const model = await installModel(context, {
    target,
    origin: { layout, precision, licence },
    fill: (made) => convertInto(context, { source, target: made, precision, layout }),
  });
  printInstalled(context, model, options);
}

/** Without one the model could not be run: better said before minutes of writing. */
async function requireTokenizer(source: string): Promise<void> {
  if ((await readdir(source).catch(() => undefined))?.includes('tokenizer.json') === false) {
    throw new ServiceError('model_load_failed', `tokenizer.json is missing in ${source}`);
  }
}

/** Converts with a bar. */
export async function convertInto(
  { terminal, signal }: Context,
  conversion: GraphOptions & { source: string; target: string },
): Promise<void> {
  const bar = createProgressBar('Converting ', terminal);
  try {
    await convertCheckpoint({ ...conversion, onProgress: bar.update, signal });
  } finally {
    bar.close();
  }
}
