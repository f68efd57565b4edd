import { apiConfigSchema } from '@musicgen/api/config';
import { cliConfigSchema } from '@musicgen/cli/config';
import { renderReference } from '@musicgen/cli/reference';
import { renderEnvExample, renderSettingNames, renderSettingsTable } from '@musicgen/service';
import { workerConfigSchema } from '@musicgen/worker/config';
import { composeSettings } from './compose-settings.ts';

const sections = [
  { reader: 'API', schema: apiConfigSchema },
  { reader: 'worker', schema: workerConfigSchema },
  { reader: 'Docker Compose', schema: composeSettings },
  { reader: 'command line', schema: cliConfigSchema },
];

/** The text of `.env.example`. */
export function renderExample(): string {
  return renderEnvExample(sections);
}

/** The text of `packages/service/src/setting-names.ts`. */
export function renderNames(): string {
  return renderSettingNames(sections);
}

const settingsBlock = /(<!-- settings -->\n)[\s\S]*(<!-- \/settings -->)/;
const referenceBlock = /(<!-- reference -->\n)[\s\S]*(<!-- \/reference -->)/;

/** A page of documentation with the table of settings between its two markers brought up to date. */
export function withSettingsTable(page: string): string {
  return page.replace(
    settingsBlock,
    (_block, start, end) => `${start}${renderSettingsTable(sections)}${end}`,
  );
}

/** The page of the command line with the `--help` of every command between its two markers. */
export async function withReference(page: string): Promise<string> {
  const reference = await renderReference();
  return page.replace(referenceBlock, (_block, start, end) => `${start}${reference}\n${end}`);
}
