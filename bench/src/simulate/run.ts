import { autoscale } from '@musicgen/api/autoscale';
import { drawArrivals, type Scenario } from './arrivals.ts';
import { createFleet, type Outcome } from './fleet.ts';
import { calmOf, createScaler, type ScalerSettings } from './scaler.ts';

export interface SimulationOptions {
  scenario: Scenario;
  settings: ScalerSettings;
  /** The most workers there may be; arrivals are as many times as dense as this is to the scenario's own number. */
  most: number;
  targetWaitSeconds: number;
  random: () => number;
}

/** How it stood at one moment. */
export interface Moment {
  minute: number;
  replicas: number;
  waiting: number;
}

export interface Simulated {
  most: number;
  targetWaitSeconds: number;
  calmSeconds: number;
  outcomes: Outcome[];
  moments: Moment[];
  workerHours: number;
  cost: number;
  /** Seconds of audio made, over those that the workers paid for could have made. */
  utilisation: number;
}

/** Nobody waits for a fleet that never finishes. */
const longestOverrunSeconds = 6 * 3600;

/** Replays arrivals second by second; the policy is asked as often as the scaler would, and obeyed as fast as it may be. */
export function simulate(options: SimulationOptions): Simulated {
  const { scenario, settings, most, targetWaitSeconds, random } = options;
  const arrivals = drawArrivals(scenario, most / scenario.workers, random);
  const fleet = createFleet(scenario);
  const scaler = createScaler(settings, most);
  const moments: Moment[] = [];
  const end = scenario.minutes * 60;
  let paidSeconds = 0;
  let next = 0;
  fleet.resize(settings.minReplicaCount, -1, random);

  for (let now = 0; now < end || !fleet.isIdle(); now += 1) {
    if (now > end + longestOverrunSeconds) break;
    for (let arrival = arrivals[next]; arrival && arrival.atSecond <= now; arrival = arrivals[next]) {
      fleet.submit(arrival);
      next += 1;
    }
    if (now % settings.pollingInterval === 0) {
      const state = fleet.state(now);
      const { desired_replicas: advice } = autoscale(state, { targetWaitSeconds });
      fleet.resize(scaler.decide(advice, fleet.count(), now), now, random);
      if (now % 60 === 0) moments.push({ minute: now / 60, replicas: fleet.count(), waiting: state.waiting });
    }
    paidSeconds += fleet.paidFor();
    fleet.tick(now);
  }
  const audioSeconds = arrivals.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    most,
    targetWaitSeconds,
    calmSeconds: calmOf(settings),
    outcomes: fleet.outcomes,
    moments,
    workerHours: paidSeconds / 3600,
    cost: (paidSeconds / 3600) * scenario.worker.cost_per_hour,
    utilisation: audioSeconds / (paidSeconds * scenario.worker.all),
  };
}
