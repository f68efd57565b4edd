import { ServiceError } from '@musicgen/contract';
import closeWithGrace from 'close-with-grace';
import { ConfigError } from './config.ts';
import type { Logger } from './logger.ts';
import { createReleasers, type Releasers } from './releasers.ts';
import { unknownSettings } from './unknown-settings.ts';

/** Exit code for a configuration, or a server it names, that cannot be used; restarting does not help. */
const exitBadConfig = 78;

export interface ProcessOptions<Config> {
  loadConfig: () => Config;
  createLogger: (config: Config) => Logger;
  /** How long closing may take before the process exits anyway. */
  closeWithinMs: (config: Config) => number;
  /**
   * Opens everything, registering each closing as it goes; the process runs until a signal comes. `closing` aborts
   * before anything is closed.
   */
  open: (parts: {
    config: Config;
    logger: Logger;
    releasers: Releasers;
    closing: AbortSignal;
    /** Closes in order and exits 0, as after SIGTERM. */
    close: () => void;
  }) => Promise<void>;
}

/**
 * The life of one process: configuration, logger, open, wait for SIGTERM or SIGINT, close in reverse, exit 0. A second
 * signal exits at once; an error that nobody caught closes too and exits 1, and one that no retry cures exits 78.
 */
export async function runProcess<Config>(options: ProcessOptions<Config>): Promise<void> {
  const config = configOrExit(options.loadConfig);
  const logger = options.createLogger(config);
  for (const setting of unknownSettings(process.env)) logger.warn('unknown setting', setting);
  const releasers = createReleasers(logger);
  const closing = new AbortController();
  const handle = closeWithGrace({ delay: options.closeWithinMs(config), logger }, async ({ err, signal }) => {
    if (err) logger.error('closing after an unexpected error', { error: err });
    else logger.info('closing', { signal });
    closing.abort();
    await releasers.releaseAll();
    logger.info('closed');
  });
  // Whoever started us over an IPC channel is gone: nobody is left to send the signal.
  if (process.connected) process.once('disconnect', () => handle.close());
  try {
    await options.open({ config, logger, releasers, closing: closing.signal, close: () => handle.close() });
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'dependency_unsupported') throw error;
    logger.error('cannot run', { reason: error.code, detail: error.message });
    closing.abort();
    await releasers.releaseAll();
    process.exit(exitBadConfig);
  }
}

function configOrExit<Config>(load: () => Config): Config {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(exitBadConfig);
  }
}
