import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { eventsText } from '../../src/cli/events.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { EventOptions, EventSubscription, JobRecord } from '../../src/index.js';
import { ANY } from '../../src/wire/subjects.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const eventually = (check: () => void | Promise<void>) => vi.waitFor(check, { interval: 10 });

/** A queue whose EVENTS hold one `completed` record for each id. */
async function fleetWith(...ids: string[]) {
  const fleet = await startFleet({ nats, workers: 0, handlers: {} });
  const broker = await fleet.queue.broker();
  const now = new Date().toISOString();
  const base = {
    type: 'demo',
    priority: 'normal',
    status: 'completed',
    state: 'completed',
    attempt: 1,
  } as const;
  const record = (id: string) =>
    ({
      v: 1,
      ...base,
      id,
      maxAttempts: 3,
      payload: null,
      createdAt: now,
      updatedAt: now,
    }) as unknown as JobRecord;
  for (const id of ids) await broker.appendEvent(record(id), 0);
  const lag = async (name: string) => (await fleet.queue.eventConsumers()).find((each) => each.name === name);
  return { fleet, queue: fleet.queue, broker, record, lag };
}

const DURABLE: EventOptions = { durable: 'billing', from: 'all', maxDeliver: 2 };

describe('an event whose handler always fails', () => {
  test('becomes a dead letter after its deliveries, and the next one follows', async () => {
    const { fleet, queue, lag } = await fleetWith('bad', 'good');
    await using _ = fleet;
    const seen: string[] = [];
    await using _events = await queue.events(DURABLE, ({ id }, { deliveryCount }) => {
      seen.push(`${id} ${deliveryCount}`);
      if (id === 'bad') throw new Error('the database refuses it');
    });
    await eventually(() => expect(seen).toEqual(['bad 1', 'bad 2', 'good 1']));
    await eventually(async () =>
      expect(await lag('billing')).toMatchObject({
        ...{ pending: 0, ackPending: 0, redelivered: 0, ackedSeq: 2, deadLetters: 1 },
        latestDeadLetters: [
          {
            seq: 1,
            jobId: 'bad',
            deliveries: 2,
            error: 'Error: the database refuses it',
            at: expect.any(String),
          },
        ],
      }),
    );
    expect(queue.callbackFailures['event handler']).toBe(2);
  });

  test('stays a dead letter for the next process, which does not see it', async () => {
    const { fleet, queue, lag } = await fleetWith('bad');
    await using _ = fleet;
    const first = await queue.events({ ...DURABLE, maxDeliver: 1 }, () => Promise.reject(new Error('no')));
    await eventually(async () => expect((await lag('billing'))?.deadLetters).toBe(1));
    await first.close();
    const seen: string[] = [];
    await using _second = await queue.events(DURABLE, ({ id }) => void seen.push(id));
    await eventually(async () => expect(await lag('billing')).toMatchObject({ pending: 0, ackPending: 0 }));
    expect(seen).toEqual([]);
    expect(await lag('billing')).toMatchObject({ deadLetters: 1, latestDeadLetters: [{ jobId: 'bad' }] });
  });

  test('is given up unseen when its process ended in each delivery', async () => {
    const { fleet, queue, broker, record, lag } = await fleetWith('deadly');
    await using _ = fleet;
    const seen: string[] = [];
    const stream = broker.subjects.streamName('events');
    const jsm = await jetstreamManager(broker.connection, { checkAPI: false });
    const filter_subjects = [broker.subjects.event(ANY, ANY, ANY)];
    await jsm.consumers.add(stream, { durable_name: 'billing', ack_policy: 'explicit', filter_subjects });
    const consumer = await jetstream(broker.connection).consumers.get(stream, 'billing');
    // What a process that dies leaves to the next one.
    for (let delivery = 1; delivery <= 2; delivery++) {
      const messages = await consumer.fetch({ max_messages: 1 });
      for await (const msg of messages) msg.nak();
    }
    // Not before: a second event could be delivered ahead of the one that was handed back.
    await broker.appendEvent(record('good'), 0);
    await using _events = await queue.events(DURABLE, ({ id }) => void seen.push(id));
    await eventually(async () => expect((await lag('billing'))?.deadLetters).toBe(1));
    await eventually(() => expect(seen).toEqual(['good']));
    expect((await lag('billing'))?.latestDeadLetters).toMatchObject([{ jobId: 'deadly', deliveries: 3 }]);
  });

  test('is one of many, of processes that share the consumer: none of the letters is lost', async () => {
    const ids = Array.from({ length: 30 }, (_, n) => `bad-${n}`);
    const { fleet, queue, lag } = await fleetWith(...ids);
    await using _ = fleet;
    const options = { ...DURABLE, maxDeliver: 1, concurrency: 4 };
    const fail = () => Promise.reject(new Error('no'));
    await using _a = await queue.events(options, fail);
    await using _b = await queue.events(options, fail);
    await eventually(async () => expect(await lag('billing')).toMatchObject({ ackPending: 0, pending: 0 }));
    await eventually(async () => {
      const { deadLetters, latestDeadLetters = [] } = (await lag('billing')) ?? {};
      expect(new Set(latestDeadLetters.map(({ jobId }) => jobId))).toEqual(new Set(ids));
      expect(deadLetters).toBe(30);
    });
  });

  test('is counted beyond the hundred that are kept', async () => {
    const { fleet, queue, lag } = await fleetWith(...Array.from({ length: 105 }, (_, n) => `bad-${n}`));
    await using _ = fleet;
    await using _events = await queue.events({ ...DURABLE, maxDeliver: 1 }, () => {
      throw new Error('x'.repeat(10_000));
    });
    await eventually(async () => expect((await lag('billing'))?.deadLetters).toBe(105));
    const letters = (await lag('billing'))?.latestDeadLetters ?? [];
    expect(letters.map(({ jobId }) => jobId)).toEqual(Array.from({ length: 100 }, (_, n) => `bad-${n + 5}`));
    expect(Math.max(...letters.map(({ error }) => error.length))).toBe(200);
  });

  test.each<[string, () => unknown, string]>([
    ['undefined', () => undefined, 'undefined'],
    ['an object without text', () => Object.create(null), 'an error that cannot be read'],
    [
      'a proxy that is gone',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
      'an error that cannot be read',
    ],
    [
      'an error whose message throws',
      () =>
        Object.defineProperty(new Error('x'), 'message', {
          get() {
            throw new Error('getter');
          },
        }),
      'an error that cannot be read',
    ],
  ])('may throw %s', async (_, thrown, error) => {
    const { fleet, queue, lag } = await fleetWith('bad');
    await using _fleet = fleet;
    await using _events = await queue.events({ ...DURABLE, maxDeliver: 1 }, () => {
      throw thrown();
    });
    await eventually(async () =>
      expect((await lag('billing'))?.latestDeadLetters).toMatchObject([{ error }]),
    );
  });
});

