import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { root } from '../processes.ts';

/** The text of a file of the project, by its path from the top. */
export function readProjectFile(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8');
}

/** A YAML file with its merge keys resolved. */
export async function readYaml(path: string): Promise<unknown> {
  return parse(await readProjectFile(path), { merge: true });
}

/** Every document of a YAML file that holds several. */
export async function readYamlDocuments(path: string): Promise<unknown[]> {
  return parseAllDocuments(await readProjectFile(path)).map((document) => document.toJS());
}
