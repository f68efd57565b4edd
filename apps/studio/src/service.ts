import { type Client, createClient } from '@musicgen/client';
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { stored } from './stored.ts';

/** Where the API is: beside this page, whatever path a proxy puts before both. */
export const baseUrl = new URL('.', location.href).href;

/** What the last answer said about the way to the service. */
export type Connection = 'unknown' | 'here' | 'away' | 'locked';
export const connection = signal<Connection>('unknown');

/** Until when the service wants to be asked less, in Unix milliseconds. */
let restUntil = 0;
export const restMs = () => Math.max(0, restUntil - Date.now());

/** How far the clock of the service is ahead of ours, in milliseconds. */
export const clockAhead = signal(0);

const lastingKey = stored<string>('key', '');
const passingKey = stored<string>('key', '', sessionStorage);
/** The key of whoever makes music; empty where there is none. */
export const apiKey = computed(() => passingKey.value || lastingKey.value);

/** Only for *Operate*, and forgotten with the tab: it may do more than the other. */
export const operatorKey = stored<string>('operator-key', '', sessionStorage);

/** Takes a key, for this tab or for good; an empty one forgets both. */
export function takeKey(key: string, isLasting: boolean): void {
  lastingKey.value = isLasting ? key : '';
  passingKey.value = isLasting ? '' : key;
  connection.value = 'unknown';
}

export const isKeyLasting = computed(() => lastingKey.value !== '');

export const service: ReadonlySignal<Client> = computed(() =>
  clientWith(apiKey.value, observedFetch(apiKey.value)),
);
/** For *Operate*: says nothing about the way to the service for everybody else. */
export const operation: ReadonlySignal<Client> = computed(() =>
  clientWith(operatorKey.value || apiKey.value, fetch.bind(globalThis)),
);

function clientWith(key: string, fetchThrough: typeof fetch): Client {
  return createClient({
    baseUrl,
    apiKey: key || undefined,
    // Whoever looks at the page is told at once; what repeats itself does so anyway.
    maxRetries: 0,
    timeoutMs: 20_000,
    fetch: fetchThrough,
  });
}

/** Every call tells whether the service is there; whatever shows that follows by itself. */
function observedFetch(key: string): typeof fetch {
  return async (input, init) => {
    try {
      const response = await fetch(input, init);
      // What another key was told says nothing about this one.
      if (key === apiKey.value) observe(response);
      return response;
    } catch (error) {
      if (!init?.signal?.aborted) connection.value = 'away';
      throw error;
    }
  };
}

function observe({ status, headers }: Response): void {
  connection.value = connectionBy(status);
  readClock(headers.get('Date'));
  if (status === 429) restUntil = Date.now() + Number(headers.get('Retry-After') ?? 5) * 1000;
}

function connectionBy(status: number): Connection {
  if (status === 401) return 'locked';
  return status === 502 || status === 504 ? 'away' : 'here';
}

/** The header counts whole seconds: less than two of difference say nothing. */
function readClock(date: string | null): void {
  const ahead = date === null ? 0 : Date.parse(date) - Date.now();
  clockAhead.value = Math.abs(ahead) < 2_000 ? 0 : ahead;
}
