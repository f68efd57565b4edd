import { apiConfigSchema } from '@musicgen/api/config';
import { renderEnvExample, renderSettingsTable } from '@musicgen/service';
import { workerConfigSchema } from '@musicgen/worker/config';

const sections = [
  { title: 'API, and what it shares with the workers', schema: apiConfigSchema },
  { title: 'Worker', schema: workerConfigSchema },
];

/** The text of `.env.example`. */
export function renderExample(): string {
  return renderEnvExample(sections);
}

/** The table of settings in the documentation. */
export function renderTable(): string {
  return renderSettingsTable(sections);
}
