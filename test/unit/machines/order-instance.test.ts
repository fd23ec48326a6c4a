import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import {
  type InstanceOrder,
  type OrderCheckpoint,
  type OrderedInstance,
  orderInstanceChart,
  type RunInput,
  verdictOf,
} from '../../../machines/index.js';
import type { OrderInstancePayload } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const SETTLE_MS = 10_000;
const SETTINGS = { verifyIntervalMs: 1_000, pollIntervalMs: 5_000, settleMs: SETTLE_MS };
const at = (ms: number) => new Date(START + ms).toISOString();
const is = (
  status: string,
  more: Partial<NonNullable<OrderedInstance>> = {},
): NonNullable<OrderedInstance> => ({
  status,
  healthy: status === 'running',
  isAble: true,
  ...more,
});
const refuses = (kind: string, retryable: boolean) =>
  new JetfleetError(`JETFLEET_PROVIDER_${kind}`, `refused as ${kind}`, { retryable });

function inputAt(
  afterMs: number,
  checkpoint?: unknown,
  payload: Partial<OrderInstancePayload> = {},
): RunInput<OrderInstancePayload> {
  return {
    ...{ jobId: 'j', type: 'restart_instance', attempt: 1, maxAttempts: 3 },
    payload: { instanceId: 'i', novitaInstanceId: 'p-1', maxWaitTime: 60_000, ...payload },
    now: at(afterMs),
    ...(checkpoint !== undefined && { checkpoint }),
  };
}

describe('what a read says about an order', () => {
  const sent = (afterMs: number, more: Partial<OrderCheckpoint> = {}) => ({ sentAt: at(-afterMs), ...more });
  const LATE = SETTLE_MS + 1;
  const [before, after] = [at(-90_000), at(-5_000)];

  it.each<[InstanceOrder, Partial<OrderCheckpoint>, NonNullable<OrderedInstance>, string]>([
    ['start', {}, is('running'), 'done'],
    ['start', {}, is('stopped'), 'send'],
    ['start', {}, is('provisioning'), 'wait'],
    ['start', {}, is('stopping'), 'wait'],
    ['start', {}, is('unknown'), 'wait'],
    ['start', {}, is('terminating'), 'wait'],
    ['start', {}, is('running', { healthy: false }), 'wait'],
    ['start', {}, is('failed'), 'send'],
    ['start', sent(1), is('stopped'), 'wait'],
    ['start', sent(LATE), is('stopped'), 'send'],
    ['start', sent(LATE, { isUnderWay: true }), is('stopped'), 'send'],
    ['start', sent(LATE), is('provisioning'), 'wait'],
    ['stop', {}, is('stopped'), 'done'],
    ['stop', {}, is('running'), 'send'],
    ['stop', {}, is('provisioning'), 'send'],
    ['stop', {}, is('migrating'), 'wait'],
    ['stop', sent(1), is('running'), 'wait'],
    ['stop', sent(LATE), is('running'), 'send'],
    ['stop', sent(LATE), is('stopping'), 'wait'],
    ['restart', {}, is('running'), 'send'],
    ['restart', {}, is('stopped'), 'send'],
    ['restart', {}, is('provisioning'), 'wait'],
    // It may have been restarted, and nobody can say whether it was.
    ['restart', sent(1), is('running'), 'wait'],
    ['restart', sent(LATE), is('running'), 'unproven'],
    ['restart', sent(LATE, { isAccepted: true }), is('running'), 'done'],
    ['restart', sent(1, { isAccepted: true }), is('running'), 'wait'],
    ['restart', sent(1, { isUnderWay: true }), is('running'), 'done'],
    ['restart', sent(1, { isUnderWay: true }), is('running', { healthy: false }), 'wait'],
    // When it started says it.
    ['restart', sent(1, { startedBefore: before }), is('running', { startedAt: after }), 'done'],
    ['restart', sent(LATE, { startedBefore: before }), is('running', { startedAt: before }), 'send'],
    ['restart', sent(LATE, { isUnderWay: true }), is('stopped'), 'wait'],
    ['migrate', {}, is('preempted'), 'send'],
    ['migrate', {}, is('running'), 'done'],
    ['migrate', {}, is('running', { healthy: false }), 'send'],
    ['migrate', sent(1), is('preempted'), 'wait'],
    ['migrate', sent(LATE), is('preempted'), 'send'],
    ['migrate', sent(LATE), is('migrating'), 'wait'],
  ])('%s, %o, %o: %s', (order, checkpoint, read, verdict) => {
    const context = { checkpoint: { since: at(-120_000), reads: 1, ...checkpoint }, input: inputAt(0) };
    expect(verdictOf(order, context, read, SETTLE_MS)).toBe(verdict);
  });
});

interface Run {
  read: () => OrderedInstance;
  send?: () => void;
  announced?: (checkpoint: OrderCheckpoint) => void;
}

