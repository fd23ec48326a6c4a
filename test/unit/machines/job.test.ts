import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, SimulatedClock, waitFor } from 'xstate';
import type { Delivery, Parked } from '../../../machines/index.js';
import {
  type JobEvent,
  type JobMachineContext,
  type JobMachineInput,
  jobMachine,
  jobStateOf,
  nextJobState,
  type RunInput,
  resolveJobState,
  sendWebhookMachine,
} from '../../../machines/index.js';
import { JetfleetError, RetryableError } from '../../../src/jobs/errors.js';
import type { JobOutcome } from '../../../src/jobs/outcome.js';
import type { JobState } from '../../../src/jobs/vocabulary.js';
import { error, input, LATER, left, NOW, never, running } from './job-fixture.js';

describe('how a run ends', () => {
  const cases: [string, () => unknown, Partial<JobMachineInput>, JobState][] = [
    ['a result', () => ({ kind: 'completed', result: 7 }), {}, 'completed'],
    ['a snooze', () => ({ kind: 'snoozed', delayMs: 9 }), {}, 'waiting'],
    ['a retryable error', () => ({ kind: 'failed', error: error('X', true) }), {}, 'retrying'],
    [
      'a retryable error on the last attempt',
      () => ({ kind: 'failed', error: error('X', true) }),
      { attempt: 1 },
      'exhausted',
    ],
    ['an error for good', () => ({ kind: 'failed', error: error('X') }), {}, 'rejected'],
    ['a timeout', () => ({ kind: 'failed', error: error('X'), timedOut: true }), {}, 'timed_out'],
    ['something that is no outcome', () => 42, {}, 'rejected'],
    ['nothing', () => undefined, {}, 'rejected'],
    [
      'a thrown TimeoutError',
      () => Promise.reject(new JetfleetError('JETFLEET_TIMEOUT', 't')),
      {},
      'timed_out',
    ],
    ['a thrown network error', () => Promise.reject(new TypeError('fetch failed')), {}, 'retrying'],
    ['a thrown string', () => Promise.reject('boom'), { attempt: 1 }, 'exhausted'],
    [
      'a thrown error for good',
      () => Promise.reject(new JetfleetError('JETFLEET_CLOSED', 'c')),
      {},
      'rejected',
    ],
  ];

  it.each(cases)('%s', async (_, result, more, state) => {
    const actor = running(
      fromPromise(async () => result()),
      more,
    );
    expect(jobStateOf(await waitFor(actor, left))).toBe(state);
  });

  it('gives the run its input, and keeps outcome and checkpoint', async () => {
    const inputs: RunInput[] = [];
    const run = fromPromise<JobOutcome, RunInput>(async (args) => {
      inputs.push(args.input);
      return { kind: 'snoozed', delayMs: 9, checkpoint: { page: 2 } };
    });
    const options = { webhookUrl: 'https://e.test/', timeoutMs: 50, tags: ['tenant:acme'] };
    const actor = running(run, { checkpoint: { page: 1 }, ...options });
    const { context } = await waitFor(actor, left);
    const common = { jobId: 'job-1', type: 'demo', attempt: 1, maxAttempts: 2, payload: { a: 1 } };
    expect(inputs).toEqual([{ ...common, ...options, checkpoint: { page: 1 }, now: NOW }]);
    expect(context).toMatchObject({ checkpoint: { page: 2 }, outcome: { kind: 'snoozed', delayMs: 9 } });

    actor.send({ type: 'RESUME', now: LATER });
    await waitFor(actor, left);
    expect(inputs[1]).toMatchObject({ attempt: 1, checkpoint: { page: 2 }, now: LATER });
  });

  it('keeps the checkpoint that a run made durable before it failed', async () => {
    let fail = (_: Error) => {};
    const actor = running(fromPromise(() => new Promise((_, reject) => (fail = reject))));
    actor.send({ type: 'CHECKPOINT', checkpoint: { instanceName: 'jf-1' } });
    fail(new RetryableError('again', { retryAfterMs: 70 }));
    const { context } = await waitFor(actor, left);
    expect(context.checkpoint).toEqual({ instanceName: 'jf-1' });
    expect(context.error).toMatchObject({ retryable: true, retryAfterMs: 70 });
  });

  it('keeps the checkpoint when a snooze brings none', async () => {
    const actor = running(
      fromPromise(async () => ({ kind: 'snoozed', delayMs: 9 })),
      { checkpoint: { page: 1 } },
    );
    expect((await waitFor(actor, left)).context.checkpoint).toEqual({ page: 1 });
  });

  it('runs a whole chart in place of a promise', async () => {
    const chart = sendWebhookMachine.provide({
      actors: {
        deliver: fromPromise(async (): Promise<Delivery | Parked> => ({ status: 204, durationMs: 3 })),
      },
    });
    const { context } = await waitFor(running(chart), left);
    expect(context.outcome).toEqual({ kind: 'completed', result: { status: 204, durationMs: 3 } });
  });
});

