import { createApiKey, hashApiKey, parseKeyList } from '@musicgen/access';

/** `<name> <scopes>`: a new key and its entry for API_KEYS, as lines to print. @throws RangeError */
export function makeKey([name = '', scopes = '']: string[]): string[] {
  const key = createApiKey();
  const entry = `${name}:${scopes}:${hashApiKey(key).toString('hex')}`;
  parseKeyList(entry);
  return [`Key      ${key}   (shown only now)`, `API_KEYS ${entry}`];
}
