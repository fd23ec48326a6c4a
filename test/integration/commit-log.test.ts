import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Broker } from '../../src/broker/broker.js';
import { ReplyInbox } from '../../src/broker/connection/reply-inbox.js';
import { CommitLog } from '../../src/broker/publish/commit-log.js';
import type {
  Append,
  Appended,
  CommitLogOptions,
  ReadLast,
  ServerSync,
} from '../../src/broker/publish/commit-options.js';
import { UnansweredWrites } from '../../src/broker/publish/unanswered-writes.js';
import type { StreamMaker } from '../../src/broker/topology/missing-streams.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { KnownJobs } from '../../src/jobs/known-jobs.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { startConfigured } from '../support/configured-nats.js';
import { startNats } from '../support/nats.js';
import { publishingOnly } from '../support/publishing-only.js';

const encoder = new TextEncoder();
let nats: EmbeddedServer;
let broker: Broker;
let inbox: ReplyInbox;
let test = 0;

beforeAll(async () => {
  nats = await startNats();
  ({ broker } = await Broker.open({ servers: nats.url, logger: silentLogger, known: new KnownJobs() }));
  inbox = new ReplyInbox(broker.connection);
});
afterAll(async () => {
  inbox.close();
  await broker.close();
  await nats.stop();
});
beforeEach(() => {
  test++;
});

/** The lines of outgoing headers, which have nothing but their bytes. */
function textOf(headers: unknown): string {
  return Buffer.from((headers as { encode(): Uint8Array }).encode()).toString();
}

/** A log on EVENTS that creates no streams. */
function logOn(
  connection: NatsConnection,
  options: CommitLogOptions & { sync?: ServerSync } = {},
  readLast: ReadLast = (filter) => broker.read.last('EVENTS', filter),
  answers = inbox,
): CommitLog {
  const streams: StreamMaker = {
    ready: () => undefined,
    make: async () => 'missing',
    reasonToGiveUp: (missing) => missing(),
  };
  const unanswered = new UnansweredWrites(
    () => {},
    () => true,
  );
  return new CommitLog(connection, answers, readLast, options, streams, unanswered);
}

/** Counts what goes over the wire, to tell batches from single writes. */
function spied(
  options: CommitLogOptions & { sync?: ServerSync } = {},
  pass = (send: () => void) => send(),
  { read, connection: own } = broker,
  answers = inbox,
) {
  const sent = { messages: 0, commits: 0 };
  const connection = publishingOnly(own);
  connection.publish = (subject, payload, publishOptions) => {
    sent.messages++;
    if (textOf(publishOptions?.headers).includes('Nats-Batch-Commit')) sent.commits++;
    pass(() => own.publish(subject, payload, publishOptions));
  };
  const log = logOn(connection, options, (filter) => read.last('EVENTS', filter), answers);
  return { log, sent };
}

function event(id: string, lastSeq?: number, body = id): Append {
  return {
    subject: `events.test${test}.processing.${id}`,
    data: encoder.encode(body),
    ...(lastSeq !== undefined && { expect: { filter: `events.*.*.${id}`, lastSeq } }),
  };
}

/** Events of jobs that have none yet, as one bulk; resolves to the outcome of each that was not just stored, by its place. */
async function appendAll(log: CommitLog, ids: readonly string[]): Promise<Map<number, Appended | Error>> {
  const exceptions = await log.appendBulk({
    size: ids.length,
    bytesAt: (index) => (ids[index] as string).length,
    messageAt: (index) => {
      const { subject, data, expect: none } = event(ids[index] as string, 0);
      const expected = 'Nats-Expected-Last-Subject-Sequence';
      return { subject, data, lines: `${expected}: 0\r\n${expected}-Subject: ${none?.filter}\r\n` };
    },
  });
  return new Map(exceptions.map(({ index, outcome }) => [index, outcome]));
}

