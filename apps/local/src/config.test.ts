import { loadLocalConfig } from './config.ts';

test('without REDIS_URL a local run is free to find a server itself', () => {
  expect(loadLocalConfig({ API_PORT: '' })).toEqual({
    REDIS_URL: undefined,
    USE_ADVANCED_REDIS: true,
    API_PORT: 8000,
    WORKER_HEALTH_PORT: 0,
  });
  expect(loadLocalConfig({ REDIS_URL: 'redis://there:1' }).REDIS_URL).toBe('redis://there:1');
});
