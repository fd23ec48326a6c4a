import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  claimedAttempt,
  type JobEvent,
  type JobMachineInput,
  jobMachine,
  nextJobState,
  resolveJobState,
} from '../../../machines/index.js';
import type { JobState } from '../../../src/jobs/vocabulary.js';

const OPEN_STATES: JobState[] = ['queued', 'scheduled', 'retrying', 'running', 'waiting'];
const NOW = '2026-01-01T00:00:00.000Z';
const error = { code: 'JETFLEET_STALLED', message: 'lost', retryable: false };
const EVENTS: JobEvent[] = [
  { type: 'CLAIM', now: NOW },
  { type: 'RESUME', now: NOW },
  { type: 'RECLAIM', now: NOW, error },
];
const input = fc.record({
  jobId: fc.constant('job-1'),
  type: fc.constant('demo'),
  payload: fc.jsonValue(),
  attempt: fc.nat(4),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
}) satisfies fc.Arbitrary<JobMachineInput>;

const resolved = (state: JobState, given: JobMachineInput) => resolveJobState(state, given, jobMachine);

describe('the short path', () => {
  it('claims as the chart does, wherever it gives an answer', () => {
    let answers = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...OPEN_STATES),
        fc.constantFrom(...EVENTS),
        input,
        (state, event, given) => {
          const attempt = claimedAttempt(state, event, given);
          if (attempt === undefined) return;
          answers++;
          const next = nextJobState(jobMachine, resolved(state, given), event);
          expect(next).toMatchObject({ state: 'running', accepted: true, context: { attempt } });
          expect(next.context.checkpoint).toBeUndefined();
        },
      ),
      { numRuns: 1_000 },
    );
    expect(answers).toBeGreaterThan(10);
  });

  it('completes as the chart does, with whatever result', () => {
    fc.assert(
      fc.property(input, fc.jsonValue(), (given, result) => {
        const outcome = { kind: 'completed', result } as const;
        const done = { type: 'xstate.done.actor.run', output: outcome } as unknown as JobEvent;
        const next = nextJobState(jobMachine, resolved('running', given), done);
        expect(next).toMatchObject({ state: 'completed', context: { attempt: given.attempt, outcome } });
        expect(next.context.error).toBeUndefined();
      }),
    );
  });
});
