import { z } from 'zod';

/** The variables of one process, or those that several share. */
export interface ConfigSection {
  title: string;
  schema: z.ZodObject;
}

interface Setting {
  name: string;
  description: string;
  fallback: string;
}

/** `.env.example` for the given sections; a variable that stands in several is written in the first. */
export function renderEnvExample(sections: ConfigSection[]): string {
  const parts = eachOnce(sections).map(({ title, settings }) => {
    const entries = settings.map(
      ({ name, description, fallback }) => `# ${description}\n${name}=${fallback}\n`,
    );
    return `## ${title}\n\n${entries.join('\n')}`;
  });
  return `# Every variable with its default. Copy to .env and change what you need.\n\n${parts.join('\n')}`;
}

/** The same as a table in Markdown. */
export function renderSettingsTable(sections: ConfigSection[]): string {
  const rows = eachOnce(sections).flatMap(({ title, settings }) =>
    settings.map(
      ({ name, description, fallback }) => `| \`${name}\` | ${title} | \`${fallback}\` | ${description} |`,
    ),
  );
  return ['| variable | read by | default | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function eachOnce(sections: ConfigSection[]): { title: string; settings: Setting[] }[] {
  const seen = new Set<string>();
  return sections.map(({ title, schema }) => {
    const settings = settingsOf(schema).filter(({ name }) => !seen.has(name));
    for (const { name } of settings) seen.add(name);
    return { title, settings };
  });
}

function settingsOf(schema: z.ZodObject): Setting[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).map(([name, property]) => {
    const { description = '', default: fallback = '' } = property as {
      description?: string;
      default?: unknown;
    };
    return { name, description, fallback: String(fallback) };
  });
}
