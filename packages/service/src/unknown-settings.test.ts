import { unknownSettings } from './unknown-settings.ts';

test('a mistyped variable is told with the nearest right name', () => {
  const env = { API_KEY: 'x', TASK_MAX_RETRY: '5', WORKER_PRIORITY: 'HIGH', ENGINE_THREAD: '2' };
  expect(unknownSettings(env)).toEqual([
    { name: 'API_KEY', nearest: 'API_KEYS' },
    { name: 'TASK_MAX_RETRY', nearest: 'TASK_MAX_RETRIES' },
    { name: 'WORKER_PRIORITY', nearest: 'WORKER_PRIORITIES' },
    { name: 'ENGINE_THREAD', nearest: 'ENGINE_THREADS' },
  ]);
});

test('what another process of ours reads, and what is not ours, is left alone', () => {
  expect(unknownSettings({ WORKER_PRIORITIES: 'HIGH', TASK_DEFAULT_TTL: '60', PATH: '/bin' })).toEqual([]);
});
