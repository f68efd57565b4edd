import { every } from './every.ts';

test('turns follow one another and never overlap', async () => {
  let running = 0;
  let most = 0;
  let turns = 0;
  await new Promise<void>((resolve) => {
    const loop = every({
      intervalMs: 1,
      async run() {
        running += 1;
        most = Math.max(most, running);
        await new Promise(setImmediate);
        running -= 1;
        turns += 1;
        if (turns === 5) resolve(loop.stop());
      },
      onError: fail,
    });
  });
  expect(most).toBe(1);
  expect(turns).toBe(5);
});

test('a turn that throws is reported and the next one follows', async () => {
  const errors: unknown[] = [];
  const turned = new Promise<void>((resolve) => {
    let turns = 0;
    const loop = every({
      intervalMs: 1,
      async run() {
        turns += 1;
        if (turns === 1) throw new Error('first');
        resolve(loop.stop());
      },
      onError: (error) => errors.push(error),
    });
  });
  await turned;
  expect(errors).toMatchObject([{ message: 'first' }]);
});

test('stopping waits for the running turn and tells it to hurry', async () => {
  let ended = false;
  const loop = every({
    intervalMs: 1,
    run: (signal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          ended = true;
          resolve();
        });
      }),
    onError: fail,
  });
  await loop.stop();
  expect(ended).toBe(true);
});

function fail(error: unknown): never {
  throw error;
}
