/** What stands where a secret was. */
const hidden = '***';

/**
 * A process's settings as they may be shown: by the names of their variables, without the values of secrets and without
 * the passwords in URLs. What a schema made of them besides is left out.
 */
export function redactConfig(config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([name]) => /^[A-Z][A-Z0-9_]*$/.test(name))
      .map(([name, value]) => [name, isSecret(name) ? hideSecret(value) : redacted(value)]),
  );
}

/** `API_KEYS`, `WEBHOOK_SECRET`; not `TASK_KEY_PREFIX`. */
function isSecret(name: string): boolean {
  return /(^|_)(KEYS?|SECRETS?|TOKENS?|PASSWORDS?|CREDENTIALS?)$/.test(name);
}

function hideSecret(value: unknown): unknown {
  return value === undefined || value === '' ? value : hidden;
}

function redacted(value: unknown): unknown {
  if (typeof value !== 'string' || !/^[a-z][a-z0-9+.-]*:/i.test(value)) return value;
  if (!URL.canParse(value)) return redactedText(value);
  const url = new URL(value);
  if (url.username === '' && url.password === '' && url.search === '') return value;
  if (url.username !== '') url.username = hidden;
  if (url.password !== '') url.password = hidden;
  for (const name of url.searchParams.keys()) url.searchParams.set(name, hidden);
  return url.href;
}

/** As well as one can for an address of several hosts, which is no URL to Node. */
function redactedText(text: string): string {
  return text.replace(/:\/\/[^/]*@/, `://${hidden}@`).replace(/=[^&]*/g, `=${hidden}`);
}
