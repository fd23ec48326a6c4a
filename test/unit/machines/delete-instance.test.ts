import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import { type DeleteCheckpoint, deleteInstanceChart, type RunInput } from '../../../machines/index.js';
import { JetfleetError } from '../../../src/jobs/errors.js';
import type { DeleteInstancePayload } from '../../../src/jobs/payloads.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const SETTINGS = { verifyIntervalMs: 100, settleMs: 300, giveUpAfterMs: 10_000 };
const named: DeleteInstancePayload = { instanceId: 'i', instanceName: 'jetfleet-x' };
const known: DeleteInstancePayload = { instanceId: 'i', novitaInstanceId: 'p-1' };
const down = () => new JetfleetError('JETFLEET_PROVIDER_TRANSIENT', 'answered 503', { retryable: true });

/** One run, `afterMs` from the start, with what the run before has left. */
async function look(
  payload: DeleteInstancePayload,
  found: () => string[],
  { afterMs = 0, checkpoint, remove = () => {} }: Partial<LookOptions> = {},
) {
  const deleted: string[] = [];
  const machine = deleteInstanceChart(SETTINGS).provide({
    actors: {
      findInstances: fromPromise(async () => found().map((id) => ({ id }))),
      deleteInstances: fromPromise(async ({ input }) => {
        remove();
        deleted.push(...input.instanceIds);
      }),
    },
  });
  const now = new Date(START + afterMs).toISOString();
  const input: RunInput<DeleteInstancePayload> = {
    jobId: 'j',
    type: 'delete_instance',
    attempt: 1,
    maxAttempts: 100,
    payload,
    now,
    ...(checkpoint && { checkpoint }),
  };
  const outcome = await toPromise(createActor(machine, { input }).start());
  const left = outcome.kind === 'snoozed' ? (outcome.checkpoint as DeleteCheckpoint) : undefined;
  return { outcome, deleted, left };
}

interface LookOptions {
  afterMs: number;
  checkpoint: DeleteCheckpoint | undefined;
  remove: () => void;
}

const fail = (error: Error) => (): never => {
  throw error;
};

describe('deleting what was rented', () => {
  it('deletes all that it finds, and looks again before it calls it gone', async () => {
    const first = await look(known, () => ['p-1']);
    expect(first.deleted).toEqual(['p-1']);
    expect(first.outcome).toMatchObject({ kind: 'snoozed', delayMs: 100 });
    const second = await look(known, () => [], { afterMs: 100, checkpoint: first.left });
    expect(second.outcome).toEqual({ kind: 'completed', result: { deleted: ['p-1'] } });
  });

  it('is done at once when an instance that was seen is gone', async () => {
    const { outcome, deleted } = await look(known, () => []);
    expect(deleted).toEqual([]);
    expect(outcome).toEqual({ kind: 'completed', result: { deleted: [] } });
  });

  it('waits for a name until nothing of it has shown for the settling time', async () => {
    const first = await look(named, () => []);
    expect(first.outcome.kind).toBe('snoozed');
    const second = await look(named, () => [], { afterMs: 299, checkpoint: first.left });
    expect(second.outcome.kind).toBe('snoozed');
    const third = await look(named, () => [], { afterMs: 300, checkpoint: second.left });
    expect(third.outcome).toEqual({ kind: 'completed', result: { deleted: [] } });
  });

  it('begins to wait anew when an instance of the name shows late', async () => {
    const first = await look(named, () => []);
    const second = await look(named, () => ['late'], { afterMs: 200, checkpoint: first.left });
    expect(second.deleted).toEqual(['late']);
    const third = await look(named, () => [], { afterMs: 400, checkpoint: second.left });
    expect(third.outcome.kind).toBe('snoozed');
    const fourth = await look(named, () => [], { afterMs: 700, checkpoint: third.left });
    expect(fourth.outcome).toEqual({ kind: 'completed', result: { deleted: ['late'] } });
  });

  it.each([
    ['the look', { found: fail(down()), remove: () => {} }],
    ['the delete', { found: () => ['p-1'], remove: fail(down()) }],
  ])('goes on after an error of %s, with growing pauses up to a minute', async (_, { found, remove }) => {
    const pauses: number[] = [];
    let checkpoint: DeleteCheckpoint | undefined;
    for (let n = 0; n < 12; n++) {
      const run = await look(known, found, { checkpoint, remove });
      checkpoint = run.left;
      pauses.push(run.outcome.kind === 'snoozed' ? run.outcome.delayMs : -1);
    }
    expect(pauses.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(pauses.at(-1)).toBe(60_000);
  });

  it('waits as long as the provider asks', async () => {
    const busy = new JetfleetError('JETFLEET_PROVIDER_RATE_LIMITED', 'slow down', {
      retryable: true,
      retryAfterMs: 5_000,
    });
    expect((await look(known, fail(busy))).outcome).toMatchObject({ kind: 'snoozed', delayMs: 5_000 });
  });

  it.each([
    ['errors', fail(down()), 'answered 503'],
    ['still shows', () => ['p-1'], 'the provider still reports it'],
  ])('fails, saying that it may cost money, when the provider %s for too long', async (_, found, why) => {
    const { left } = await look(known, () => ['p-1']);
    const { outcome } = await look(known, found, { afterMs: 10_001, checkpoint: left });
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'JETFLEET_INSTANCE_NOT_DELETED', retryable: false },
    });
    expect(JSON.stringify(outcome)).toContain(`may still cost money: ${why}`);
  });
});
