import type { Priority, TaskStatus } from '@musicgen/contract';
import type { LifecycleEventType } from '@musicgen/queue';
import type { HistoryEvent, LifecycleEntry, Recorded } from '../history.ts';
import { checkHistory } from './check.ts';

const settings = { ageingMs: 1_000, maxAttempts: 3, maxStalls: 3 };

/** The life of tasks, one call an event; `violations` is what the checker says to all of it. */
function story() {
  const history: Recorded[] = [];
  const priorities = new Map<string, Priority>();
  let now = 1_000_000;

  const write = (event: HistoryEvent) => history.push({ at: now, ...event });
  const lifecycle = (
    task: string,
    event: LifecycleEventType,
    rest: Pick<LifecycleEntry, 'status' | 'attempt'>,
  ) =>
    write({
      type: 'lifecycle',
      id: `${now}-0`,
      task,
      event,
      priority: priorities.get(task) ?? 'NORMAL',
      ...rest,
    });

  const told = {
    pass(ms: number) {
      now += ms;
      return told;
    },
    worker(worker: string, ...serves: Priority[]) {
      write({ type: 'worker:started', worker, priorities: serves });
      return told;
    },
    created(task: string, priority: Priority = 'NORMAL') {
      priorities.set(task, priority);
      write({ type: 'enqueue:called', request: `request of ${task}`, task });
      lifecycle(task, 'created', { status: 'pending', attempt: 0 });
      write({
        type: 'enqueue:acknowledged',
        request: `request of ${task}`,
        task,
        priority,
        intent: 'complete',
      });
      return told.pass(10);
    },
    claimed(task: string, { worker = 'worker-1', token = `token of ${task}`, attempt = 1 } = {}) {
      const calledAt = now;
      now += 2;
      lifecycle(task, 'claimed', { status: 'processing', attempt });
      write({ type: 'claim:answered', worker, task, token, calledAt });
      write({ type: 'engine:started', worker, request: `request of ${task}` });
      return told.pass(10);
    },
    moved(task: string, event: LifecycleEventType, attempt = 0) {
      lifecycle(task, event, { status: 'pending', attempt });
      return told.pass(10);
    },
    completed(task: string, { worker = 'worker-1', token = `token of ${task}` } = {}) {
      lifecycle(task, 'completed', { status: 'completed', attempt: 1 });
      write({ type: 'ending:answered', worker, task, token, ending: 'complete', outcome: 'completed' });
      return told.pass(10);
    },
    stored(task: string, status: TaskStatus = 'completed', { attempt = 1, stalls = 0 } = {}) {
      write({ type: 'record:read', task, status, attempt, stalls });
      write({ type: 'list:read', task, status });
      return told;
    },
    notified(task: string) {
      const request = `request of ${task}`;
      const priority = priorities.get(task) ?? 'NORMAL';
      write({ type: 'enqueue:acknowledged', request, task, priority, intent: 'complete', notified: true });
      return told;
    },
    outside(task: string, status: TaskStatus, rest: { entry?: string; notify?: string } = {}) {
      write({ type: 'outbox:read', task, status, entry: status, notify: `request of ${task}`, ...rest });
      return told;
    },
    write(event: HistoryEvent) {
      write(event);
      return told.pass(10);
    },
    violations: () => checkHistory(history, settings).violations.map(({ kind, task }) => [kind, task]),
    figures: () => checkHistory(history, settings).figures,
  };
  return told.worker('worker-1', 'CRITICAL', 'HIGH', 'NORMAL', 'LOW');
}

test('a history in which all promises were kept has no violations', () => {
  const told = story()
    .created('a')
    .created('b', 'CRITICAL')
    .claimed('b')
    .claimed('a')
    .completed('b')
    .moved('a', 'stalled')
    .claimed('a', { token: 'second' })
    .completed('a', { token: 'second' })
    .stored('a', 'completed', { stalls: 1 })
    .stored('b');
  expect(told.violations()).toEqual([]);
  expect(told.figures()).toMatchObject({ acknowledged: 2, ended: { completed: 2 }, claims: 3, stalls: 1 });
});

test('a lost task is reported: acknowledged, and never finished', () => {
  expect(story().created('a').claimed('a').violations()).toEqual([['lost', 'a']]);
});

test('a lost task is reported: finished, but its record is gone', () => {
  expect(story().created('a').claimed('a').completed('a').violations()).toEqual([['lost', 'a']]);
});

test('a second accepted completion is reported, by the event and by the answer alone', () => {
  const once = story().created('a').claimed('a').completed('a').stored('a');
  const answer = { worker: 'worker-2', task: 'a', token: 'zombie', ending: 'complete' } as const;
  expect(once.write({ type: 'ending:answered', ...answer, outcome: 'completed' }).violations()).toEqual([
    ['accepted_twice', 'a'],
  ]);
  const twice = story().created('a').claimed('a').completed('a').completed('a', { token: 'zombie' });
  expect(twice.stored('a').violations()).toContainEqual(['accepted_twice', 'a']);
});

