export { findRedisServer, installRedisServer } from './find-redis-server.ts';
export { type RedisServer, type RedisServerOptions, startRedisServer } from './start-redis-server.ts';
