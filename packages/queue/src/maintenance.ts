export interface RecovererOptions {
  /** How long a claim holds without a heartbeat. Not how often one looks: that is the loop's interval. */
  leaseMs: number;
  /** The longest an attempt may run, however alive its worker is. */
  stallTimeoutMs: number;
  /** How many lost workers a task survives. */
  maxStalls: number;
}

export interface Recoverer {
  /** Takes back every task whose worker is lost or has overrun its time; resolves to how many. */
  recover(signal?: AbortSignal): Promise<number>;
}

export interface Promoter {
  /** Makes every task claimable whose retry is due; resolves to how many. */
  promote(signal?: AbortSignal): Promise<number>;
}

export interface JanitorOptions {
  /**
   * Removes what belongs to a task elsewhere. Called before the record goes, so that nothing is left behind by a
   * crash; hence it may be called more than once for one task.
   */
  removeArtifacts?: (taskId: string) => Promise<void>;
}

export interface Janitor {
  /** Ends what has outlived its time and removes what is finished and past it. */
  clean(signal?: AbortSignal): Promise<{ expired: number; removed: number }>;
}

export interface MaintenanceOptions extends Partial<RecovererOptions>, JanitorOptions {
  /**
   * How often lost workers are looked for, retries made claimable and expired tasks ended, by whichever process is
   * first. Default 5 s; a worker beside API processes that do it may look less often.
   */
  intervalMs?: number;
  /** How often records, streams and indexes are compared. Default 5 minutes. */
  reconcileIntervalMs?: number;
}