test('the same attempt may be told twice that it is accepted', () => {
  const told = story().created('a').claimed('a').completed('a').stored('a');
  const answer = { worker: 'worker-1', task: 'a', token: 'token of a', ending: 'complete' } as const;
  expect(told.write({ type: 'ending:answered', ...answer, outcome: 'completed' }).violations()).toEqual([]);
});

test('a completion that was accepted and then forgotten is reported', () => {
  const answer = { worker: 'worker-1', task: 'a', token: 'token of a', ending: 'complete' } as const;
  const told = story().created('a').claimed('a');
  told.write({ type: 'ending:answered', ...answer, outcome: 'completed' });
  expect(told.violations()).toContainEqual(['result_lost', 'a']);
});

test('a terminal status that changes is reported, in the store, before a client, and as a move', () => {
  const told = () => story().created('a').claimed('a').completed('a');
  expect(told().stored('a', 'failed').violations()).toEqual([['status_changed', 'a']]);
  const seen = told().write({ type: 'status:seen', task: 'a', status: 'cancelled' }).stored('a');
  expect(seen.violations()).toEqual([['status_changed', 'a']]);
  expect(told().moved('a', 'stalled').stored('a').violations()).toContainEqual(['illegal_move', 'a']);
});

test('a claim past a better priority is reported', () => {
  const told = story().created('low', 'LOW').created('critical', 'CRITICAL').claimed('low');
  told.completed('low').stored('low').claimed('critical').completed('critical').stored('critical');
  expect(told.violations()).toEqual([['order', 'low']]);
  expect(told.figures().orderViolations).toBe(1);
});

test('a claim past an earlier task of the same queue is reported, whether that is new or was returned', () => {
  const passedOver = story().created('first').created('second').claimed('second');
  passedOver.completed('second').stored('second').claimed('first').completed('first').stored('first');
  expect(passedOver.violations()).toEqual([['order', 'second']]);

  const returned = story().created('first').created('second').claimed('first').moved('first', 'returned');
  returned.claimed('second').completed('second').stored('second');
  returned.claimed('first', { token: 'again' }).completed('first', { token: 'again' }).stored('first');
  expect(returned.violations()).toEqual([['order', 'second']]);
});

test('a claim past a retried task is reported once that was seen waiting, and only then', () => {
  const retried = (isSeen: boolean) => {
    const told = story().created('retried', 'HIGH').claimed('retried').moved('retried', 'retrying', 1);
    if (isSeen) told.write({ type: 'retry:seen', task: 'retried', score: 1_000_050, afterId: '1000022-0' });
    told.created('a').claimed('a').completed('a').stored('a');
    told
      .claimed('retried', { attempt: 2 })
      .completed('retried')
      .stored('retried', 'completed', { attempt: 2 });
    return told.violations();
  };
  expect(retried(true)).toEqual([['order', 'a']]);
  expect(retried(false)).toEqual([]);
});

test('ageing may put a worse priority first, and must', () => {
  const aged = (first: string, second: string) => {
    // LOW is three levels below CRITICAL: four ageing periods lift it above.
    const told = story().created('low', 'LOW').pass(4_500).created('critical', 'CRITICAL');
    told.claimed(first).completed(first).stored(first);
    told.claimed(second).completed(second).stored(second);
    return told;
  };
  expect(aged('low', 'critical').violations()).toEqual([]);
  expect(aged('low', 'critical').figures().aged).toBe(1);
  expect(aged('critical', 'low').violations()).toEqual([['order', 'critical']]);
});

test('what a worker does not serve does not count as passed over', () => {
  const told = story().worker('reserved', 'CRITICAL', 'HIGH').created('low', 'LOW').pass(9_000);
  told.created('high', 'HIGH').claimed('high', { worker: 'reserved' }).completed('high').stored('high');
  told.claimed('low').completed('low').stored('low');
  expect(told.violations()).toEqual([]);
});

test('more attempts than allowed, or more starts than claims, are reported', () => {
  const retried = story().created('a');
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    retried.claimed('a', { token: `${attempt}`, attempt });
    if (attempt < 4) retried.moved('a', 'retrying', attempt);
  }
  retried.completed('a', { token: '4' }).stored('a', 'completed', { attempt: 4 });
  expect(retried.violations()).toEqual([['too_many_attempts', 'a']]);

  const started = story().created('a').claimed('a');
  started.write({ type: 'engine:started', worker: 'worker-2', request: 'request of a' });
  expect(started.completed('a').stored('a').violations()).toEqual([['too_many_starts', 'a']]);
});

