import { priorityNames } from '@musicgen/contract';
import { loadConfig } from '@musicgen/service';
import { workerConfigSchema } from '@musicgen/worker/config';
import { Ajv2019 } from 'ajv/dist/2019.js';
import addFormats from 'ajv-formats';
import { readProjectFile, readYaml } from './deploy-files.ts';

interface Service {
  image: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  container_name?: string;
  environment?: Record<string, string>;
  env_file?: { path: string; required: boolean }[];
  ports?: string[];
  volumes?: string[];
  networks: string[];
  deploy?: { replicas: number };
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
  init?: boolean;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
}

interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
}

const path = 'docker-compose.scale.yml';
const workers = ['worker', 'worker-low', 'worker-critical'];
const readCompose = async () => (await readYaml(path)) as Compose;

test('the compose file is valid by the schema of the Compose Specification', async () => {
  const schema = JSON.parse(await readProjectFile('node_modules/dclint/schemas/compose.schema.json'));
  const ajv = new Ajv2019({ strict: false });
  addFormats.default(ajv);
  const validate = ajv.compile({ ...schema, $schema: undefined });
  expect([validate(await readCompose()), validate.errors]).toEqual([true, null]);
  expect(validate({ services: { api: { replicas: 'many' } } })).toBe(false);
});

test('every service drops what it does not need, and none has a name that a second replica would share', async () => {
  for (const service of Object.values((await readCompose()).services)) {
    expect(service).toMatchObject({
      init: true,
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.container_name).toBeUndefined();
  }
});

test('four workers serve all but LOW, one only LOW, one is kept for CRITICAL', async () => {
  const { services } = await readCompose();
  const served = workers.map((name) => [
    services[name]?.environment?.WORKER_PRIORITIES,
    services[name]?.deploy?.replicas,
  ]);
  expect(served).toEqual([
    ['CRITICAL,HIGH,NORMAL', 4],
    ['LOW', 1],
    ['CRITICAL', 1],
  ]);
  const covered = new Set(served.flatMap(([priorities]) => String(priorities).split(',')));
  expect([...covered].sort()).toEqual([...priorityNames].sort());
});

test('workers may be scaled: no port of the host, and they wait for a healthy Redis', async () => {
  const { services } = await readCompose();
  for (const name of workers) {
    expect(services[name]?.ports).toBeUndefined();
    expect(services[name]?.depends_on?.redis?.condition).toBe('service_healthy');
  }
});

test('a worker is given longer to stop than it may take to drain', async () => {
  const { services } = await readCompose();
  for (const name of workers) {
    const { environment = {}, stop_grace_period } = services[name] as Service;
    const drainSeconds = Number(environment.WORKER_SHUTDOWN_GRACE_SECONDS) + 10;
    expect(Number.parseInt(stop_grace_period ?? '0', 10)).toBeGreaterThan(drainSeconds);
  }
});

test('API and workers see the same Redis, audio and .env, and accept the environment they are given', async () => {
  const { services } = await readCompose();
  for (const name of ['api', ...workers]) {
    const service = services[name] as Service;
    expect(service.environment).toMatchObject({
      REDIS_URL: 'redis://redis:6379',
      ARTIFACT_URL: 'file:///data/artifacts',
    });
    expect(service.volumes).toContain('artifacts:/data/artifacts');
    expect(service.env_file).toEqual([{ path: '.env', required: false }]);
  }
  const config = loadConfig(workerConfigSchema, services.worker?.environment ?? {});
  expect(config).toMatchObject({
    WORKER_PRIORITIES: ['CRITICAL', 'HIGH', 'NORMAL'],
    WORKER_HEALTH_PORT: 9090,
  });
});

test('nothing is opened beyond this machine unless .env says so, and Redis to no one', async () => {
  const { services, networks } = await readCompose();
  expect(services.redis?.ports).toBeUndefined();
  expect(networks.backend?.internal).toBe(true);
  for (const name of ['redis', ...workers]) expect(services[name]?.networks).toEqual(['backend']);
  for (const { ports = [] } of Object.values(services))
    for (const port of ports) expect(port).toMatch(/^\$\{\w+_PUBLISH:-127\.0\.0\.1:\d+\}:\d+$/);
});

test('every variable the compose file reads is in .env.example with the same default', async () => {
  const example = await readProjectFile('.env.example');
  const used = [...(await readProjectFile(path)).matchAll(/\$\{(\w+):-([^}]*)\}/g)];
  expect(used.length).toBeGreaterThan(3);
  for (const [, name, fallback] of used) expect(example.split('\n')).toContain(`${name}=${fallback}`);
  expect(await readProjectFile(path)).not.toMatch(/\$\{\w+\}|\$[A-Za-z]/);
});

test('Redis keeps every write and evicts nothing', async () => {
  const { services } = await readCompose();
  expect(services.redis?.volumes).toContain('./deploy/redis.conf:/etc/redis.conf:ro');
  expect(services.redis?.command).toEqual(['redis-server', '/etc/redis.conf']);
  const settings = (await readProjectFile('deploy/redis.conf')).split('\n');
  for (const line of ['appendonly yes', 'appendfsync everysec', 'maxmemory-policy noeviction'])
    expect(settings).toContain(line);
});
