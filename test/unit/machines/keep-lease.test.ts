import { expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import { type KeepLeaseCheckpoint, keepLeaseChart, type RunInput } from '../../../machines/index.js';
import type { KeepLeasePayload } from '../../../src/instances/schemas.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');

/** Runs after runs until the job ends, or `untilMs`; with the pauses between them. */
async function keep(read: (ms: number) => { status: string } | null, untilMs = 100_000) {
  let checkpoint: KeepLeaseCheckpoint | undefined;
  const pauses: number[] = [];
  for (let now = 0; now < untilMs; ) {
    const ms = now;
    const machine = keepLeaseChart({ verifyIntervalMs: 1_000, settleMs: 4_000 }).provide({
      actors: { readInstance: fromPromise(async () => read(ms)) },
    });
    const input: RunInput<KeepLeasePayload> = {
      ...{ jobId: 'j', type: 'keep_lease', attempt: 1, maxAttempts: 3 },
      payload: { instanceId: 'i', novitaInstanceId: 'p-1', leaseMs: 30_000 },
      now: new Date(START + ms).toISOString(),
      ...(checkpoint && { checkpoint }),
    };
    const outcome = await toPromise(createActor(machine, { input }).start());
    if (outcome.kind !== 'snoozed') return { outcome, pauses };
    checkpoint = outcome.checkpoint as KeepLeaseCheckpoint;
    pauses.push(outcome.delayMs);
    now += outcome.delayMs;
  }
  return { outcome: undefined, pauses };
}

it.each([
  ['runs', () => ({ status: 'running' })],
  ['is stopped', () => ({ status: 'stopped' })],
  [
    'cannot be read',
    () => {
      throw new Error('503');
    },
  ],
])('the lease of an instance that %s is renewed three times in its time', async (_, read) => {
  const { outcome, pauses } = await keep(read);
  expect(outcome).toBeUndefined();
  expect(new Set(pauses)).toEqual(new Set([10_000]));
});

it('the lease of an instance that is gone ends once that is proven', async () => {
  const { outcome, pauses } = await keep((ms) => (ms < 20_000 ? { status: 'running' } : null));
  expect(outcome).toMatchObject({
    kind: 'completed',
    result: { novitaInstanceId: 'p-1', keptForMs: 24_000 },
  });
  expect(pauses).toEqual([10_000, 10_000, 1_000, 1_000, 1_000, 1_000]);
  expect((await keep((ms) => (ms === 20_000 ? null : { status: 'running' }))).outcome).toBeUndefined();
});
