import { jetstream } from '@nats-io/jetstream';
import { connect, headers as newHeaders } from '@nats-io/transport-node';
import { ulid } from 'ulid';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { openJetStream } from '../../src/broker/topology/manager.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  BrokerError,
  complete,
  defineJob,
  JobQueueService,
  type JobRecord,
  type JobState,
  NonRetryableError,
  RetryableError,
  snooze,
} from '../../src/index.js';
import { addFollowUp } from '../../src/queue/job-add.js';
import { addChecked } from '../../src/queue/job-add-checked.js';
import { checkJob } from '../../src/queue/job-request.js';
import { encodeRecord } from '../../src/wire/record-message.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let queue: JobQueueService;
let id = 0;
/** What each handled job was given, by id. */
const ran: string[] = [];

beforeAll(async () => {
  nats = await startNats();
  const next = ({ payload }: { payload: unknown }) => complete('done', payload as never);
  const note = ({ id: own, payload }: { id: string; payload: unknown }) => {
    ran.push(own);
    return payload;
  };
  fleet = await startFleet({ nats, handlers: { demo: note, other: note, parent: next } });
  queue = fleet.queue;
});
afterAll(async () => {
  await fleet.close();
  await nats.stop();
});
beforeEach(() => {
  id++;
});

async function publish(subject: string, body: string, headers: Record<string, string> = {}) {
  const { connection, subjects } = await queue.broker();
  const own = newHeaders();
  for (const [name, value] of Object.entries(headers)) own.set(name, value);
  return connection.request(subjects.prefix + subject, body, { headers: own, timeout: 5_000 });
}

const taken = expect.objectContaining({ code: 'JETFLEET_ID_TAKEN' });

