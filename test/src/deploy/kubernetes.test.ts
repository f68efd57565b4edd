import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../processes.ts';
import { readYamlDocuments } from './deploy-files.ts';

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
}

interface PodSpec {
  terminationGracePeriodSeconds: number;
  containers: { env?: { name: string; value: string }[]; securityContext: object }[];
}

const folder = 'deploy/kubernetes';

/** The model class of a kind, which knows the schema of its API version. */
const models = {
  'v1/ConfigMap': ['kubernetes-models/v1/ConfigMap', 'ConfigMap'],
  'v1/Service': ['kubernetes-models/v1/Service', 'Service'],
  'apps/v1/Deployment': ['kubernetes-models/apps/v1/Deployment', 'Deployment'],
  'policy/v1/PodDisruptionBudget': ['kubernetes-models/policy/v1/PodDisruptionBudget', 'PodDisruptionBudget'],
  'keda.sh/v1alpha1/ScaledObject': ['@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject', 'ScaledObject'],
  'keda.sh/v1alpha1/TriggerAuthentication': [
    '@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication',
    'TriggerAuthentication',
  ],
} as const satisfies Record<string, readonly [string, string]>;

async function readManifests(): Promise<Manifest[]> {
  const files = (await readdir(join(root, folder))).sort();
  const documents = await Promise.all(files.map((file) => readYamlDocuments(`${folder}/${file}`)));
  return documents.flat() as Manifest[];
}

function validate(manifest: Manifest): void {
  const [module, name] = models[`${manifest.apiVersion}/${manifest.kind}` as keyof typeof models];
  const Model = createRequire(import.meta.url)(module)[name];
  new Model(manifest).validate();
}

async function podOf(name: string): Promise<PodSpec> {
  const deployment = (await readManifests()).find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === name,
  );
  return (deployment as Manifest & { spec: { template: { spec: PodSpec } } }).spec.template.spec;
}

test('every manifest is valid by the schema of its API version', async () => {
  const manifests = await readManifests();
  expect(manifests.map(({ kind }) => kind).sort()).toEqual([
    'ConfigMap',
    'Deployment',
    'Deployment',
    'PodDisruptionBudget',
    'PodDisruptionBudget',
    'ScaledObject',
    'Service',
    'TriggerAuthentication',
  ]);
  for (const manifest of manifests) validate(manifest);
  const [deployment] = manifests.filter(({ kind }) => kind === 'Deployment') as [Manifest];
  expect(() => validate({ ...deployment, spec: { ...deployment.spec, replicas: 'many' } })).toThrow();
});

test('a pod is given longer to end than its process may take', async () => {
  const worker = await podOf('musicgen-worker');
  const grace = worker.containers[0]?.env?.find(({ name }) => name === 'WORKER_SHUTDOWN_GRACE_SECONDS');
  expect(worker.terminationGracePeriodSeconds).toBeGreaterThan(Number(grace?.value) + 10);
  expect((await podOf('musicgen-api')).terminationGracePeriodSeconds).toBeGreaterThan(10 + 10);
});

test('no container runs as root, writes to its root or keeps a capability', async () => {
  for (const name of ['musicgen-api', 'musicgen-worker']) {
    const pod = await podOf(name);
    expect(pod).toMatchObject({
      securityContext: { runAsNonRoot: true },
      automountServiceAccountToken: false,
    });
    for (const { securityContext } of pod.containers)
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  }
});

test('replicas follow our own figure, never the lag of a stream', async () => {
  const scaled = (await readManifests()).find(({ kind }) => kind === 'ScaledObject');
  expect(scaled?.spec.triggers).toEqual([
    expect.objectContaining({
      type: 'metrics-api',
      metadata: expect.objectContaining({
        url: 'http://musicgen-api/api/v1/monitoring/autoscale',
        valueLocation: 'desired_replicas',
      }),
    }),
  ]);
});
