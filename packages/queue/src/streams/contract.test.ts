import { describeQueue } from '../contract/describe-queue.ts';
import { useTestServer } from './test-setup.ts';

describeQueue(useTestServer());