describe('an id', () => {
  test('is free again after cleanup, whenever that is', async () => {
    const name = `again-${id}`;
    await queue.addJob('demo', 1, 'normal', { id: name });
    await fleet.waitForJob(name, 'completed');
    await vi.waitFor(async () => {
      await queue.cleanup(0);
      expect(await queue.getJob(name)).toBeUndefined();
    });
    expect(await queue.addJob('demo', 2, 'normal', { id: name })).toBe(name);
    expect(await fleet.waitForJob(name, 'completed')).toMatchObject({ payload: 2, result: 2 });
  });

  test.each(['', 'jetfleet:'])(
    'is not taken by a message whose Nats-Msg-Id begins with %j',
    async (prefix) => {
      const name = `msg-${id}`;
      await publish('jobs.low.nobody.decoy', '{}', { 'Nats-Msg-Id': prefix + name });
      await queue.addJob('demo', 1, 'normal', { id: name });
      await fleet.waitForJob(name, 'completed');
      // One that was made for the job, which nobody should know.
      const { request, ...made } = checkJob(queue.known, 'demo', 3, 'normal', {}, Date.now());
      await publish('jobs.low.nobody.decoy2', '{}', { 'Nats-Msg-Id': prefix + request.id });
      await addChecked(await queue.broker(), { request, ...made });
      expect(await fleet.waitForJob(request.id, 'completed')).toMatchObject({ result: 3 });
    },
  );

  test('names one job: another type or payload is refused, in every state and on every way', async () => {
    await using waiting = new JobQueueService({ servers: nats.url, namespace: `w${id}` });
    const ids = { queued: `q-${id}`, scheduled: `s-${id}`, completed: `c-${id}` };
    await waiting.addJob('lonely', { n: 1 }, 'normal', { id: ids.queued });
    await waiting.addJob('lonely', { n: 1 }, 'normal', { id: ids.scheduled, delayMs: 3_600_000 });
    for (const own of [ids.queued, ids.scheduled]) {
      for (const options of [{ id: own }, { id: own, delayMs: 1_000 }]) {
        await expect(waiting.addJob('lonely', { n: 2 }, 'normal', options)).rejects.toEqual(taken);
        await expect(waiting.addJob('elsewhere', { n: 1 }, 'normal', options)).rejects.toEqual(taken);
        await expect(waiting.addJobs([{ type: 'lonely', payload: { n: 2 }, ...options }])).rejects.toEqual(
          taken,
        );
        await expect(
          waiting.addJob('send_webhook', { url: 'http://127.0.0.1/', payload: 1 }, 'normal', options),
        ).rejects.toEqual(taken);
        // The same job, whatever the order of its keys and its options.
        expect(await waiting.addJob('lonely', { n: 1 }, 'low', options)).toBe(own);
      }
    }
    await queue.addJob('demo', { a: 1, b: 2 }, 'normal', { id: ids.completed });
    await fleet.waitForJob(ids.completed, 'completed');
    await expect(queue.addJob('demo', { a: 1 }, 'normal', { id: ids.completed })).rejects.toEqual(taken);
    await expect(queue.addJob('other', { a: 1, b: 2 }, 'normal', { id: ids.completed })).rejects.toEqual(
      taken,
    );
    expect(await queue.addJob('demo', { b: 2, a: 1 }, 'normal', { id: ids.completed })).toBe(ids.completed);
    expect(ran.filter((each) => each === ids.completed)).toHaveLength(1);
  });

  test.each([0, 60_000])('that many ask for at once goes to one of them (delayMs %i)', async (delayMs) => {
    const name = `race-${id}`;
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => queue.addJob('lonely', n, 'normal', { id: name, delayMs })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toEqual(taken);
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    expect(await queue.getJob(name)).toMatchObject({ payload: winner });
  });

  test('that webhooks, delayed and other jobs ask for at once goes to one of them, which exists', async () => {
    const webhook = (payload: unknown) => ({ url: 'http://127.0.0.1/', payload });
    const asks = [
      { type: 'lonely', payload: 1 },
      { type: 'lonely', payload: 2, delayMs: 3_600_000 },
      { type: 'unknown', payload: 1, priority: 'critical' as const },
      { type: 'send_webhook', payload: webhook(1) },
      { type: 'send_webhook', payload: webhook(2), delayMs: 3_600_000 },
      { type: 'unknown', payload: 1, delayMs: 3_600_000, priority: 'low' as const },
    ];
    await using waiting = new JobQueueService({ servers: nats.url, namespace: `r${id}` });
    await using other = new JobQueueService({ servers: nats.url, namespace: `r${id}` });
    await Promise.all([waiting.connect(), other.connect()]);
    for (let round = 0; round < 8; round++) {
      const name = `rivals-${round}`;
      const results = await Promise.allSettled(
        asks.map(({ type, payload, priority, delayMs = 0 }, index) =>
          [waiting, other][index % 2]?.addJob(type, payload, priority, { id: name, delayMs }),
        ),
      );
      const won = asks.filter((_, index) => results[index]?.status === 'fulfilled');
      const types = new Set(won.map(({ type, payload }) => JSON.stringify([type, payload])));
      expect(types.size).toBe(1);
      for (const each of results) if (each.status === 'rejected') expect(each.reason).toEqual(taken);
      expect(await waiting.getJob(name)).toMatchObject({ type: won[0]?.type, payload: won[0]?.payload });
      const broker = await waiting.broker();
      const counts = (['jobs', 'webhooks', 'timers'] as const).map(
        async (kind) => (await broker.topology.streamInfo(kind)).state.messages,
      );
      const stored = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
      expect(stored).toBeLessThanOrEqual(won.length);
      await Promise.all(
        (['jobs', 'webhooks', 'timers'] as const).map((kind) => broker.topology.purge(kind, '>')),
      );
    }
  });

  test('that cannot be given up is not told to be taken: the call can be repeated', async () => {
    await using own = new JobQueueService({ servers: nats.url, namespace: `l${id}` });
    const { topology } = await own.broker();
    const noLeader = new BrokerError('JETFLEET_NO_LEADER', 'no leader', { retryable: true });
    const remove = vi.spyOn(topology, 'deleteMessage');
    // On a busy machine one of the two may be through before the other begins; the next pair meets.
    await vi.waitFor(async () => {
      const lost = ulid();
      const add = (payload: number) =>
        own.addJob('lonely', payload, 'normal', { id: lost, delayMs: payload * 60_000 });
      remove.mockReset().mockRejectedValueOnce(noLeader);
      const results = await Promise.allSettled([add(0), add(1)]);
      const codes = results.map((each) => each.status === 'rejected' && each.reason.code);
      expect([...codes].sort()).toEqual(['JETFLEET_ID_TAKEN', 'JETFLEET_NO_LEADER']);
      const kept = codes.indexOf('JETFLEET_NO_LEADER');
      expect(await add(kept)).toBe(lost);
      expect(await own.getJob(lost)).toMatchObject({ payload: kept });
    });
  });

  test('twice in one list is one job, and two different ones stop the list', async () => {
    const job = { type: 'lonely', payload: 1, id: `list-${id}` };
    expect(await queue.addJobs([job, job])).toEqual([job.id, job.id]);
    const fresh = { type: 'lonely', payload: 1, id: `fresh-${id}` };
    await expect(queue.addJobs([fresh, { ...fresh, payload: 2 }])).rejects.toMatchObject({
      code: 'JETFLEET_ID_TAKEN',
      message: expect.stringMatching(/^job 1: /),
    });
    expect(await queue.getJob(fresh.id)).toBeUndefined();
  });

  test('that a message which is no job carries is taken', async () => {
    await publish(`jobs.low.NOT-A-TYPE.odd-${id}`, '{}');
    await expect(queue.addJob('demo', 1, 'normal', { id: `odd-${id}` })).rejects.toEqual(taken);
  });
});