test.each([0, -1, 1.5, Number.NaN, '3', 10_001])('maxDeliver %j is refused', async (maxDeliver) => {
  const { fleet, queue } = await fleetWith();
  await using _ = fleet;
  const refused = queue.events({ maxDeliver: maxDeliver as number }, () => {});
  await expect(refused).rejects.toMatchObject({
    code: 'JETFLEET_OPTION_INVALID',
    message: expect.stringContaining('maxDeliver'),
  });
});

describe('closing a consumer in its own handler', () => {
  test.each([1, 3])(
    'ends, with %i events handled at once, and so does every other close',
    async (concurrency) => {
      const { fleet, queue } = await fleetWith('a', 'b', 'c');
      await using _ = fleet;
      const closings: Promise<void>[] = [];
      let subscription: EventSubscription | undefined;
      const { open, opened } = gate();
      let handled = 0;
      subscription = await queue.events({ from: 'all', concurrency }, async () => {
        await opened;
        // As a handler may do it: through other functions, and more than once.
        const close = async () => await subscription?.close();
        await Promise.all([close(), close()]);
        handled++;
      });
      open();
      await subscription.closed;
      closings.push(subscription.close(), Promise.resolve(subscription[Symbol.asyncDispose]()));
      await Promise.all(closings);
      expect(handled).toBeGreaterThan(0);
    },
  );
});

test('a consumer whose handler never ends is closed within its time', async () => {
  const { fleet, queue } = await fleetWith('stuck');
  await using _ = fleet;
  let isCalled = false;
  const events = await queue.events({ from: 'all', durable: 'stuck' }, () => {
    isCalled = true;
    return new Promise<void>(() => {});
  });
  await eventually(() => expect(isCalled).toBe(true));
  await events.close(50);
  await expect(events.close(Number.NaN)).rejects.toMatchObject({ code: 'JETFLEET_OPTION_INVALID' });
});

test('a record on the subject of another job is believed neither by a consumer nor by a feed', async () => {
  const { fleet, queue, broker, record } = await fleetWith('first');
  await using _ = fleet;
  const data = JSON.stringify(record('victim'));
  const { subjects, connection } = broker;
  await connection.request(subjects.event('demo', 'completed', 'forger'), data);
  await connection.request(subjects.event('demo', 'failed', 'victim'), data);
  await connection.request(subjects.event('other', 'completed', 'victim'), data);
  await broker.appendEvent(record('last'), 0);
  const seen: string[] = [];
  await using _events = await queue.events(
    { from: 'all', durable: 'billing' },
    ({ id }) => void seen.push(id),
  );
  await eventually(() => expect(seen).toEqual(['first', 'last']));
  const fed: string[] = [];
  await using feed = await queue.feed({ fromSeq: 1 });
  for await (const { record: each } of feed) {
    fed.push(each.id);
    if (each.id === 'last') break;
  }
  expect(fed).toEqual(['first', 'last']);
});

test('the command shows consumers and their dead letters, without what would steer a terminal', () => {
  const text = eventsText([
    {
      ...{ name: 'billing', subjects: ['events.>'], pending: 7, ackPending: 1, redelivered: 1, ackedSeq: 41 },
      ...{ waiting: 1, deadLetters: 1 },
      latestDeadLetters: [
        { seq: 9, jobId: 'a\u001b[2J', at: '2026-01-01T00:00:00Z', deliveries: 20, error: 'no\nway' },
      ],
    },
  ]);
  expect(text).toMatch(/billing +7 +1 +1 +1 +41 +yes/);
  expect(text).toMatch(/billing +9 +a.\[2J +2026-01-01T00:00:00Z +20 +no.way/);
  expect(text).not.toContain('\u001b[2J');
});