describe('time, cancellation and shutdown', () => {
  it.each([
    [1_000, 1_000],
    [undefined, 86_400_000],
  ])('fails an attempt with timeoutMs %s after %i ms and names the limit', (timeoutMs, limitMs) => {
    const clock = new SimulatedClock();
    const actor = running(never, timeoutMs === undefined ? {} : { timeoutMs }, clock);
    clock.increment(limitMs - 1);
    expect(jobStateOf(actor.getSnapshot())).toBe('running');
    clock.increment(1);
    expect(jobStateOf(actor.getSnapshot())).toBe('timed_out');
    expect(actor.getSnapshot().context.error).toMatchObject({ code: 'JETFLEET_TIMEOUT', retryable: false });
    expect(actor.getSnapshot().context.error?.message).toContain(`${limitMs} ms`);
  });

  it.each<JobEvent>([
    { type: 'CANCEL', error: error('JETFLEET_CANCELLED') },
    { type: 'TIMEOUT', error: error('JETFLEET_TIMEOUT') },
    { type: 'RELEASE' },
  ])('$type aborts the run', (event) => {
    let signal: AbortSignal | undefined;
    const actor = running(
      fromPromise((args) => {
        signal = args.signal;
        return new Promise(() => {});
      }),
    );
    expect(signal?.aborted).toBe(false);
    actor.send(event);
    expect(signal?.aborted).toBe(true);
  });

  it('burns no attempt when a worker shuts down', () => {
    const actor = running(never, { maxAttempts: 1 });
    actor.send({ type: 'RELEASE' });
    expect(jobStateOf(actor.getSnapshot())).toBe('queued');
    actor.send({ type: 'CLAIM', now: LATER });
    expect(actor.getSnapshot().context).toMatchObject({ attempt: 1, now: LATER });
    expect(jobStateOf(actor.getSnapshot())).toBe('running');
  });
});

describe('a job from its record', () => {
  it.each<JobState>(['queued', 'scheduled', 'retrying', 'running', 'waiting', 'completed', 'cancelled'])(
    'comes back as %s',
    (state) => {
      expect(jobStateOf(resolveJobState(state, input))).toBe(state);
    },
  );

  it('runs a job of a silent worker once, as a new attempt, and only after RECLAIM', () => {
    const runs: number[] = [];
    const run = fromPromise<JobOutcome, RunInput>(async (args) => {
      runs.push(args.input.attempt);
      return new Promise(() => {});
    });
    const machine = jobMachine.provide({ actors: { run } });
    const snapshot = resolveJobState('running', { ...input, attempt: 1, maxAttempts: 3 }, machine);
    const actor = createActor(machine, { snapshot, input }).start();
    expect(runs).toEqual([]);
    actor.send({ type: 'RECLAIM', now: LATER, error: error('JETFLEET_STALLED') });
    expect(runs).toEqual([2]);
    actor.send({ type: 'RECLAIM', now: LATER, error: error('JETFLEET_STALLED') });
    expect(runs).toEqual([2, 3]);
    actor.send({ type: 'RECLAIM', now: LATER, error: error('JETFLEET_STALLED') });
    expect(jobStateOf(actor.getSnapshot())).toBe('exhausted');
    expect(actor.getSnapshot().context.error?.code).toBe('JETFLEET_STALLED');
    actor.stop();
  });

  it('tells what a claim would lead to without running anything', () => {
    let ran = false;
    const run = fromPromise<JobOutcome, RunInput>(async () => {
      ran = true;
      return { kind: 'completed' };
    });
    const machine = jobMachine.provide({ actors: { run } });
    const queued = resolveJobState('queued', input, machine);
    const next = nextJobState(machine, queued, { type: 'CLAIM', now: NOW });
    expect(next).toMatchObject({ state: 'running', accepted: true });
    expect(next.context satisfies JobMachineContext).toMatchObject({ attempt: 1, now: NOW });
    expect(nextJobState(machine, queued, { type: 'RESUME', now: NOW })).toMatchObject({
      state: 'queued',
      accepted: false,
    });
    expect(ran).toBe(false);
  });

  it('fails a pending job that has no attempt left instead of leaving it for ever', () => {
    const snapshot = resolveJobState('retrying', { ...input, attempt: 2 });
    const { state, context } = nextJobState(jobMachine, snapshot, { type: 'CLAIM', now: NOW });
    expect(state).toBe('exhausted');
    expect(context).toMatchObject({ attempt: 2, error: { code: 'JETFLEET_STALLED' } });
  });
});