describe('a message published under an id that has a job', () => {
  const never = new Promise(() => {});
  const ways: Record<string, (attempt: number) => unknown> = {
    completed: () => 'first',
    exhausted: () => Promise.reject(new Error('no')),
    retrying: () => Promise.reject(new RetryableError('later', { retryAfterMs: 3_600_000 })),
    waiting: () => snooze(3_600_000),
    running: () => never,
  };

  test.each(Object.keys(ways))('%s: another payload, type or text fails under a number', async (state) => {
    const handler = ({ attempt }: { attempt: number }) => ways[state]?.(attempt);
    await using own = await startFleet({ nats, handlers: { demo: handler, other: () => 'other' } });
    const { connection, subjects } = await own.queue.broker();
    const maxAttempts = state === 'exhausted' ? 1 : 3;
    await own.queue.addJob('demo', { a: 1, b: 2 }, 'normal', { id: 'mine', maxAttempts });
    const before = await own.waitForJob('mine', state as JobState);
    const answers: [subject: string, body: string, code?: string][] = [
      ['low.demo', '{"a": 2}', 'JETFLEET_ID_TAKEN'],
      ['high.other', '{"a": 1, "b": 2}', 'JETFLEET_ID_TAKEN'],
      ['normal.demo', '{"a": 1, "b":', 'JETFLEET_BODY_NOT_JSON'],
      // The same job in another spelling.
      ['low.demo', '{"b": 2, "a": 1}'],
    ];
    for (const [subject, body, code] of answers) {
      const message = await connection.request(`${subjects.prefix}jobs.${subject}.mine`, body);
      const name = `seq-${message.json<{ seq: number }>().seq}`;
      const next = await own.queue.addJob('other', null);
      await own.waitForJob(next, 'completed');
      if (code === undefined) expect(await own.history(name)).toEqual([]);
      else expect(await own.waitForJob(name, 'rejected')).toMatchObject({ error: { code } });
    }
    // What came too early has marked its own message as spent.
    const isEarly = state === 'retrying' || state === 'waiting';
    expect(await own.queue.getJob('mine')).toEqual({ ...before, ...(isEarly && { workSeq: 8 }) });
  });

  test('is told apart from the messages of a job that was redriven, cancelled or cannot be read', async () => {
    await using own = await startFleet({ nats, workers: 0 });
    const { connection, subjects } = await own.queue.broker();
    const put = (name: string, body: string) =>
      connection.request(`${subjects.prefix}jobs.low.demo.${name}`, body);
    await put('redriven', '1');
    await put('cancelled', '{"broken');
    await own.queue.setup(['demo']);
    await own.queue.cancel('cancelled');
    let runs = 0;
    const handler = () => (++runs === 1 ? Promise.reject(new NonRetryableError('no')) : 'done');
    await own.addWorker({ demo: handler });
    await own.waitForJob('redriven', 'rejected');
    await own.queue.retry('redriven');
    await own.waitForJob('redriven', 'completed');
    expect((await own.queue.getJobs({ status: 'failed' })).jobs.map(({ id: name }) => name)).toEqual([
      'cancelled',
    ]);
  });
});

