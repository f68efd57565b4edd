import { z } from 'zod';

/** What is wrong with a process's environment, all of it at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: string[];

  constructor(problems: string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/**
 * Reads a process's environment through its schema. A variable that is set but empty counts as absent, as compose
 * files and shells produce such. Values are never repeated in messages: they may be secrets.
 * @throws ConfigError naming every variable that is wrong and what is allowed.
 */
export function loadConfig<Schema extends z.ZodObject>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
): z.output<Schema> {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
}

/** An environment variable that holds a whole number. */
export function integerSetting(limits: { min: number; max: number; fallback: number }) {
  return z.coerce
    .number({ error: () => `must be a whole number from ${limits.min} to ${limits.max}` })
    .int(`must be a whole number from ${limits.min} to ${limits.max}`)
    .min(limits.min)
    .max(limits.max)
    .default(limits.fallback);
}

/** A TCP port; 0 lets the system choose one. */
export function portSetting(fallback: number) {
  return integerSetting({ min: 0, max: 65_535, fallback });
}

/** `debug` shows prompts too; every other level keeps them out of the logs. */
export const logLevelSetting = z.enum(['error', 'warn', 'info', 'debug']).default('info');

/** Where a process finds Redis; a password or `rediss://` may be part of it. */
export const redisUrlSetting = z
  .url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' })
  .default('redis://127.0.0.1:6379');
