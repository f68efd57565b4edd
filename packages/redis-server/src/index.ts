export { findRedisServer, installRedisServer } from './find-redis-server.ts';
export { freePort } from './free-port.ts';
export { type RedisCluster, startRedisCluster } from './start-redis-cluster.ts';
export { type RedisServer, type RedisServerOptions, startRedisServer } from './start-redis-server.ts';
export { type Sentinel, startSentinel } from './start-sentinel.ts';
