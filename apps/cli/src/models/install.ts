import { basename } from 'node:path';
import type { ModelInfo } from '@musicgen/engine';
import { createModelFolder, folderBytes, type ModelOrigin, writeManifest } from '@musicgen/models';
import type { Context } from '../context.ts';
import { formatBytes } from '../format.ts';
import { recordModel } from './licence.ts';
import { tryModel } from './try-model.ts';

/** What a command says about a model that it installed; also its `--json`. */
export interface InstalledModel {
  id: string;
  path: string;
  layout: string;
  precision: string;
  licence: string | null;
  bytes: number;
  sample_rate: number;
  channels: number;
}

/**
 * Makes a model folder: fills it, records name, precision and licence, runs the model for one frame, writes the checksums. It appears
 * complete and checked, or not at all.
 * @throws ServiceError; the context's signal's reason
 */
export async function installModel(
  context: Context,
  { target, origin, fill }: { target: string; origin: ModelOrigin; fill: (folder: string) => Promise<void> },
): Promise<InstalledModel> {
  const id = basename(target);
  let info: ModelInfo | undefined;
  await createModelFolder(target, async (folder) => {
    await fill(folder);
    await recordModel(folder, { name: id, precision: origin.precision, licence: origin.licence });
    context.tell('Checking: loading it and generating one frame …');
    info = await tryModel(folder, context.signal);
    await writeManifest(folder, origin, { signal: context.signal });
  });
  return {
    id,
    path: target,
    layout: origin.layout,
    precision: origin.precision,
    licence: origin.licence ?? null,
    bytes: await folderBytes(target),
    sample_rate: info?.sampleRate ?? 0,
    channels: info?.channels ?? 0,
  };
}

/** The result on standard output: a sentence of what was made and verified, or JSON. */
export function printInstalled(context: Context, model: InstalledModel, { json = false } = {}): void {
  if (json) {
    context.print(JSON.stringify(model, undefined, 2));
    return;
  }
  const { id, layout, precision, bytes, sample_rate: rate, channels, path } = model;
  const sound = `${rate / 1000} kHz ${channels === 2 ? 'stereo' : 'mono'}`;
  context.print(`${id}  ${layout} ${precision}, ${formatBytes(bytes)}, ${sound}, in ${path}`);
  context.tell('Verified: all graphs load, one frame was generated, checksums are recorded.');
}
