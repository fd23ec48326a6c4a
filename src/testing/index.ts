/** `jetfleet/testing`: a queue for tests, with time that jumps, and assertions for any test runner. */
export { type ExpectedTime, expectJob, type JobExpectation, type JobQuery } from './expect-job.js';
export { type RunOptions, startTestQueue, type TestQueue, type TestQueueOptions } from './test-queue.js';
export type { Drained, DrainOptions } from './virtual-time.js';
