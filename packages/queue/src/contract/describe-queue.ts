import { describeAdmission } from './admission.ts';
import { describeAttempts } from './attempts.ts';
import { describeClaiming } from './claiming.ts';
import { describeEnding } from './ending.ts';
import { describeListing } from './listing.ts';
import { describeLooking } from './looking.ts';
import { describeTelling } from './telling.ts';
import type { SetupQueue } from './test-setup.ts';

/** Everything that a queue does, whatever keeps its tasks: every storage kind must pass. */
export function describeQueue(setup: SetupQueue): void {
  describe('admission', () => describeAdmission(setup));
  describe('claiming', () => describeClaiming(setup));
  describe('attempts', () => describeAttempts(setup));
  describe('listing', () => describeListing(setup));
  describe('ending', () => describeEnding(setup));
  describe('telling', () => describeTelling(setup));
  describe('looking', () => describeLooking(setup));
}
