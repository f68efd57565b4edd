import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readCheckpointConfig } from '@musicgen/engine';
import {
  defaultPatience,
  describeRepository,
  downloadFiles,
  type Hub,
  modelFolder,
  type Precision,
  type RemoteRepository,
  refuseExisting,
  refuseFullDisk,
  type Selection,
  selectFiles,
  totalBytes,
} from '@musicgen/models';
import { Command } from 'commander';
import type { CliConfig } from '../config.ts';
import type { Context } from '../context.ts';
import { formatBytes } from '../format.ts';
import { jsonOption } from '../options.ts';
import { createProgressBar } from '../progress-bar.ts';
import { convertInto } from './convert.ts';
import { installModel, printInstalled } from './install.ts';
import { licenceNotice } from './licence.ts';
import { type GraphOptions, layoutOption, precisionOption } from './options.ts';

interface PullOptions extends GraphOptions {
  revision: string;
  name?: string;
  keep?: boolean;
  json?: boolean;
}

const examples = `
Examples:
  musicgen models pull facebook/musicgen-small
  musicgen models pull facebook/musicgen-stereo-medium --precision int4
  musicgen models pull Xenova/musicgen-small --name musicgen-small-xenova
  HF_TOKEN=hf_… musicgen models pull me/my-private-finetune --revision v2

A download that was interrupted goes on where it stopped when the command is given again.`;

/**
 * Of float32 weights, what the graphs take at least; of 16-bit ones it is twice as much. Too little here wastes a download,
 * too much would refuse a disk that has room; the converter knows exactly, and looks before it writes.
 */
const convertedShare: Record<Precision, number> = { fp32: 1, int8: 0.38, int4: 0.28, 'int4-g128': 0.26 };

/** `musicgen models pull` */
export function pullCommand(context: Context): Command {
  return new Command('pull')
    .description('Download a model from the Hugging Face hub, convert it, and run it once.')
    .argument('<repository>', 'such as facebook/musicgen-small')
    .addOption(precisionOption())
    .addOption(layoutOption())
    .option('--revision <revision>', 'branch, tag or commit', 'main')
    .option('--name <id>', 'id of the model here; default: the name of the repository and the precision')
    .option('--keep', 'keep the download, so that another precision needs none')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((repository: string, options: PullOptions) => pull(context, repository, options));
}

async function pull(context: Context, name: string, options: PullOptions): Promise<void> {
  const config = context.config();
  const hub = hubOf(config);
  const repository = await describeRepository(hub, {
    name,
    revision: options.revision,
    signal: context.signal,
  });
  const selection = selectFiles(repository, options.precision);
  const id = options.name ?? `${name.split('/')[1]}-${options.precision}`;
  const target = modelFolder(config.MODELS_PATH, id);
  await refuseExisting(target);
  announce(context, repository, selection);
  await refuseFullDisk(config.MODELS_PATH, neededBytes(selection, options.precision));

  const download = join(
    resolve(config.MODELS_PATH),
    '.downloads',
    `${name.replace('/', '--')}-${repository.commit}`,
  );
  await downloadAll(context, { hub, repository, selection, download });
  const { endpoint } = hub;
  const model = await installModel(context, {
    target,
    origin: {
      layout: selection.kind === 'onnx' ? 'standard' : options.layout,
      precision: options.precision,
      licence: repository.licence,
      source: { repository: name, commit: repository.commit, endpoint },
    },
    fill: (folder) =>
      selection.kind === 'onnx'
        ? adopt(download, folder, selection)
        : convertInto(context, { ...options, source: download, target: folder }),
  });
  if (!options.keep) await rm(download, { recursive: true });
  printInstalled(context, model, options);
}

function hubOf({ HF_ENDPOINT, HF_TOKEN }: CliConfig): Hub {
  return { endpoint: HF_ENDPOINT, token: HF_TOKEN, patience: defaultPatience };
}

function announce(
  context: Context,
  { name, commit, licence }: RemoteRepository,
  { kind, weights }: Selection,
) {
  const what = kind === 'onnx' ? 'ONNX graphs, used as they are' : 'checkpoint, to be converted';
  context.tell(`${name} at ${commit.slice(0, 12)}: ${what}, ${formatBytes(totalBytes(weights))}`);
  const notice = licenceNotice(licence);
  if (notice !== undefined) context.tell(notice);
  else context.tell(`Licence: ${licence}`);
}

/** The download and what is made of it. */
function neededBytes({ kind, weights }: Selection, precision: Precision): number {
  const downloaded = totalBytes(weights);
  return kind === 'onnx' ? downloaded : downloaded * (1 + convertedShare[precision]);
}

interface Download {
  hub: Hub;
  repository: RemoteRepository;
  selection: Selection;
  download: string;
}

/** The small files first: they show whether the model can be used at all. */
async function downloadAll(
  context: Context,
  { hub, repository, selection, download }: Download,
): Promise<void> {
  const { terminal, signal } = context;
  const { descriptions, weights, kind } = selection;
  await downloadFiles({ hub, repository, files: descriptions, folder: download, signal });
  if (kind === 'checkpoint') await readCheckpointConfig(download);
  const bar = createProgressBar('Downloading', terminal);
  try {
    await downloadFiles({
      hub,
      repository,
      files: weights,
      folder: download,
      onProgress: bar.update,
      signal,
    });
  } finally {
    bar.close();
  }
}

/** Puts downloaded graphs into a model folder, without a second copy where the file system allows it. */
async function adopt(download: string, folder: string, { descriptions, weights }: Selection): Promise<void> {
  for (const { path } of [...descriptions, ...weights]) {
    const [from, to] = [join(download, path), join(folder, path)];
    await mkdir(dirname(to), { recursive: true });
    // config.json is about to be changed, which must not reach the download.
    if (path === 'config.json') await copyFile(from, to);
    else await link(from, to).catch(() => copyFile(from, to));
  }
}