describe('Idempotency-Key', () => {
  const post = async (key: string, payload: (n: number) => unknown) => {
    await using http = await startHttp(queue);
    return await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        http.call('/api/v1/jobs', {
          body: { type: 'lonely', payload: payload(n) },
          headers: { 'idempotency-key': key },
        }),
      ),
    );
  };

  test('twenty different bodies at once: one is added, 19 are told that the key is used', async () => {
    const answers = await post(`different-${id}`, (n) => ({ n }));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array(19).fill(422)]);
    for (const { status, json } of answers)
      if (status === 422) expect(json.code).toBe('JETFLEET_HTTP_KEY_REUSED');
  });

  test('the same body twenty times at once: one job, and 19 answers that say replayed', async () => {
    const answers = await post(`same-${id}`, () => ({ n: 1 }));
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(19);
  });

  test('the id of another job is 409 without a key', async () => {
    await using http = await startHttp(queue);
    const add = (payload: number) =>
      http.call('/api/v1/jobs', { body: { type: 'lonely', payload, id: `http-${id}` } });
    expect((await add(1)).status).toBe(201);
    expect((await add(1)).status).toBe(201);
    expect(await add(2)).toMatchObject({ status: 409, json: { code: 'JETFLEET_ID_TAKEN' } });
    const batch = await http.call('/api/v1/jobs/batch', {
      body: { jobs: [{ type: 'lonely', payload: 2, id: `http-${id}` }] },
    });
    expect(batch).toMatchObject({ status: 409, json: { code: 'JETFLEET_ID_TAKEN' } });
  });
});

describe('a follow-up', () => {
  const parent = async (next: unknown) => {
    const name = `parent-${id}`;
    await queue.addJob('parent', next, 'normal', { id: name });
    return fleet.waitForJob(name, ({ status }) => status === 'completed' || status === 'failed');
  };

  test.each([
    [
      'JETFLEET_OPTION_INVALID',
      [{ idSuffix: 'a', type: 'demo', payload: 1, webhookUrl: 'http://x/\r\nEvil: 1' }],
    ],
    [
      'JETFLEET_OPTION_INVALID',
      [{ idSuffix: 'a', type: 'demo', payload: 1, webhookUrl: `http://x/${'y'.repeat(20_000)}` }],
    ],
    ['JETFLEET_OPTION_INVALID', [{ idSuffix: 'a', type: 'demo', payload: 1, maxAttempts: 0 }]],
    ['JETFLEET_OPTION_INVALID', [{ idSuffix: 'a', type: 'demo', payload: 1, maxAttempts: '3\r\nX: y' }]],
    ['JETFLEET_OPTION_INVALID', [{ idSuffix: 'a', type: 'demo', payload: 1, delayMs: 5 }]],
    ['JETFLEET_OPTION_INVALID', [{ idSuffix: 'a', type: 'demo', payload: 1, isNew: true }]],
    ['JETFLEET_OPTION_INVALID', [null]],
    ['JETFLEET_OPTION_INVALID', ['demo']],
    ['JETFLEET_OPTION_INVALID', 'demo'],
    ['JETFLEET_ID_INVALID', [{ type: 'demo', payload: 1 }]],
    ['JETFLEET_ID_INVALID', [{ idSuffix: '', type: 'demo', payload: 1 }]],
    ['JETFLEET_ID_INVALID', [{ idSuffix: 'a.b', type: 'demo', payload: 1 }]],
    ['JETFLEET_ID_INVALID', [{ idSuffix: ['a'], type: 'demo', payload: 1 }]],
    ['JETFLEET_ID_INVALID', [{ idSuffix: 'a\n', type: 'demo', payload: 1 }]],
    ['JETFLEET_ID_INVALID', [1, 2].map(() => ({ idSuffix: 'same', type: 'demo', payload: 1 }))],
    ['JETFLEET_TYPE_INVALID', [{ idSuffix: 'a', type: 'de.mo', payload: 1 }]],
    ['JETFLEET_TYPE_INVALID', [{ idSuffix: 'a', type: '*', payload: 1 }]],
    ['JETFLEET_TYPE_INVALID', [{ idSuffix: 'a', payload: 1 }]],
    ['JETFLEET_PRIORITY_INVALID', [{ idSuffix: 'a', type: 'demo', payload: 1, priority: 'urgent' }]],
    [
      'JETFLEET_PAYLOAD_INVALID',
      [{ idSuffix: 'a', type: 'send_webhook', payload: { url: 'ftp://x', payload: 1 } }],
    ],
  ])('that is no job fails its parent with %s: %j', async (code, next) => {
    const record = await parent(next);
    expect(record).toMatchObject({ state: 'rejected', attempt: 1, error: { code, retryable: false } });
    expect(await fleet.history(record.id)).toHaveLength(2);
    expect(await queue.getJob(`${record.id}-a`)).toBeUndefined();
  });

  test('with an id that is too long is shortened, and runs', async () => {
    const record = await parent([{ idSuffix: 'x'.repeat(300), type: 'demo', payload: 1 }]);
    expect(record.state).toBe('completed');
    const [next] = record.next ?? [];
    expect(next?.id.length).toBeLessThanOrEqual(128);
    await fleet.waitForJob(next?.id ?? '', 'completed');
  });

  test('whose id another job has fails its parent; the same job does not', async () => {
    const name = `parent-${id}`;
    await queue.addJob('demo', 'mine', 'normal', { id: `${name}-a` });
    const record = await parent([{ idSuffix: 'a', type: 'demo', payload: 'theirs' }]);
    expect(record).toMatchObject({
      state: 'rejected',
      error: { code: 'JETFLEET_ID_TAKEN', retryable: false },
    });
    id++;
    await queue.addJob('demo', 'same', 'normal', { id: `parent-${id}-a` });
    expect(await parent([{ idSuffix: 'a', type: 'demo', payload: 'same' }])).toMatchObject({
      state: 'completed',
    });
  });

  test('that its record names already gets another id, the same for every repetition', async () => {
    const broker = await queue.broker();
    const request = { type: 'demo', priority: 'normal', createdAt: new Date().toISOString() } as const;
    await queue.addJob('lonely', 'squatter', 'normal', { id: `must-${id}` });
    const add = () => addFollowUp(broker, { ...request, id: `must-${id}`, payload: 'run me' });
    const own = await add();
    expect(own).not.toBe(`must-${id}`);
    expect(await add()).toBe(own);
    expect(await fleet.waitForJob(own, 'completed')).toMatchObject({ result: 'run me' });
  });
});

