/**
 * What a chaos run shortens so that leases lapse, retries come due and queues age within seconds, in about the
 * proportions of a real fleet (lease 30 s, socket timeout 10 s, look-around 5 s).
 */
export const settings = {
  prefix: 'chaos',
  /** Nothing may be trimmed: the checker reads all events at the end. */
  lifecycleLength: 10_000_000,
  leaseMs: 1_500,
  renewEveryMs: 300,
  socketTimeoutMs: 1_000,
  maintenanceIntervalMs: 400,
  reconcileIntervalMs: 5_000,
  ageingMs: 2_000,
  retry: { baseMs: 100, capMs: 800 },
  maxAttempts: 3,
  maxStalls: 8,
  /** One step of the fake engine; a piece has as many as its request asks for seconds. */
  stepMs: 40,
  workers: 6,
} as const;

/** What the checker judges by. */
export type Settings = Record<'ageingMs' | 'maxAttempts' | 'maxStalls', number>;
