import { isTerminal, priorityNames, type TaskStatus } from '@musicgen/contract';
import type { LifecycleEvent } from '../lifecycle.ts';
import type { Claim, TaskConsumer } from '../task-queue.ts';
import { legalMoves } from '../task-record.ts';
import { type StreamsTestQueue, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const failure = { code: 'engine_crashed', detail: 'gone', retryable: true } as const;

/** mulberry32: uniform in [0, 1), the same sequence for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Workers that forget nothing: every claim they ever had, held or lost, may be used again at any time. */
async function storm(test: StreamsTestQueue, seed: number, steps: number) {
  const random = createRandom(seed);
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(random() * items.length)];
  const ids: string[] = [];
  const claims: Claim[] = [];
  const latest = new Map<string, Claim>();
  const staleAccepted: string[] = [];
  const workers = [1, 2, 3].map(() => test.createConsumer({ retry: { baseMs: 0, capMs: 0 } }));
  const recoverer = test.queue.createRecoverer({ leaseMs: 0, maxStalls: 2 });
  const claimNext = async () => {
    const claim = await pick(workers)?.claim();
    if (claim === undefined) return;
    claims.push(claim);
    latest.set(claim.task.id, claim);
  };
  const withClaim = async (use: (worker: TaskConsumer, claim: Claim) => Promise<unknown>) => {
    const [worker, claim] = [pick(workers), pick(claims)];
    if (worker === undefined || claim === undefined) return;
    const answer = await use(worker, claim);
    const isLost = String(answer) === 'lost';
    if (!isLost && latest.get(claim.task.id) !== claim) staleAccepted.push(`${claim.task.id}: ${answer}`);
  };
  const withId = async (use: (id: string) => Promise<unknown>) => {
    const id = pick(ids);
    if (id) await use(id);
  };
  const deeds: (() => Promise<unknown>)[] = [
    async () => ids.push(await test.enqueue({ priority: pick(priorityNames) ?? 'LOW', maxAttempts: 2 })),
    claimNext,
    () => withClaim((worker, claim) => worker.complete(claim, {})),
    () => withClaim((worker, claim) => worker.fail(claim, failure)),
    () => withClaim((worker, claim) => worker.handBack(claim, Buffer.from('codes'))),
    () => withClaim((worker, claim) => worker.heartbeat([{ claim, stage: 'generating' }])),
    () => withClaim((worker, claim) => worker.acknowledgeCancel(claim)),
    () => withId((id) => (random() < 0.2 ? test.producer.cancel(id) : test.producer.place(id))),
    () => withId((id) => test.producer.update(id, { priority: pick(priorityNames) ?? 'LOW' })),
    () => (random() < 0.2 ? recoverer.recover() : test.queue.createPromoter().promote()),
    () => test.queue.createReconciler().reconcile(),
  ];
  for (let step = 0; step < steps; step++) await pick([...deeds, ...deeds.slice(0, 3)])?.();
  return { ids, staleAccepted };
}

/** Brings every task that is still on its way to its end. */
async function settle({ queue, consumer }: StreamsTestQueue): Promise<void> {
  await queue.createRecoverer({ leaseMs: 0, maxStalls: 100 }).recover();
  await queue.createPromoter().promote();
  for (let claim = await consumer.claim(); claim !== undefined; claim = await consumer.claim()) {
    await consumer.complete(claim, {});
  }
}

function illegalMoves(events: readonly LifecycleEvent[]): string[] {
  const moves = events.map(({ task }, index) => [events[index - 1]?.task.status, task.status] as const);
  const isLegal = (from: TaskStatus | undefined, to: TaskStatus) =>
    from === undefined ? to === 'pending' : from === to ? !isTerminal(to) : legalMoves[from].includes(to);
  return moves.filter(([from, to]) => !isLegal(from, to)).map(([from, to]) => `${from} → ${to}`);
}

test.each([1, 2, 3, 4])(
  'in storm %i every task makes legal moves only, ends exactly once, and obeys its latest claim alone',
  async (seed) => {
    const queue = await setup();
    const { ids, staleAccepted } = await storm(queue, seed, 400);
    await settle(queue);
    expect(staleAccepted).toEqual([]);

    const reader = queue.queue.createLifecycleReader();
    for (const id of ids) {
      const events = (await reader.since(id, '0-0')) ?? [];
      const ends = events.filter(({ task }) => isTerminal(task.status));
      expect({ id, illegal: illegalMoves(events), ends: ends.length }).toEqual({ id, illegal: [], ends: 1 });
      const record = await queue.producer.get(id);
      expect(record?.status).toBe(ends[0]?.task.status);
      expect(record?.attempt).toBeLessThanOrEqual(2);
    }
    await reader.close();

    const counts = await queue.queue.createMonitor().counts();
    expect(counts).toMatchObject({ pending: 0, processing: 0 });
    expect(counts.completed + counts.failed + counts.cancelled).toBe(ids.length);
    const streams = await Promise.all(priorityNames.map((name) => queue.redis.xlen(queue.keys.stream(name))));
    expect(streams).toEqual([0, 0, 0, 0]);
  },
);
