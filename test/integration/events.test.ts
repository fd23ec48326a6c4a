import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type EventHandler,
  type JobRecord,
  NonRetryableError,
  RetryableError,
  snooze,
} from '../../src/index.js';
import { type FleetOptions, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const handlers: NonNullable<FleetOptions['handlers']> = {
  demo: () => 'ok',
  other: () => 'ok',
  broken: () => Promise.reject(new NonRetryableError('no')),
};

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** A handler that keeps what it gets. */
function collector() {
  const seen: JobRecord[] = [];
  const seqs: number[] = [];
  const handler: EventHandler = (record, { seq }) => {
    seen.push(record);
    seqs.push(seq);
  };
  const words = () => seen.map(({ id, state }) => `${id} ${state}`);
  return { seen, seqs, handler, words };
}

const eventually = (check: () => void) => vi.waitFor(check, { interval: 10 });

/** Adds jobs one after the other, each once the one before has ended. */
async function run(fleet: Awaited<ReturnType<typeof startFleet>>, ...jobs: [type: string, id: string][]) {
  for (const [type, id] of jobs) {
    await fleet.queue.addJob(type, null, 'normal', { id });
    await fleet.waitForJob(id, ({ status }) => status === 'completed' || status === 'failed');
  }
}

describe('a filter', () => {
  test.each([
    [{}, ['a running', 'a completed', 'b running', 'b rejected', 'c running', 'c completed']],
    [{ type: 'demo' }, ['a running', 'a completed']],
    [{ type: ['demo', 'broken'], status: 'failed' as const }, ['b rejected']],
    [{ status: ['completed' as const, 'failed' as const] }, ['a completed', 'b rejected', 'c completed']],
    [{ id: 'c' }, ['c running', 'c completed']],
  ])('of %j lets through what it names, in order', async (filter, expected) => {
    await using fleet = await startFleet({ nats, handlers });
    await run(fleet, ['demo', 'a'], ['broken', 'b'], ['other', 'c']);
    const { handler, words } = collector();
    await using _ = await fleet.queue.events({ filter, from: 'all' }, handler);
    await eventually(() => expect(words()).toHaveLength(expected.length));
    expect(words()).toEqual(expected);
  });
});

describe('a consumer begins', () => {
  test('with what is new, by default', async () => {
    await using fleet = await startFleet({ nats, handlers });
    await run(fleet, ['demo', 'before']);
    const { handler, words } = collector();
    await using _ = await fleet.queue.events({}, handler);
    await run(fleet, ['demo', 'after']);
    await eventually(() => expect(words()).toEqual(['after running', 'after completed']));
  });

  test('at a sequence, and at a time', async () => {
    await using fleet = await startFleet({ nats, handlers });
    await run(fleet, ['demo', 'a']);
    const first = collector();
    await using _first = await fleet.queue.events({ from: 'all' }, first.handler);
    await eventually(() => expect(first.seqs).toHaveLength(2));
    const between = new Date(Date.parse(first.seen[1]?.updatedAt ?? '') + 50);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(between.getTime()), { interval: 5 });
    await run(fleet, ['demo', 'b']);

    const bySeq = collector();
    await using _seq = await fleet.queue.events({ from: { seq: first.seqs[1] ?? 0 } }, bySeq.handler);
    const byTime = collector();
    await using _time = await fleet.queue.events({ from: between }, byTime.handler);
    await eventually(() => expect(bySeq.words()).toEqual(['a completed', 'b running', 'b completed']));
    await eventually(() => expect(byTime.words()).toEqual(['b running', 'b completed']));
  });
});