test('a task that lost more workers than it may is a dead letter, and its stalls are counted', () => {
  const buried = (stalls: number) => {
    const told = story().created('a');
    for (let stall = 1; stall <= 3; stall += 1)
      told.claimed('a', { token: `${stall}` }).moved('a', 'stalled');
    told.claimed('a', { token: '4' });
    const failed = { id: '2000000-0', task: 'a', event: 'failed', status: 'failed' } as const;
    told.write({ type: 'lifecycle', ...failed, priority: 'NORMAL', attempt: 1 });
    return told.stored('a', 'failed', { stalls }).violations();
  };
  expect(buried(4)).toEqual([]);
  expect(buried(3)).toEqual([['wrong_end', 'a']]);
  expect(buried(2)).toContainEqual(['wrong_stalls', 'a']);
});

test('one request that became two tasks is reported', () => {
  const told = story().created('a').created('b').claimed('a').completed('a').stored('a');
  told.claimed('b').completed('b').stored('b');
  told.write({ type: 'enqueue:called', request: 'request of a', task: 'b' });
  expect(told.violations()).toEqual([['made_twice', undefined]]);
});

test('a handed-back task that waits beside an idle worker is reported', () => {
  const handedBack = (waitMs: number, { stalledMs = 0 } = {}) => {
    const told = story().worker('idle', 'NORMAL').created('a').claimed('a').pass(5_000);
    told.write({ type: 'wait:began', worker: 'idle' }).moved('a', 'returned');
    if (stalledMs > 0) told.write({ type: 'process:stalled', process: 'main', lastsMs: stalledMs });
    told.pass(waitMs);
    told.write({ type: 'wait:ended', worker: 'idle' });
    told.claimed('a', { worker: 'idle', token: 'second' }).completed('a', { token: 'second' });
    return told.stored('a').violations();
  };
  expect(handedBack(200)).toEqual([]);
  expect(handedBack(2_000)).toEqual([['slow_hand_back', 'a']]);
  // Who got no turn could not take it.
  expect(handedBack(2_000, { stalledMs: 1_900 })).toEqual([]);
});

test('what is left when all tasks are gone is reported, and a repair where no data was lost', () => {
  const told = story()
    .write({ type: 'leftover', key: 'chaos:checkpoint:a', detail: 'stays for ever' })
    .write({ type: 'memory:read', bytes: 100_000 })
    .write({ type: 'task:repaired', task: 'a', repair: 'requeued' })
    .write({ type: 'worker:exited', worker: 'worker-1', code: 1, signal: null });
  expect(
    told
      .violations()
      .map(([kind]) => kind)
      .toSorted(),
  ).toEqual(['leftover', 'memory_kept', 'repaired', 'unclean_exit']);
});

describe('what the outside is told', () => {
  const done = () => story().created('a').notified('a').claimed('a').completed('a').stored('a');

  test('is complete with the first claim and the end, however often each is read', () => {
    const told = done().outside('a', 'processing').outside('a', 'completed').outside('a', 'completed');
    expect(told.violations()).toEqual([]);
  });

  test('and was not, is reported', () => {
    expect(done().outside('a', 'processing').violations()).toEqual([['not_told', 'a']]);
    expect(done().violations()).toEqual([
      ['not_told', 'a'],
      ['not_told', 'a'],
    ]);
  });

  test('twice, of a task that has nothing to tell, or with the words of another, is reported', () => {
    const all = () => done().outside('a', 'processing').outside('a', 'completed');
    expect(all().outside('a', 'completed', { entry: 'another' }).violations()).toEqual([['told_wrong', 'a']]);
    expect(done().outside('a', 'processing').outside('a', 'completed', { notify: 'b' }).violations()).toEqual(
      [['told_wrong', 'a']],
    );
    const quiet = story().created('a').claimed('a').completed('a').stored('a').outside('a', 'completed');
    expect(quiet.violations()).toEqual([['told_wrong', 'a']]);
  });
});

test('a task that its owner does not find, finds twice, or that another finds, is reported', () => {
  const done = () => story().created('a').claimed('a').completed('a');
  const record = { type: 'record:read', task: 'a', status: 'completed', attempt: 1, stalls: 0 } as const;
  const listed = { type: 'list:read', task: 'a', status: 'completed' } as const;
  expect(done().write(record).violations()).toEqual([['wrong_list', 'a']]);
  expect(done().write(record).write(listed).write(listed).violations()).toEqual([['wrong_list', 'a']]);
  expect(
    done()
      .write(record)
      .write({ ...listed, owner: 'key-1' })
      .violations(),
  ).toEqual([['wrong_list', 'a']]);
});
