import { killKinds, makePlan } from './plan.ts';

test('the same seed gives the same plan, another seed another one', () => {
  expect(makePlan({ seed: 7, kills: 50 })).toEqual(makePlan({ seed: 7, kills: 50 }));
  expect(makePlan({ seed: 7, kills: 50 })).not.toEqual(makePlan({ seed: 8, kills: 50 }));
});

test('a plan has exactly the kills asked for, of every kind, and disturbances on top', () => {
  const kinds = makePlan({ seed: 7, kills: 1000 }).map(({ fault }) => fault.kind);
  const kills = kinds.filter((kind) => killKinds.some((kill) => kill === kind));
  expect(kills).toHaveLength(1000);
  expect(new Set(kinds).size).toBe(8);
});
