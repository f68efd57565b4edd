import type { Bench } from './scenario.ts';
import type { BenchProducer, System } from './systems/system.ts';

/** Puts the bench's tasks into the empty queue. */
export async function fill(system: System, bench: Bench): Promise<void> {
  const producer = await system.openProducer(bench);
  await producer.enqueueBulk(0, bench.tasks);
  await producer.close();
}

/** Enqueues `count` tasks, at most `inFlight` of them unacknowledged at any moment. */
export async function enqueueInParallel(
  producer: BenchProducer,
  count: number,
  inFlight: number,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await producer.enqueue(next++);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
}