async function run(
  order: 'start' | 'stop' | 'restart',
  input: RunInput<OrderInstancePayload>,
  { read, send = () => {}, announced = () => {} }: Run,
) {
  const machine = orderInstanceChart(order, SETTINGS).provide({
    actors: {
      readInstance: fromPromise(async () => read()),
      announceOrder: fromPromise(async ({ input: { checkpoint } }) => announced(checkpoint)),
      orderInstance: fromPromise(async () => send()),
    },
  });
  const outcome = await toPromise(createActor(machine, { input }).start());
  return { outcome, left: outcome.kind === 'snoozed' ? (outcome.checkpoint as OrderCheckpoint) : undefined };
}

/** Runs after runs, each with what the one before has left, until the job ends. */
async function runs(
  order: 'start' | 'stop' | 'restart',
  given: { read: (ms: number) => OrderedInstance; send?: (ms: number) => void },
) {
  let checkpoint: unknown;
  let now = 0;
  for (let count = 0; count < 100; count++) {
    const ms = now;
    const { outcome, left } = await run(order, inputAt(ms, checkpoint), {
      read: () => given.read(ms),
      send: () => given.send?.(ms),
    });
    if (outcome.kind !== 'snoozed') return { outcome, now };
    checkpoint = left;
    now += outcome.delayMs;
  }
  throw new Error('the job never ended');
}

describe('an order', () => {
  it('is written before it is sent, sent once, and ends when a read shows it', async () => {
    const sends: number[] = [];
    const { outcome } = await runs('stop', {
      read: (ms) => is(sends.length === 0 ? 'running' : ms < 4_000 ? 'stopping' : 'stopped'),
      send: (ms) => sends.push(ms),
    });
    expect(outcome).toMatchObject({ kind: 'completed', result: { status: 'stopped', isUnchanged: false } });
    expect(sends).toEqual([0]);
    const order: string[] = [];
    await run('stop', inputAt(0), {
      read: () => is('running'),
      announced: ({ sentAt }) => order.push(`announced ${sentAt}`),
      send: () => order.push('sent'),
    });
    expect(order).toEqual([`announced ${at(0)}`, 'sent']);
  });

  it('is not sent for an instance that is so already', async () => {
    const send = () => expect.unreachable();
    const { outcome } = await run('start', inputAt(0), { read: () => is('running'), send });
    expect(outcome).toMatchObject({ kind: 'completed', result: { status: 'running', isUnchanged: true } });
  });

  it('whose answer was lost is proven by reads before it is repeated', async () => {
    const sends: number[] = [];
    const { outcome } = await runs('start', {
      read: () => is(sends.length === 2 ? 'running' : 'stopped'),
      send: (ms) => {
        sends.push(ms);
        if (sends.length === 1) throw refuses('TRANSIENT', true);
      },
    });
    expect(outcome).toMatchObject({ kind: 'completed', result: { status: 'running' } });
    expect(sends).toHaveLength(2);
    expect(sends[1]).toBeGreaterThanOrEqual(SETTLE_MS);
  });

  it('to restart is never repeated where nobody can say whether it was carried out', async () => {
    let sends = 0;
    const { outcome } = await runs('restart', {
      read: () => is('running'),
      send: () => {
        sends += 1;
        throw refuses('TRANSIENT', true);
      },
    });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'JETFLEET_PROVIDER_AMBIGUOUS' } });
    expect(sends).toBe(1);
  });

  it('that a provider cannot carry out fails with a code, and nothing is sent', async () => {
    const send = () => expect.unreachable();
    const { outcome } = await run('stop', inputAt(0), { read: () => is('running', { isAble: false }), send });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'JETFLEET_INSTANCE_UNSUPPORTED' } });
  });

  it.each([
    ['VALIDATION', false, 'failed'],
    ['BALANCE', false, 'failed'],
    ['CONFLICT', false, 'snoozed'],
    ['NOT_FOUND', false, 'snoozed'],
    ['CAPACITY', true, 'snoozed'],
    ['RATE_LIMITED', true, 'snoozed'],
  ] as const)('that is refused as %s ends the run %s', async (kind, retryable, end) => {
    const { outcome } = await run('start', inputAt(0), {
      read: () => is('stopped'),
      send: () => {
        throw refuses(kind, retryable);
      },
    });
    expect(outcome.kind).toBe(end);
  });

  it('fails when the instance is proven to be gone, and by no single read', async () => {
    const { outcome, now } = await runs('start', { read: () => null });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'JETFLEET_INSTANCE_VANISHED' } });
    expect(now).toBeGreaterThanOrEqual(SETTLE_MS);
  });

  it('times out with what was read last, and leaves the instance as it is', async () => {
    const { outcome } = await runs('start', { read: () => is('provisioning') });
    expect(outcome).toMatchObject({
      kind: 'failed',
      timedOut: true,
      error: { code: 'JETFLEET_INSTANCE_TIMEOUT' },
    });
    expect(outcome.kind === 'failed' && outcome.error.message).toContain('provisioning');
  });

  it('waits out a provider that cannot be read, for no longer than its time', async () => {
    const { outcome } = await runs('stop', {
      read: () => {
        throw refuses('AUTH', false);
      },
    });
    expect(outcome).toMatchObject({ kind: 'failed', timedOut: true });
    expect(outcome.kind === 'failed' && outcome.error.message).toContain('refused as AUTH');
  });
});
