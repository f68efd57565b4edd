export {
  apiListenSettings,
  booleanSetting,
  ConfigError,
  integerSetting,
  listSetting,
  loadConfig,
  modelPathSetting,
  modelsPathSetting,
  ofFleet,
  pathSetting,
  portSetting,
  sharedSettings,
  taskSettings,
  withBucketKey,
  wordSetting,
  workerListenSettings,
} from './config.ts';
export {
  type ConfigSection,
  renderEnvExample,
  renderSettingNames,
  renderSettingsTable,
} from './env-example.ts';
export { type HealthOptions, healthHandlers, startHealthServer } from './health.ts';
export { type KeepTryingOptions, keepTrying } from './keep-trying.ts';
export { logEvents } from './log-events.ts';
export { createLogger, type Logger } from './logger.ts';
export { createRegistry } from './metrics.ts';
export { openTracer } from './open-tracer.ts';
export { redactConfig } from './redact-config.ts';
export { openRedis, type RedisSettings } from './redis-connection.ts';
export { logRedisConnection, redisProblem } from './redis-health.ts';
export { observeRedis } from './redis-metrics.ts';
export { parseRedisUrl } from './redis-url.ts';
export { createReleasers, type Releasers } from './releasers.ts';
export { type ProcessOptions, runProcess } from './run-process.ts';
export { countTaskEnds, deadLetterReason, type RequeueReason, taskCounters } from './task-counters.ts';
export { noTracer, parseTraceparent, type Span, type SpanOutcome, type Tracer } from './tracing.ts';
export { unknownSettings } from './unknown-settings.ts';
export { readVersion } from './version.ts';
