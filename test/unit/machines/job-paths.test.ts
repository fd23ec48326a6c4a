import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { adjacencyMapToArray, getAdjacencyMap, getShortestPaths } from 'xstate/graph';
import type { JobEvent, JobSnapshot } from '../../../machines/index.js';
import { jobMachine, jobStateOf, nextJobState } from '../../../machines/index.js';
import { JetfleetError } from '../../../src/jobs/errors.js';
import { isTerminal, type JobState, statusOf } from '../../../src/jobs/vocabulary.js';
import { error, input, LATER, NOW } from './job-fixture.js';

/** XState's own events are not in the chart's event type. */
const internal = (event: { type: string; output?: unknown; error?: unknown }) => event as unknown as JobEvent;
const ends = (output: unknown) => internal({ type: 'xstate.done.actor.run', output });
const throws = (thrown: unknown) => internal({ type: 'xstate.error.actor.run', error: thrown });

const EVENTS: JobEvent[] = [
  { type: 'CLAIM', now: NOW },
  { type: 'RESUME', now: LATER },
  { type: 'RECLAIM', now: LATER, error: error('JETFLEET_STALLED') },
  { type: 'CHECKPOINT', checkpoint: { step: 1 } },
  { type: 'REJECT', error: error('JETFLEET_PAYLOAD_INVALID') },
  { type: 'TIMEOUT', error: error('JETFLEET_TIMEOUT') },
  { type: 'CANCEL', error: error('JETFLEET_CANCELLED') },
  { type: 'RELEASE' },
  ends({ kind: 'completed', result: 1 }),
  ends({ kind: 'snoozed', delayMs: 5, checkpoint: { step: 2 } }),
  ends({ kind: 'snoozed', delayMs: 5 }),
  ends({ kind: 'failed', error: error('X', true) }),
  ends({ kind: 'failed', error: error('X') }),
  ends({ kind: 'failed', error: error('X'), timedOut: true }),
  ends('nonsense'),
  throws(new Error('network')),
  throws(new JetfleetError('JETFLEET_NON_RETRYABLE', 'no')),
  internal({ type: 'xstate.after.attemptTimeout.job.processing.running' }),
];

const EDGES = adjacencyMapToArray<JobSnapshot, JobEvent>(
  getAdjacencyMap(jobMachine, { input, events: EVENTS }),
).map(({ state, event, nextState }) => ({ from: state, event, to: nextState }));

describe('the job chart, on every edge between every state it can reach', () => {
  it('reaches every state of the vocabulary but `scheduled`, where only a producer puts a job', () => {
    const reached = new Set(
      getShortestPaths(jobMachine, { input, events: EVENTS }).map(({ state }) => jobStateOf(state)),
    );
    const wanted: JobState[] = ['queued', 'retrying', 'running', 'waiting', 'completed'];
    wanted.push('exhausted', 'rejected', 'timed_out', 'cancelled');
    expect([...reached].sort()).toEqual(wanted.sort());
    expect(EDGES.length).toBeGreaterThan(100);
  });

  it('never counts more attempts than allowed, nor fewer than none', () => {
    for (const { to } of EDGES) {
      expect(to.context.attempt).toBeGreaterThanOrEqual(0);
      expect(to.context.attempt).toBeLessThanOrEqual(to.context.maxAttempts);
    }
  });

  it('lets no event change a terminal job', () => {
    const terminal = EDGES.filter(({ from }) => isTerminal(statusOf(jobStateOf(from))));
    expect(terminal.length).toBeGreaterThan(0);
    for (const { from, to } of terminal) {
      expect(to.value).toEqual(from.value);
      expect(to.context).toEqual(from.context);
    }
  });

  it('has an error exactly on failed and retrying jobs', () => {
    for (const { to } of EDGES) {
      const state = jobStateOf(to);
      const failed = statusOf(state) === 'failed' || state === 'retrying';
      expect(to.context.error !== undefined, state).toBe(failed);
    }
  });

  it('begins an attempt only by CLAIM and RECLAIM, and gives one back only by RELEASE', () => {
    for (const { from, event, to } of EDGES) {
      const step = to.context.attempt - from.context.attempt;
      if (step === 1) expect(['CLAIM', 'RECLAIM']).toContain(event.type);
      else if (step === -1) expect(event.type).toBe('RELEASE');
      else expect(step).toBe(0);
    }
  });

  it('changes the checkpoint only where a run left one', () => {
    for (const { from, event, to } of EDGES) {
      const byRun = event.type === 'CHECKPOINT' || event.type.startsWith('xstate.done');
      if (!byRun) expect(to.context.checkpoint).toEqual(from.context.checkpoint);
    }
  });

  it('agrees with the pure function that a worker claims with', () => {
    for (const { from, event, to } of EDGES) {
      const next = nextJobState(jobMachine, from, event);
      expect(next.state).toBe(jobStateOf(to));
      expect(next.context).toEqual(to.context);
    }
  });

  it('works without input, as the pure functions of XState create it', () => {
    expect(
      createActor(jobMachine, { input: undefined as never })
        .start()
        .getSnapshot().value,
    ).toEqual({
      pending: 'queued',
    });
  });
});