describe('cleanup', () => {
  const atEvents = async (record: JobRecord, lastSeq: number) =>
    (await queue.broker()).appendEvent(record, lastSeq);
  const failed = (name: string): JobRecord => {
    const now = new Date().toISOString();
    return {
      ...{ v: 1, id: name, type: 'lonely', priority: 'normal', status: 'failed', state: 'exhausted' },
      ...{ payload: 7, attempt: 3, maxAttempts: 3, createdAt: now, updatedAt: now, finishedAt: now },
      machine: { id: 'job', version: 1 },
    } as JobRecord;
  };

  test('leaves a job alone whose redrive died before the old failure was forgotten', async () => {
    const broker = await queue.broker();
    const old = failed(`half-${id}`);
    const { finishedAt: _, ...kept } = old;
    const queued: JobRecord = { ...kept, status: 'pending', state: 'queued', attempt: 0, redrives: 1 };
    await atEvents(queued, await atEvents(old, 0));
    await broker.jobs.enqueueAgain({ ...old });
    await queue.cleanup(0);
    expect(await queue.getJob(old.id)).toEqual(queued);
    expect(
      await broker.read.last(broker.subjects.streamName('jobs'), broker.subjects.workOf('jobs', old.id)),
    ).toBeDefined();
  });

  test('leaves a cancelled job to the worker that has its message, until it lets go', async () => {
    const type = 'on_its_way';
    await queue.setup([type]);
    const broker = await queue.broker();
    const { subjects, connection } = broker;
    const name = await queue.addJob(type, 1, 'normal', { id: `way-${id}` });
    const consumer = await jetstream(connection).consumers.get(
      subjects.streamName('jobs'),
      subjects.consumerName(type, 'normal'),
    );
    const message = await consumer.next();
    await queue.cancel(name);
    await queue.cleanup(0);
    expect(await queue.getJob(name)).toMatchObject({ state: 'cancelled' });
    await message?.ackAck();
    await queue.cleanup(0);
    expect(await queue.getJob(name)).toBeUndefined();
  });

  test('and a retry at the same time: the job is gone, or it lives with its message', async () => {
    const broker = await queue.broker();
    const names = Array.from({ length: 40 }, (_, n) => `beside-${id}-${n}`);
    await Promise.all(names.map((name) => atEvents(failed(name), 0)));
    const outcomes = await Promise.allSettled([
      ...names.map((name) => queue.retry(name)),
      queue.cleanup(0),
      queue.cleanup(0),
    ]);
    for (const [index, name] of names.entries()) {
      const isRetried = outcomes[index]?.status === 'fulfilled';
      const message = await broker.read.last(
        broker.subjects.streamName('jobs'),
        broker.subjects.workOf('jobs', name),
      );
      const job = await queue.getJob(name);
      expect([name, job?.state, message !== undefined]).toEqual([
        name,
        isRetried ? 'queued' : undefined,
        isRetried,
      ]);
    }
  });

  test('does not take what follows from a job that its end did not publish yet', async () => {
    const broker = await queue.broker();
    const name = `unfollowed-${id}`;
    await queue.addJob('lonely', 7, 'normal', { id: name });
    const next = [{ type: 'lonely', id: `${name}-next`, payload: 1, priority: 'normal' as const }];
    await atEvents({ ...failed(name), next }, 0);
    await queue.cleanup(0);
    expect(await queue.getJob(name)).toMatchObject({ state: 'exhausted' });
    await addFollowUp(broker, { ...next[0], createdAt: new Date().toISOString() } as never);
    await queue.cleanup(0);
    expect(await queue.getJob(name)).toBeUndefined();
  });

  test("is not misled by a stranger's message among a job's events", async () => {
    const broker = await queue.broker();
    const name = `stranger-${id}`;
    const live: JobRecord = { ...failed(name), status: 'pending', state: 'queued' };
    await atEvents(live, 0);
    await publish(`events.lonely.completed.${name}`, encodeRecord(failed('somebody-else')));
    await queue.cleanup(0);
    expect(await queue.getJob(name)).toMatchObject({ state: 'queued' });
    // And a job that has ended is removed in spite of one.
    const ended = `ended-${id}`;
    await atEvents(failed(ended), 0);
    await publish(`events.lonely.processing.${ended}`, 'not a record');
    // The broker's clock is read with an error of some milliseconds.
    await vi.waitFor(async () => {
      await queue.cleanup(0);
      const events = broker.subjects.eventsOf(ended);
      expect(await broker.read.count(broker.subjects.streamName('events'), events)).toBe(0);
    });
  });
});

