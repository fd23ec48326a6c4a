import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import {
  type AutoStopCheckpoint,
  autoStopMachine,
  extendLeaseMachine,
  type LeaseNews,
  type RunInput,
} from '../../../machines/index.js';
import type { AutoStopPayload, ExtendLeasePayload } from '../../../src/instances/schemas.js';
import { ConflictError } from '../../../src/jobs/errors.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const MINUTE = 60_000;
const at = (ms: number) => new Date(START + ms).toISOString();

/** Runs after runs until the job ends; `news` is what it was told by then. */
async function autoStop(
  payload: Partial<AutoStopPayload>,
  news: (ms: number) => LeaseNews = () => ({}),
  read: () => { status: string } | null = () => ({ status: 'running' }),
) {
  let checkpoint: AutoStopCheckpoint | undefined;
  let now = 0;
  for (let runs = 0; runs < 100; runs++) {
    const ms = now;
    const machine = autoStopMachine.provide({
      actors: {
        readNews: fromPromise(async () => news(ms)),
        keepNews: fromPromise<{ hasMore: boolean }, { jobId: string; checkpoint: AutoStopCheckpoint }>(
          async () => ({ hasMore: false }),
        ),
        readInstance: fromPromise(async () => read()),
      },
    });
    const input: RunInput<AutoStopPayload> = {
      ...{ jobId: 'j', type: 'auto_stop', attempt: 1, maxAttempts: 3 },
      payload: { instanceId: 'i', novitaInstanceId: 'p-1', ...payload },
      now: at(ms),
      ...(checkpoint && { checkpoint }),
    };
    const outcome = await toPromise(createActor(machine, { input }).start());
    if (outcome.kind !== 'snoozed') return { outcome, ms };
    checkpoint = outcome.checkpoint as AutoStopCheckpoint;
    now += outcome.delayMs;
  }
  throw new Error('the job never ended');
}

const stopping = [
  { type: 'stop_instance', idSuffix: 'stop', payload: { instanceId: 'i', novitaInstanceId: 'p-1' } },
];

describe('an auto-stop', () => {
  it('stops an instance that nobody has used', async () => {
    const { outcome, ms } = await autoStop({ idleMs: 10 * MINUTE });
    expect(outcome).toMatchObject({ kind: 'completed', result: { reason: 'idle' }, next: stopping });
    expect(ms).toBe(10 * MINUTE);
  });

  it('counts from the last use, whoever said it and in whatever order', async () => {
    const uses = [4, 9, 7].map((minute) => minute * MINUTE);
    const news = (ms: number): LeaseNews => {
      const said = uses.filter((use) => use <= ms).at(-1);
      return said === undefined ? {} : { usedAt: at(said) };
    };
    const { outcome, ms } = await autoStop({ idleMs: 10 * MINUTE }, news);
    expect(outcome).toMatchObject({ result: { reason: 'idle', lastUsedAt: at(7 * MINUTE) } });
    expect(ms).toBe(17 * MINUTE);
  });

  it.each([
    ['a use far in the future', { usedAt: at(1_000 * MINUTE) }, 20 * MINUTE],
    ['a use that cannot be read', { usedAt: 'yesterday' }, 10 * MINUTE],
  ])('is not put off for ever by %s', async (_, news, end) => {
    const { ms } = await autoStop({ idleMs: 10 * MINUTE }, (now) => (now === 10 * MINUTE ? news : {}));
    expect(ms).toBe(end);
  });

  it('ends a lease however much the instance is used, and at the last end that was said', async () => {
    const news = (ms: number): LeaseNews => ({ usedAt: at(ms), ...(ms === 0 && { until: at(30 * MINUTE) }) });
    const { outcome, ms } = await autoStop({ until: at(20 * MINUTE), action: 'delete' }, news);
    expect(outcome).toMatchObject({
      result: { reason: 'lease_over', until: at(30 * MINUTE) },
      next: [{ type: 'delete_instance', idSuffix: 'delete' }],
    });
    expect(ms).toBe(30 * MINUTE);
  });

  it.each([null, { status: 'stopped' }])('has nothing to stop of an instance that is %j', async (read) => {
    const { outcome } = await autoStop({ idleMs: 1 }, undefined, () => read);
    expect(outcome).toMatchObject({ kind: 'completed', result: { reason: 'ended' } });
    expect(outcome).not.toHaveProperty('next');
  });
});

describe('an extension of a lease', () => {
  const lease = { autoStopJobId: 'keeper', until: at(MINUTE) };
  async function extend(found: typeof lease | null, checkpoint?: unknown, send: () => void = () => {}) {
    const done: string[] = [];
    const machine = extendLeaseMachine.provide({
      actors: {
        findLease: fromPromise(async () => {
          done.push('found');
          return found;
        }),
        keepLease: fromPromise(async () => {
          done.push('kept');
        }),
        sendLease: fromPromise(async () => {
          done.push('sent');
          send();
        }),
      },
    });
    const input: RunInput<ExtendLeasePayload> = {
      ...{ jobId: 'j', type: 'extend_lease', attempt: 1, maxAttempts: 3 },
      payload: { instanceId: 'i', novitaInstanceId: 'p-1', byMs: MINUTE },
      ...{ now: at(0), checkpoint },
    };
    return { outcome: await toPromise(createActor(machine, { input }).start()), done };
  }

  it('is written before it is sent, and sent again as it was written', async () => {
    expect(await extend(lease)).toMatchObject({
      outcome: { kind: 'completed', result: lease },
      done: ['found', 'kept', 'sent'],
    });
    expect(await extend(null, lease)).toMatchObject({ outcome: { result: lease }, done: ['sent'] });
  });

  it('fails without a lease, and for one that is over', async () => {
    const none = await extend(null);
    expect(none).toMatchObject({ outcome: { kind: 'failed', error: { code: 'JETFLEET_NOT_FOUND' } } });
    const over = await extend(lease, undefined, () => {
      throw new ConflictError('job keeper is completed already');
    });
    expect(over.outcome).toMatchObject({ error: { code: 'JETFLEET_CONFLICT', retryable: false } });
  });
});
