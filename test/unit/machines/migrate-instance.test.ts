import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import {
  type MigrateCheckpoint,
  migrateInstanceChart,
  type OrderedInstance,
  type Replacement,
  type RunInput,
} from '../../../machines/index.js';
import { migrateInstance } from '../../../src/instances/lifecycle-jobs.js';
import type { MigrateInstancePayload } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const SETTINGS = { verifyIntervalMs: 1_000, pollIntervalMs: 2_000, settleMs: 4_000 };
const preempted = { status: 'preempted', healthy: false, isAble: true };
const running = { status: 'running', healthy: true, isAble: true };

interface World {
  read: () => OrderedInstance;
  send?: () => void;
  replacement?: () => Replacement;
}

/** Runs after runs until the job ends, and what was done in order. */
async function migrate(payload: Partial<MigrateInstancePayload>, world: World) {
  const done: string[] = [];
  let checkpoint: MigrateCheckpoint | undefined;
  const machine = migrateInstanceChart(SETTINGS).provide({
    actors: {
      readInstance: fromPromise(async () => world.read()),
      announceOrder: fromPromise(async () => {
        done.push('announced');
      }),
      orderInstance: fromPromise(async () => {
        done.push('sent');
        world.send?.();
      }),
      addReplacement: fromPromise(async () => {
        done.push('replaced');
        return { jobId: 'other' };
      }),
      readReplacement: fromPromise(async ({ input }) => {
        done.push(`asked for ${input.replacementJobId}`);
        return world.replacement?.() ?? { state: 'pending' as const };
      }),
    },
  });
  for (let now = 0; now < 200_000; ) {
    const input: RunInput<MigrateInstancePayload> = {
      ...{ jobId: 'j', type: 'migrate_instance', attempt: 1, maxAttempts: 3 },
      payload: { instanceId: 'i', novitaInstanceId: 'old', maxWaitTime: 30_000, ...payload },
      now: new Date(START + now).toISOString(),
      ...(checkpoint && { checkpoint }),
    };
    const outcome = await toPromise(createActor(machine, { input }).start());
    if (outcome.kind !== 'snoozed') return { outcome, done };
    checkpoint = outcome.checkpoint as MigrateCheckpoint;
    now += outcome.delayMs;
  }
  throw new Error('the job never ended');
}

const runsElsewhere: Replacement = { state: 'running', novitaInstanceId: 'new', createJobId: 'other' };
const asReplaced = {
  kind: 'completed',
  result: { novitaInstanceId: 'new', replaced: 'old', createJobId: 'other', isUnchanged: false },
  next: [
    { type: 'delete_instance', idSuffix: 'delete', payload: { instanceId: 'i', novitaInstanceId: 'old' } },
  ],
};

describe('a migration', () => {
  it("is the provider's own call where there is one, under the same id", async () => {
    let isSent = false;
    const { outcome, done } = await migrate(
      {},
      {
        read: () => (isSent ? running : preempted),
        send: () => {
          isSent = true;
        },
      },
    );
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { novitaInstanceId: 'old', isUnchanged: false },
    });
    expect(outcome).not.toHaveProperty('next');
    expect(done).toEqual(['announced', 'sent']);
  });

  it.each<[string, Partial<MigrateInstancePayload>, OrderedInstance]>([
    ['its provider cannot move it', {}, { ...preempted, isAble: false }],
    ['it is asked for', { by: 'replacement' }, running],
    ['it is gone', {}, null],
  ])(
    'is a replacement where %s, and the old one is deleted once the other runs',
    async (_, payload, seen) => {
      let looks = 0;
      const { outcome, done } = await migrate(payload, {
        read: () => seen,
        replacement: () => (++looks < 3 ? { state: 'pending' } : runsElsewhere),
      });
      expect(outcome).toMatchObject(asReplaced);
      expect(done).toEqual(['replaced', 'asked for other', 'asked for other', 'asked for other']);
    },
  );

  it('falls back on a replacement where the provider has no capacity', async () => {
    const { outcome, done } = await migrate(
      {},
      {
        read: () => preempted,
        send: () => {
          throw new JetfleetError('JETFLEET_PROVIDER_CAPACITY', 'no machine is free', { retryable: true });
        },
        replacement: () => runsElsewhere,
      },
    );
    expect(outcome).toMatchObject(asReplaced);
    expect(done).toEqual(['announced', 'sent', 'replaced', 'asked for other']);
  });

  it('of one that still runs, which the provider does not move, is a replacement; one that has stopped is waited for', async () => {
    const refuse = () => {
      throw new JetfleetError('JETFLEET_PROVIDER_CONFLICT', 'invalid state change', { retryable: false });
    };
    const running = await migrate(
      {},
      { read: () => ({ ...preempted, status: 'running' }), send: refuse, replacement: () => runsElsewhere },
    );
    expect(running.outcome).toMatchObject(asReplaced);
    const stopped = await migrate({}, { read: () => preempted, send: refuse });
    expect(stopped.outcome).toMatchObject({ kind: 'failed', timedOut: true });
  });

  it('leaves the old one as it is where no other one can be rented', async () => {
    const error = { code: 'JETFLEET_PROVIDER_CAPACITY', message: 'nothing is free' };
    const { outcome } = await migrate(
      { by: 'replacement' },
      { read: () => preempted, replacement: () => ({ state: 'failed', error }) },
    );
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: error.code } });
    expect(outcome).not.toHaveProperty('next');
  });

  it.each<[string, OrderedInstance, string]>([
    ['that the provider cannot move', { ...preempted, isAble: false }, 'JETFLEET_INSTANCE_UNSUPPORTED'],
    ['that is gone', null, 'JETFLEET_INSTANCE_VANISHED'],
  ])('by the provider alone fails for one %s', async (_, seen, code) => {
    const { outcome, done } = await migrate({ by: 'provider' }, { read: () => seen });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code } });
    expect(done).toEqual([]);
  });

  it.each([
    ['the same one', { novitaInstanceId: 'old' }, 7],
    ['another one', { novitaInstanceId: 'new', replaced: 'old', createJobId: 'other' }, undefined],
  ])('of a watch goes on with a watch of %s, which knows no price but its own', (_, result, pricePerHour) => {
    const payload = {
      instanceId: 'i',
      novitaInstanceId: 'old',
      watch: { pricePerHour: 7, reported: ['stopped'] },
    };
    const [next] = migrateInstance.after?.({ status: 'completed', payload, result } as never) ?? [];
    expect(next?.payload).toMatchObject({ novitaInstanceId: result.novitaInstanceId, reported: [] });
    const { pricePerHour: known } = Object(next?.payload) as { pricePerHour?: number };
    expect(known).toBe(pricePerHour);
  });

  it('changes nothing of one that runs and is well', async () => {
    const { outcome, done } = await migrate({}, { read: () => running });
    expect(outcome).toMatchObject({ kind: 'completed', result: { isUnchanged: true } });
    expect(done).toEqual([]);
  });
});