describe('closing', () => {
  test('ends reads that are under way at once', async () => {
    const closing = new JobQueueService({ servers: nats.url, namespace: `reads${id}` });
    await closing.connect();
    const reads = [closing.getJob('x'), closing.getStats(), closing.getJobs(), closing.history('x')];
    const startedAt = performance.now();
    const ended = Promise.allSettled(reads);
    await closing.close();
    for (const each of await ended)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'JETFLEET_CLOSED' });
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  test('ends a question to the server that is under way with the code of what is closed', async () => {
    const connection = await connect({ servers: nats.url });
    const { manager } = await openJetStream(connection);
    const questions = [manager.streams.info('none'), manager.consumers.info('none', 'none')];
    const ended = Promise.allSettled(questions);
    await connection.close();
    for (const each of await ended)
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'JETFLEET_CLOSED' } });
  });

  test('sends what is under way', async () => {
    const closing = new JobQueueService({ servers: nats.url, namespace: `close${id}` });
    const adds = Array.from({ length: 2_000 }, (_, n) => closing.addJob('lonely', n));
    const list = closing.addJobs(Array.from({ length: 1_500 }, (_, n) => ({ type: 'lonely', payload: n })));
    const typed = closing.add(defineJob({ type: 'lonely', payload: z.number() }), 5);
    const late = new Promise((resolve) => setImmediate(resolve)).then(() => closing.addJob('lonely', 'late'));
    late.catch(() => {});
    await closing.close();
    expect(new Set(await Promise.all(adds)).size).toBe(2_000);
    expect(await list).toHaveLength(1_500);
    expect(await typed).toMatchObject({ created: true });
    await expect(closing.addJob('lonely', 1)).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
    await using again = new JobQueueService({ servers: nats.url, namespace: `close${id}` });
    const { state } = await (await again.broker()).topology.streamInfo('jobs');
    expect(state.messages).toBe(3_501);
    await expect(late).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
  });
});