describe('commit log', () => {
  it('sends a lone write as a plain publish', async () => {
    const { log, sent } = spied();
    const { seq } = await log.append(event(`lone-${test}`));
    expect(seq).toBeGreaterThan(0);
    expect(sent).toEqual({ messages: 1, commits: 0 });
  });

  it('sends few one by one, without waiting for an answer in between', async () => {
    const held: (() => void)[] = [];
    const { log, sent } = spied({}, (send) => held.push(send));
    const writes = Array.from({ length: 15 }, (_, index) => log.append(event(`few-${test}-${index}`, 0)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual({ messages: 15, commits: 0 });
    for (const send of held) send();
    await Promise.all(writes);
  });

  it('takes the default of an option that is undefined', async () => {
    const { log } = spied({ maxBatch: undefined } as unknown as CommitLogOptions);
    expect(await log.append(event(`undefined-${test}`, 0))).toMatchObject({ duplicate: false });
  });

  it('sends sixteen as a batch', async () => {
    const { log, sent } = spied();
    const ids = Array.from({ length: 16 }, (_, index) => `batch-${test}-${index}`);
    await Promise.all(ids.map((id) => log.append(event(id, 0))));
    expect(sent).toEqual({ messages: 16, commits: 1 });
  });

  it('gives a conflict its answer where even one write may go as a batch', async () => {
    const { log } = spied({ batchFrom: 1 });
    const id = `smallest-${test}`;
    await log.append(event(id, 0));
    await expect(log.append(event(id, 0))).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
  });

  it('gathers concurrent writes into batches, and tells each caller its own sequence', async () => {
    const { log, sent } = spied({ maxBatch: 250 });
    const ids = Array.from({ length: 600 }, (_, index) => `many-${test}-${index}`);
    const appended = await Promise.all(ids.map((id) => log.append(event(id, 0))));
    expect(sent.commits).toBe(3);
    expect(sent.messages).toBe(600);
    for (const [index, { seq }] of appended.entries()) {
      const stored = await broker.read.bySequence('EVENTS', seq);
      expect(stored?.subject).toContain(ids[index]);
    }
  });

  describe('when thousands wait', () => {
    const many = Array.from({ length: 4_500 }, (_, index) => index);

    it('sends them as one batch to a server that takes it', async () => {
      const { log, sent } = spied();
      expect(
        await appendAll(
          log,
          many.map((n) => `whole-${test}-${n}`),
        ),
      ).toEqual(new Map());
      expect(sent).toEqual({ messages: 4_500, commits: 1 });
    });

    it('goes on with smaller ones where the server refuses that many', async () => {
      await using other = await startConfigured('');
      const { broker: theirs } = await Broker.open({
        servers: other.address,
        logger: silentLogger,
        known: new KnownJobs(),
      });
      const answers = new ReplyInbox(theirs.connection);
      const { log, sent } = spied({}, undefined, theirs, answers);
      expect(
        await appendAll(
          log,
          many.map((n) => `parts-${test}-${n}`),
        ),
      ).toEqual(new Map());
      expect(await theirs.read.count('EVENTS', `events.test${test}.>`)).toBe(4_500);
      expect(sent.commits).toBe(6);
      await appendAll(
        log,
        many.map((n) => `later-${test}-${n}`),
      );
      // It is not tried again.
      expect(sent.commits).toBe(11);
      answers.close();
      await theirs.close();
    });
  });

  it('tells what became of each of many that was not just stored', async () => {
    const { log } = spied();
    await log.append(event(`own-${test}-7`, 0));
    const outcomes = await appendAll(
      log,
      Array.from({ length: 40 }, (_, n) => `own-${test}-${n}`),
    );
    expect([...outcomes.keys()]).toEqual([7]);
    expect(outcomes.get(7)).toMatchObject({ code: 'JETFLEET_CONFLICT' });
    expect(await broker.read.count('EVENTS', `events.test${test}.>`)).toBe(40);
    expect(await appendAll(log, [])).toEqual(new Map());
  });

  it('lets a write by itself go between the batches of many', async () => {
    const { log } = spied({ maxBatch: 100, maxInFlight: 2 });
    const ended: string[] = [];
    const many = Array.from({ length: 1_000 }, (_, n) => `list-${test}-${n}`);
    const list = appendAll(log, many).then(() => ended.push('list'));
    await new Promise((resolve) => setImmediate(resolve));
    const one = log.append(event(`one-${test}`, 0)).then(() => ended.push('one'));
    await Promise.all([list, one]);
    expect(ended).toEqual(['one', 'list']);
  });

  it('keeps a batch of many within its bytes', async () => {
    const { log, sent } = spied({ maxBatchBytes: 1_000 });
    const ids = Array.from({ length: 100 }, (_, n) => `bytes-${test}-${n}-`.padEnd(50, 'x'));
    expect(await appendAll(log, ids)).toEqual(new Map());
    expect(sent).toEqual({ messages: 100, commits: 5 });
  });

  it.each([
    ['few', 3],
    ['more than may wait', 40],
  ])('writes of many one by one where they are %s', async (_, count) => {
    const { log, sent } = spied({ maxWaiting: 30 });
    const outcomes = await appendAll(
      log,
      Array.from({ length: count }, (_, n) => `few-${test}-${n}`),
    );
    expect([...outcomes.keys()]).toEqual(Array.from({ length: Math.max(0, count - 30) }, (_, n) => 30 + n));
    for (const outcome of outcomes.values()) expect(outcome).toMatchObject({ code: 'JETFLEET_BACKPRESSURE' });
    expect(sent.commits).toBe(count === 3 ? 0 : 1);
  });

  it('refuses of many those that are too large for the server, and stores the others', async () => {
    const { log } = spied();
    const large = 'x'.repeat(1_100_000);
    const bodies = [...Array.from({ length: 20 }, (_, n) => `body ${n}`), large];
    const exceptions = await log.appendBulk({
      size: bodies.length,
      bytesAt: (index) => (bodies[index] as string).length,
      messageAt: (index) => {
        const data = bodies[index] as string;
        return { subject: `events.test${test}.processing.large-${index}`, data, lines: '' };
      },
    });
    expect(exceptions).toEqual([
      { index: 20, outcome: expect.objectContaining({ code: 'JETFLEET_MESSAGE_TOO_LARGE' }) },
    ]);
    expect(await broker.read.count('EVENTS', `events.test${test}.>`)).toBe(20);
  });

  it('gives each caller its own answer when one write spoils the batch', async () => {
    const { log, sent } = spied();
    const taken = `taken-${test}`;
    await log.append(event(taken, 0));
    const writes = Array.from({ length: 100 }, (_, index) => event(`good-${test}-${index}`, 0));
    const results = await Promise.allSettled([...writes, event(taken, 0)].map((write) => log.append(write)));
    // Halves of halves: the good ones still share batches. The last few go one by one.
    expect(sent.commits).toBe(5);
    expect(results.map(({ status }) => status)).toEqual([...writes.map(() => 'fulfilled'), 'rejected']);
    expect(results.at(-1)).toMatchObject({ reason: { code: 'JETFLEET_CONFLICT' } });
    expect(await broker.read.count('EVENTS', `events.test${test}.>`)).toBe(101);
  });

  it.each([
    ['stores a write that was sent before and did not arrive', false],
    ['finds a write stored that was sent before', true],
  ])('%s', async (_, isStored) => {
    const { log } = spied();
    const id = `again-${test}`;
    const first = isStored ? await log.append(event(id, 0)) : undefined;
    const { seq, duplicate } = await log.append({ ...event(id, 0), maybeStored: true });
    expect(duplicate).toBe(isStored);
    expect(seq).toBe(first?.seq ?? seq);
    expect(await broker.read.count('EVENTS', `events.*.*.${id}`)).toBe(1);
  });

  describe('to a server that flushes periodically', () => {
    const many = (log: CommitLog, count: number, name: string) =>
      Promise.all(Array.from({ length: count }, (_, n) => log.append(event(`${name}-${test}-${n}`, 0))));

    it('sends hundreds at once one by one, and tells each caller its own sequence', async () => {
      const { log, sent } = spied({ sync: 'periodic' });
      const appended = await many(log, 200, 'single');
      expect(sent).toEqual({ messages: 200, commits: 0 });
      for (const [index, { seq }] of appended.entries()) {
        const stored = await broker.read.bySequence('EVENTS', seq);
        expect(stored?.subject).toContain(`single-${test}-${index}`);
      }
      await expect(log.append(event(`single-${test}-7`, 0))).rejects.toMatchObject({
        code: 'JETFLEET_CONFLICT',
      });
    });

    it('sends more than that in a batch', async () => {
      const { log, sent } = spied({ sync: 'periodic' });
      await many(log, 600, 'first');
      expect(sent).toEqual({ messages: 600, commits: 1 });
    });

    it('lets none overtake a write that waits for its batch', async () => {
      const { log, sent } = spied({ sync: 'periodic', maxInFlight: 1 });
      const batch = many(log, 600, 'batch');
      await new Promise((resolve) => setImmediate(resolve));
      const id = `ordered-${test}`;
      // While the batch is under way, so many wait for the next one.
      const others = many(log, 600, 'other');
      const first = log.append(event(id, 0, 'first'));
      await new Promise((resolve) => setImmediate(resolve));
      const last = log.append(event(id, undefined, 'last'));
      const [{ seq: before }, { seq: after }] = await Promise.all([first, last]);
      expect(after).toBeGreaterThan(before);
      await Promise.all([batch, others]);
      expect(sent.commits).toBe(2);
    });
  });

  it('gathers what comes while an answer is awaited', async () => {
    let letGo = () => {};
    const { log, sent } = spied({}, (send) => {
      // The first write reaches the server after all others were made.
      if (sent.messages === 1) letGo = send;
      else send();
    });
    const first = log.append(event(`gather-${test}-first`));
    const rest: Promise<unknown>[] = [];
    for (let turn = 0; turn < 20; turn++) {
      // One in each turn of the event loop, as from so many callers.
      await new Promise((resolve) => setImmediate(resolve));
      rest.push(log.append(event(`gather-${test}-${turn}`)));
    }
    letGo();
    await Promise.all([first, ...rest]);
    expect(sent).toEqual({ messages: 21, commits: 1 });
  });

  it('keeps two expectations about one job out of the same batch', async () => {
    const { log } = spied();
    const id = `twice-${test}`;
    const others = Array.from({ length: 20 }, (_, index) => event(`other-${test}-${index}`, 0));
    const results = await Promise.allSettled(
      [event(id, 0, 'first'), event(id, 0, 'second'), ...others].map((write) => log.append(write)),
    );
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(await broker.read.count('EVENTS', `events.test${test}.processing.${id}`)).toBe(1);
  });

  it('knows its own write again after a lost answer', async () => {
    const { log } = spied({ confirmTimeoutMs: 300 });
    const id = `lost-${test}`;
    let swallowed = 0;
    const connection = publishingOnly(broker.connection);
    connection.publish = (subject, payload, options) => {
      // The first answer goes nowhere, as when the connection breaks after the write.
      const reply = swallowed++ === 0 ? '_INBOX.nobody' : options?.reply;
      broker.connection.publish(subject, payload, { ...options, ...(reply && { reply }) });
    };
    const deaf = logOn(connection, { confirmTimeoutMs: 300 });
    const { seq } = await deaf.append(event(id, 0));
    expect(await broker.read.count('EVENTS', `events.*.*.${id}`)).toBe(1);
    // A write that really comes second is still refused.
    await expect(log.append(event(id, 0))).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    await expect(log.append(event(id, seq, 'next'))).resolves.toMatchObject({ duplicate: false });
  });

  it('asks again while its own message is on its way through the replicas', async () => {
    const id = `slow-${test}`;
    let asked = 0;
    const connection = publishingOnly(broker.connection);
    connection.publish = (subject, payload, options) => {
      if (++asked > 2) return broker.connection.publish(subject, payload, options);
      // As three nodes answer that have yet to agree on the first copy.
      const error = { code: 409, err_code: 10158, description: 'duplicate message id is in process' };
      broker.connection.publish(options?.reply ?? '', JSON.stringify({ error }));
    };
    const log = logOn(connection);
    await expect(log.append(event(id, 0))).resolves.toMatchObject({ duplicate: false });
    expect(asked).toBe(3);
    expect(await broker.read.count('EVENTS', `events.*.*.${id}`)).toBe(1);
  });

  it.each([10071, 10164])(
    'takes a conflict (%i) for no verdict while its own first copy may be on its way',
    async (code) => {
      const id = `uncommitted-${test}`;
      const { seq: before } = await spied().log.append(event(id, 0, 'before'));
      let asked = 0;
      const connection = publishingOnly(broker.connection);
      connection.publish = (subject, payload, options) => {
        // The first copy gets no answer, and replicas that are slow to agree refuse the next two.
        if (++asked === 1) return;
        if (asked > 3) return broker.connection.publish(subject, payload, options);
        const error = { code: 400, err_code: code, description: 'wrong last sequence' };
        broker.connection.publish(options?.reply ?? '', JSON.stringify({ error }));
      };
      const log = logOn(connection, { confirmTimeoutMs: 300 });
      await expect(log.append(event(id, before))).resolves.toMatchObject({ duplicate: false });
      expect(asked).toBe(4);
      expect(await broker.read.count('EVENTS', `events.*.*.${id}`)).toBe(2);
    },
  );

  it('refuses more than may wait, with a coded error', async () => {
    const { log } = spied({ maxWaiting: 10 });
    const writes = Array.from({ length: 30 }, (_, index) => log.append(event(`full-${test}-${index}`)));
    const results = await Promise.allSettled(writes);
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(20);
    expect(refused[0]).toMatchObject({ reason: { code: 'JETFLEET_BACKPRESSURE', retryable: true } });
    expect(await broker.read.count('EVENTS', `events.test${test}.>`)).toBe(10);
  });

  it('makes one error for all of a bulk that it has no room for', async () => {
    const { log } = spied({ maxWaiting: 10 });
    const ids = Array.from({ length: 30 }, (_, index) => `over-${test}-${index}`);
    const outcomes = [...(await appendAll(log, ids)).values()];
    expect(outcomes).toHaveLength(20);
    expect(new Set(outcomes).size).toBe(1);
    expect(outcomes[0]).toMatchObject({ code: 'JETFLEET_BACKPRESSURE' });
  });

  it('counts what is under way, in batches and one by one, among what waits', async () => {
    const { log } = spied({ maxWaiting: 600, sync: 'periodic' });
    const writes: Promise<unknown>[] = [];
    for (let turn = 0; turn < 2; turn++) {
      for (let index = 0; index < 400; index++)
        writes.push(log.append(event(`load-${test}-${turn}-${index}`)));
      // They are on their way, and nothing has been answered yet: the event loop did not read.
      await new Promise((resolve) => process.nextTick(resolve));
    }
    const results = await Promise.allSettled(writes);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(600);
  });

  it.each([10210, 10167])(
    'sends what is refused for load (%i) again later, whole, and within its limit',
    async (code) => {
      let refusals = 3;
      let underWay = 0;
      let most = 0;
      const connection = publishingOnly(broker.connection);
      const batches: number[] = [];
      let size = 0;
      connection.publish = (subject, payload, options) => {
        size++;
        const { reply } = options ?? {};
        if (reply === undefined) return broker.connection.publish(subject, payload, options);
        most = Math.max(most, ++underWay);
        batches.push(size);
        size = 0;
        const answer = (data: Uint8Array | string) => {
          underWay--;
          broker.connection.publish(reply, data);
        };
        if (refusals-- > 0) {
          const error = { code: 429, err_code: code, description: 'too many' };
          setTimeout(() => answer(JSON.stringify({ error })), 5);
          return undefined;
        }
        const inner = `_INBOX.relay.${test}.${batches.length}`;
        const relay = broker.connection.subscribe(inner, { max: 1, callback: (_, msg) => answer(msg.data) });
        broker.connection.publish(subject, payload, { ...options, reply: inner });
        return void relay;
      };
      const log = logOn(connection, { maxInFlight: 2, maxBatch: 100 }, async () => undefined);
      const ids = Array.from({ length: 400 }, (_, index) => `load-${test}-${index}`);
      const appended = await Promise.all(
        ids.map((id) => log.append({ ...event(id), headers: [['Nats-Msg-Id', id]] })),
      );
      expect(new Set(appended.map(({ seq }) => seq)).size).toBe(400);
      expect(most).toBeLessThanOrEqual(2);
      // Whole batches only, each of those refused once more.
      expect(batches.every((each) => each === 100)).toBe(true);
    },
  );

  it('finds the bad one of a batch within its limit', async () => {
    let underWay = 0;
    let most = 0;
    const connection = publishingOnly(broker.connection);
    connection.publish = (subject, payload, options) => {
      const { reply } = options ?? {};
      // Of a group of single writes, the server may have taken some.
      if (reply === undefined || !textOf(options?.headers).includes('Nats-Batch-Commit'))
        return broker.connection.publish(subject, payload, options);
      most = Math.max(most, ++underWay);
      const inner = `${reply}.relay`;
      broker.connection.subscribe(inner, {
        max: 1,
        callback: (_, msg) => {
          underWay--;
          broker.connection.publish(reply, msg.data, { ...(msg.headers && { headers: msg.headers }) });
        },
      });
      broker.connection.publish(subject, payload, { ...options, reply: inner });
    };
    const log = logOn(connection, { maxInFlight: 2 }, async () => undefined);
    const taken = `bad-${test}`;
    await log.append(event(taken, 0));
    const writes = [...Array.from({ length: 200 }, (_, n) => event(`good-${test}-${n}`, 0)), event(taken, 0)];
    const results = await Promise.allSettled(writes.map((write) => log.append(write)));
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(most).toBeLessThanOrEqual(2);
  });

  it('sends what waits before it ends', async () => {
    const { log } = spied();
    const writes = Array.from({ length: 300 }, (_, n) => log.append(event(`drained-${test}-${n}`, 0)));
    await log.drain(5_000);
    log.close();
    await Promise.all(writes);
    await expect(log.append(event('later'))).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
  });

  it('says so when no stream takes the subject, alone and in a batch', async () => {
    const { log } = spied();
    const append = (index: number) => log.append({ subject: `nowhere.${index}`, data: encoder.encode('x') });
    await expect(append(0)).rejects.toMatchObject({ code: 'JETFLEET_NO_STREAM' });
    const results = await Promise.allSettled([...Array(8).keys()].map(append));
    expect(results.every((result) => result.status === 'rejected')).toBe(true);
  });

  it('fails what waits, and what comes later, once it is closed', async () => {
    const { log } = spied();
    const waiting = log.append(event(`late-${test}`));
    log.close();
    await expect(waiting).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
    await expect(log.append(event('later'))).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
  });
});