describe('a durable consumer', () => {
  test('goes on where it closed, without a gap or a repetition', async () => {
    await using fleet = await startFleet({ nats, handlers });
    const options = { filter: { status: 'completed' as const }, durable: 'billing', from: 'all' as const };
    const { handler, words } = collector();
    await run(fleet, ['demo', 'a']);
    const first = await fleet.queue.events(options, handler);
    await eventually(() => expect(words()).toEqual(['a completed']));
    await first.close();
    await first.closed;

    await run(fleet, ['demo', 'b'], ['other', 'c']);
    expect(words()).toEqual(['a completed']);
    await using _ = await fleet.queue.events(options, handler);
    await run(fleet, ['demo', 'd']);
    await eventually(() =>
      expect(words()).toEqual(['a completed', 'b completed', 'c completed', 'd completed']),
    );
  });

  test('is shared by processes of the same name: each event goes to one of them', async () => {
    await using fleet = await startFleet({ nats, handlers });
    const { handler, words } = collector();
    const options = { filter: { status: 'completed' as const }, durable: 'shared' };
    await using _a = await fleet.queue.events(options, handler);
    await using _b = await fleet.queue.events(options, handler);
    await run(fleet, ['demo', 'a'], ['demo', 'b'], ['demo', 'c'], ['demo', 'd']);
    await eventually(() => expect(words()).toHaveLength(4));
    expect(new Set(words()).size).toBe(4);
  });

  test('cannot be opened with another filter', async () => {
    await using fleet = await startFleet({ nats, handlers });
    await using _ = await fleet.queue.events({ filter: { type: 'demo' }, durable: 'billing' }, () => {});
    const other = fleet.queue.events({ filter: { type: 'other' }, durable: 'billing' }, () => {});
    await expect(other).rejects.toMatchObject({
      code: 'JETFLEET_STREAM_DRIFT',
      message: expect.stringMatching(/billing .*events\.demo\.\*\.\*.*events\.other\.\*\.\*/),
    });
  });
});

describe('a handler that throws', () => {
  test('gets the event again, before any later one', async () => {
    await using fleet = await startFleet({ nats, handlers });
    const deliveries: string[] = [];
    await using _ = await fleet.queue.events(
      { filter: { status: 'completed' } },
      ({ id }, { deliveryCount }) => {
        deliveries.push(`${id} ${deliveryCount}`);
        if (id === 'a' && deliveryCount < 2) throw new Error('the database is down');
      },
    );
    await run(fleet, ['demo', 'a'], ['demo', 'b']);
    await eventually(() => expect(deliveries).toEqual(['a 1', 'a 2', 'b 1']));
  });
});

test('closing waits for the handler that still runs', async () => {
  await using fleet = await startFleet({ nats, handlers });
  let finish = () => {};
  let begun = false;
  let ended = false;
  const subscription = await fleet.queue.events({ filter: { status: 'completed' } }, async () => {
    begun = true;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    ended = true;
  });
  await run(fleet, ['demo', 'a']);
  await eventually(() => expect(begun).toBe(true));
  let closed = false;
  const closing = subscription.close().then(() => {
    closed = true;
  });
  // A round trip to the server, in which a close that does not wait would be over.
  await fleet.queue.getStats();
  expect(closed).toBe(false);
  finish();
  await closing;
  expect(ended).toBe(true);
});

test('a stranger’s message on EVENTS is passed over', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { handler, words } = collector();
  await using _ = await fleet.queue.events({}, handler);
  const { connection, subjects } = await fleet.queue.broker();
  connection.publish(subjects.event('demo', 'completed', 'stranger'), 'not a record');
  connection.publish(subjects.event('demo', 'completed', 'stranger'), '{"a":1}');
  await run(fleet, ['demo', 'a']);
  await eventually(() => expect(words()).toEqual(['a running', 'a completed']));
});

test('the history of a job is all of its transitions in order: what consumers saw, and the short first run', async () => {
  await using fleet = await startFleet({
    nats,
    handlers: {
      journey: {
        retry: { baseMs: 1, jitter: 0 },
        handler: async ({ attempt, checkpoint, saveCheckpoint }) => {
          if (attempt === 1) throw new RetryableError('not yet');
          if (checkpoint === undefined) return snooze(1, 'slept');
          await saveCheckpoint('halfway');
          return 'arrived';
        },
      },
    },
  });
  const { seen, handler } = collector();
  await using _ = await fleet.queue.events({ filter: { type: 'journey' } }, handler);
  const id = await fleet.queue.addJob('journey', { to: 'Rome' });
  const last = await fleet.waitForJob(id, 'completed');
  const records = await fleet.history(id);
  expect(records.map(({ state, attempt, checkpoint }) => [state, attempt, checkpoint])).toEqual([
    ['running', 1, undefined],
    ['retrying', 1, undefined],
    ['running', 2, undefined],
    ['waiting', 2, 'slept'],
    ['running', 2, 'slept'],
    ['running', 2, 'halfway'],
    ['completed', 2, 'halfway'],
  ]);
  expect(records.at(-1)).toEqual(last);
  // The first attempt failed before its claim was due.
  const written = records.slice(1);
  expect((await fleet.queue.history(id)).filter(({ implied }) => implied)).toMatchObject([
    { record: records[0] },
  ]);
  await eventually(() => expect(seen).toHaveLength(written.length));
  expect(seen).toEqual(written);
  for (const record of records)
    expect(record).toMatchObject({ id, payload: { to: 'Rome' }, createdAt: last.createdAt });
});
