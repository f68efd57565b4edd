import { bullmq } from './bullmq.ts';
import { ours } from './ours.ts';
import type { System } from './system.ts';

export const systems: readonly System[] = [ours, bullmq];

export function systemNamed(name: System['name']): System {
  return name === 'ours' ? ours : bullmq;
}
