import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What is written into config.json for the engine, which shows it wherever the model's output goes. */
export interface ModelRecord {
  /** The model's id. */
  name: string;
  precision: string;
  licence?: string;
}

/** A sentence for whoever uses a model under this licence; undefined when there is nothing to beware of. */
export function licenceNotice(licence: string | undefined): string | undefined {
  if (licence === undefined) return 'Its licence is not stated; ask whoever made it what you may do with it.';
  if (!/\bnc\b/i.test(licence)) return undefined;
  return `The weights are licensed ${licence}: they may not be used for commercial purposes.`;
}

/** Writes name, precision and licence into the `musicgen_service` section of a model folder's config.json. */
export async function recordModel(folder: string, { name, precision, licence }: ModelRecord): Promise<void> {
  const path = join(folder, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  const notice = licence === undefined ? undefined : licenceNotice(licence);
  config.musicgen_service = { ...config.musicgen_service, name, precision, licence, notice };
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`);
}

/** The licence that the model card of a Hugging Face folder names between its first two `---` lines. */
export async function readCardLicence(folder: string): Promise<string | undefined> {
  const card = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const [, head] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  return /^license:\s*["']?([\w.-]+)/m.exec(head ?? '')?.[1];
}
