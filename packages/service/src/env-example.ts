import { z } from 'zod';

/** The environment of one process. */
export interface ConfigSection {
  /** Who reads it: `API`. */
  reader: string;
  schema: z.ZodObject;
}

interface Setting {
  name: string;
  description: string;
  fallback: string;
  /** `API`, or `API and worker` for what both read. */
  readers: string;
}

/** The text of `.env.example`: every variable once, with its description and default, under those who read it. */
export function renderEnvExample(sections: ConfigSection[]): string {
  const settings = settingsOf(sections);
  const groups = [...new Set(settings.map(({ readers }) => readers))].map((group) => {
    const entries = settings
      .filter(({ readers }) => readers === group)
      .map(({ name, description, fallback }) => `# ${description}\n${name}=${fallback}\n`);
    return `## ${group}\n\n${entries.join('\n')}`;
  });
  return `# Every variable with its default. Copy to .env and change what you need.\n\n${groups.join('\n')}`;
}

/** The same as a table in Markdown. */
export function renderSettingsTable(sections: ConfigSection[]): string {
  const rows = settingsOf(sections).map(
    ({ name, readers, fallback, description }) =>
      `| \`${name}\` | ${readers} | \`${fallback}\` | ${description} |`,
  );
  return ['| variable | read by | default | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

/** A module that lists every variable, for processes that want to know a mistyped one from another's. */
export function renderSettingNames(sections: ConfigSection[]): string {
  const lines = settingsOf(sections).map(({ name }) => `  '${name}',\n`);
  const origin = '// Generated from the configuration schemas: `node apps/local/bootstrap.js settings`.';
  return `${origin}\n\n/** Every environment variable that a process of ours reads. */\nexport const settingNames = [\n${lines.join('')}];\n`;
}

/** Every variable once; its description is the one that the first reader gives. */
function settingsOf(sections: ConfigSection[]): Setting[] {
  const settings = new Map<string, Setting>();
  for (const { reader, schema } of sections) {
    const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    for (const [name, property] of Object.entries(properties)) {
      const known = settings.get(name);
      const { description = '', default: fallback = '' } = property as {
        description?: string;
        default?: unknown;
      };
      if (known) known.readers += ` and ${reader}`;
      else settings.set(name, { name, description, fallback: String(fallback), readers: reader });
    }
  }
  return [...settings.values()];
}
