import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

/** What of the ScaledObject decides how advice becomes replicas. */
const scaledObjectSchema = z.object({
  spec: z.object({
    pollingInterval: z.number(),
    minReplicaCount: z.number(),
    advanced: z.object({
      horizontalPodAutoscalerConfig: z.object({
        behavior: z.object({
          scaleUp: z.object({ stabilizationWindowSeconds: z.number() }),
          scaleDown: z.object({
            stabilizationWindowSeconds: z.number(),
            policies: z.tuple([
              z.object({ type: z.literal('Percent'), value: z.number(), periodSeconds: z.number() }),
            ]),
          }),
        }),
      }),
    }),
  }),
});

export type ScalerSettings = z.infer<typeof scaledObjectSchema>['spec'];

const manifest = new URL('../../../deploy/kubernetes/autoscale.yaml', import.meta.url);

/** The settings that are shipped for Kubernetes. */
export async function readScalerSettings(): Promise<ScalerSettings> {
  const [scaledObject] = parseAllDocuments(await readFile(manifest, 'utf8'));
  return scaledObjectSchema.parse(scaledObject?.toJS()).spec;
}

/** For how many seconds advice must have been low before workers go. */
export function calmOf({ advanced }: ScalerSettings): number {
  return advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds;
}

export function withCalm(settings: ScalerSettings, stabilizationWindowSeconds: number): ScalerSettings {
  const { behavior } = settings.advanced.horizontalPodAutoscalerConfig;
  const scaleDown = { ...behavior.scaleDown, stabilizationWindowSeconds };
  return {
    ...settings,
    advanced: { horizontalPodAutoscalerConfig: { behavior: { ...behavior, scaleDown } } },
  };
}

/** Kubernetes' own rule for growing where a manifest names none: the larger of both, every 15 seconds. */
const growth = { factor: 2, pods: 4, periodSeconds: 15 };

/**
 * The horizontal autoscaler, as Kubernetes documents it: between least and most, no faster than its policies allow, and
 * down only to the highest advice of the stabilisation window.
 */
export function createScaler(settings: ScalerSettings, most: number) {
  const { scaleDown } = settings.advanced.horizontalPodAutoscalerConfig.behavior;
  const [shrink] = scaleDown.policies;
  const advised: { at: number; replicas: number }[] = [];
  const had: { at: number; replicas: number }[] = [];

  /** What there was at the beginning of a period that ends now. */
  const before = (now: number, periodSeconds: number, current: number) =>
    had.find(({ at }) => at >= now - periodSeconds)?.replicas ?? current;

  return {
    /** How many replicas there are to be, from the advice, at a second of the run. */
    decide(advice: number, current: number, now: number): number {
      const wanted = Math.min(most, Math.max(settings.minReplicaCount, advice));
      advised.push({ at: now, replicas: wanted });
      had.push({ at: now, replicas: current });
      while ((advised[0]?.at ?? now) < now - scaleDown.stabilizationWindowSeconds) advised.shift();
      while ((had[0]?.at ?? now) < now - 300) had.shift();
      if (wanted > current) {
        const base = before(now, growth.periodSeconds, current);
        return Math.min(wanted, Math.max(base * growth.factor, base + growth.pods));
      }
      const calm = Math.max(...advised.map(({ replicas }) => replicas));
      const floor = Math.ceil(before(now, shrink.periodSeconds, current) * (1 - shrink.value / 100));
      return Math.min(current, Math.max(calm, floor));
    },
  };
}
