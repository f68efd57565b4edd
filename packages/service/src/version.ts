import { readFileSync } from 'node:fs';

/** The version in a package.json; for an app's `main.ts`: `readVersion(new URL('../package.json', import.meta.url))`. */
export function readVersion(packageJson: URL): string {
  const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string };
  return version;
}
