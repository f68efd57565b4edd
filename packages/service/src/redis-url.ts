/** A server, or the group of servers, that `REDIS_URL` names. */
export interface RedisAddress {
  kind: 'server' | 'sentinel' | 'cluster';
  tls: boolean;
  /** Of the server; Sentinels or nodes of a cluster, of which any one that answers tells the others. */
  hosts: { host: string; port: number }[];
  database: number;
  username: string | undefined;
  password: string | undefined;
  /** What Sentinels call the group. */
  group: string | undefined;
  sentinelUsername: string | undefined;
  sentinelPassword: string | undefined;
}

/** What a `REDIS_URL` may look like; `rediss` instead of `redis` is the same over TLS. */
export const redisUrlForms =
  'redis://[user:password@]host[:port][/database], redis-sentinel://[user:password@]host[:port],host…/group[/database][?sentinelPassword=…] ' +
  'or redis-cluster://[user:password@]host[:port],host…, or one of these with rediss for TLS';

const login = '(?:(?<username>[^:@/?#]*)(?::(?<password>[^@/?#]*))?@)?';
const forms: Record<RedisAddress['kind'], RegExp> = {
  server: new RegExp(`^redis(?<tls>s?)://${login}(?<hosts>[^@/?#,]+)(?:/(?<database>\\d{0,9}))?(?:\\?.*)?$`),
  sentinel: new RegExp(
    `^redis(?<tls>s?)-sentinel://${login}(?<hosts>[^@/?#]+)/(?<group>[^/?#]+)(?:/(?<database>\\d{0,9}))?(?:\\?(?<query>.*))?$`,
  ),
  cluster: new RegExp(`^redis(?<tls>s?)-cluster://${login}(?<hosts>[^@/?#]+)/?$`),
};

const defaultPort = { server: 6379, cluster: 6379, sentinel: 26_379 };

/** What a `REDIS_URL` says, or undefined where it has none of `redisUrlForms`. */
export function parseRedisUrl(url: string): RedisAddress | undefined {
  const kinds = ['server', 'sentinel', 'cluster'] as const;
  const kind = kinds.find((candidate) => forms[candidate].test(url));
  if (kind === undefined) return undefined;
  const {
    tls,
    username,
    password,
    hosts: hostList = '',
    group,
    database,
    query,
  } = forms[kind].exec(url)?.groups ?? {};
  const hosts = hostList.split(',').map((text) => parseHost(text, defaultPort[kind]));
  if (!hosts.every((host) => host !== undefined)) return undefined;
  const sentinel = new URLSearchParams(query);
  return {
    kind,
    tls: tls === 's',
    hosts,
    database: Number(database ?? 0),
    username: decode(username),
    password: decode(password),
    group: decode(group),
    sentinelUsername: sentinel.get('sentinelUsername') ?? undefined,
    sentinelPassword: sentinel.get('sentinelPassword') ?? undefined,
  };
}

function parseHost(text: string, fallback: number): { host: string; port: number } | undefined {
  const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? undefined : { host, port: port === undefined ? fallback : Number(port) };
}

/** What stands percent-encoded in a URL; nothing for nothing. */
function decode(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
