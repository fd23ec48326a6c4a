import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import { type DeleteCheckpoint, deleteInstanceChart, type RunInput } from '../../../machines/index.js';
import type { DeleteInstancePayload } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';
import type { JobOutcome } from '../../../src/jobs/outcome.js';

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
  let asked: string[] = [];
  const machine = deleteInstanceChart(SETTINGS).provide({
    actors: {
      findInstances: fromPromise(async ({ input }) => {
        asked = input.found;
        return found().map((id) => ({ id }));
      }),
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
  return { outcome, deleted, left, asked };
}

/** How looks at these times that find nothing end. */
async function quiet(payload: DeleteInstancePayload, times: number[], left?: DeleteCheckpoint) {
  let checkpoint = left;
  let outcome: JobOutcome | undefined;
  for (const afterMs of times) {
    const run = await look(payload, () => [], { afterMs, checkpoint });
    checkpoint = run.left;
    outcome = run.outcome;
  }
  return outcome as JobOutcome;
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
  it('deletes all that it finds, and looks again until it is proven gone', async () => {
    const first = await look(known, () => ['p-1']);
    expect(first.deleted).toEqual(['p-1']);
    expect(first.outcome).toMatchObject({ kind: 'snoozed', delayMs: 100 });
    const last = await quiet(known, [100, 250, 400], first.left);
    expect(last).toEqual({ kind: 'completed', result: { deleted: ['p-1'] } });
  });

  it.each([
    ['a name', named],
    ['an id', known],
  ])('waits for %s until three looks over the settling time have found nothing', async (_, payload) => {
    expect((await quiet(payload, [0, 150, 299])).kind).toBe('snoozed');
    expect((await quiet(payload, [0, 300])).kind).toBe('snoozed');
    expect(await quiet(payload, [0, 150, 300])).toEqual({ kind: 'completed', result: { deleted: [] } });
  });

  it('begins to wait again when an instance shows late', async () => {
    const first = await look(named, () => []);
    const second = await look(named, () => ['late'], { afterMs: 200, checkpoint: first.left });
    expect(second.deleted).toEqual(['late']);
    expect((await quiet(named, [400, 500, 600], second.left)).kind).toBe('snoozed');
    const last = await quiet(named, [400, 500, 700], second.left);
    expect(last).toEqual({ kind: 'completed', result: { deleted: ['late'] } });
  });

  it('asks for all that it has found so far, by id', async () => {
    const first = await look(named, () => ['p-1']);
    const second = await look(named, () => ['p-2'], { afterMs: 100, checkpoint: first.left });
    expect(second.asked).toEqual(['p-1']);
    const third = await look(named, () => [], { afterMs: 200, checkpoint: second.left });
    expect(third.asked).toEqual(['p-1', 'p-2']);
  });

  it('fails at once, with the reason, when what it found is not ours', async () => {
    const remove = fail(new JetfleetError('JETFLEET_INSTANCE_NOT_OURS', 'no job rented it'));
    const { outcome } = await look(known, () => ['p-1'], { remove });
    expect(outcome).toEqual({
      kind: 'failed',
      error: { code: 'JETFLEET_INSTANCE_NOT_OURS', message: 'no job rented it', retryable: false },
    });
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

  it('proves an absence at its own pace, however often the provider was away before', async () => {
    let checkpoint: DeleteCheckpoint | undefined;
    for (let time = 0; time < 6; time++)
      checkpoint = (await look(known, () => ['p-1'], { checkpoint, remove: fail(down()) })).left;
    const pauses: unknown[] = [];
    for (let time = 0; time < 2; time++) {
      const run = await look(known, () => [], { checkpoint, afterMs: 100 * time });
      pauses.push((run.outcome as { delayMs?: number }).delayMs);
      checkpoint = run.left;
    }
    expect(pauses).toEqual([100, 200]);
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
