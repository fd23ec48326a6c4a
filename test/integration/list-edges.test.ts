import { once } from 'node:events';
import { connect } from 'node:net';
import { headers as newHeaders } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobRecord, snooze } from '../../src/index.js';
import { encodeRecord } from '../../src/wire/record-message.js';
import { ANY } from '../../src/wire/subjects.js';
import { startFleet } from '../support/fleet.js';
import { aborted } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const eventually = (check: () => void | Promise<void>) => vi.waitFor(check, { interval: 10 });
const hold = ({ signal }: { signal: AbortSignal }) => aborted(signal);

/** Publishes bytes that the client would refuse to send. */
async function publishRaw(
  url: string,
  subject: string,
  header: string,
  body: string,
  head = `NATS/1.0\r\n${header}\r\n\r\n`,
): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write('CONNECT {"verbose":false,"headers":true}\r\n');
  socket.write(`HPUB ${subject} ${head.length} ${head.length + body.length}\r\n${head}${body}\r\nPING\r\n`);
  for (let seen = ''; !seen.includes('PONG'); ) seen += String((await once(socket, 'data'))[0]);
  socket.destroy();
}

test('a read on a closed connection is refused, and leaves no timer behind', async () => {
  const fleet = await startFleet({ nats, workers: 0 });
  const { read, subjects } = await fleet.queue.broker();
  await fleet.close();
  const stream = subjects.streamName('jobs');
  await expect(read.page(stream, '>', 1, 10)).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
  await expect(read.count(stream, '>')).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
});

test.each([
  ['batch', 1, 'Message Not Found'],
  ['batch', 2, 'No Results'],
  ['multi_last', 0, 'Message Not Found'],
  ['multi_last', 1, 'Message Not Found'],
] as const)('a %s read that ends with 404 after %i messages', async (kind, sent, description) => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { read, connection } = await fleet.queue.broker();
  // No stream has this name, so that the test answers in the server's place, in its words.
  const stream = `BROKEN_${kind}_${sent}`;
  const asked: string[] = [];
  connection.subscribe(`$JS.API.DIRECT.GET.${stream}`, {
    callback: (_error, { data, reply = '' }) => {
      asked.push(String(data));
      for (let seq = 1; seq <= sent; seq++) {
        const found = newHeaders();
        found.set('Nats-Sequence', String(seq));
        connection.publish(reply, 'body', { headers: found });
      }
      connection.publish(reply, '', { headers: newHeaders(404, description) });
    },
  });
  await connection.flush();
  const reading = kind === 'batch' ? read.page(stream, '>', 1, 10) : read.lastOfEach(stream, ['a.>']);
  if (description === 'No Results') {
    expect(await reading).toHaveLength(sent);
    expect(asked).toHaveLength(1);
  } else {
    await expect(reading).rejects.toMatchObject({
      message: expect.stringContaining('could not load'),
      retryable: true,
    });
    expect(asked).toHaveLength(2);
  }
});

test('a read that gets no answer is made once more', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { read, connection } = await fleet.queue.broker();
  const asked = new Set<string>();
  connection.subscribe('$JS.API.DIRECT.GET.SILENT.*', {
    callback: (_error, msg) => {
      if (asked.has(msg.subject)) msg.respond('', { headers: newHeaders(404, 'Message Not Found') });
      asked.add(msg.subject);
    },
  });
  await connection.flush();
  const reads = [read.last('SILENT.one', 'a'), read.page('SILENT.many', 'a', 1, 10)];
  expect(await Promise.all(reads)).toEqual([undefined, []]);
});

test('look-ups of many ids at the same moment find what each finds alone', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const { connection, read, subjects } = await queue.broker();
  const priorities = ['low', 'high', 'critical'] as const;
  for (const priority of priorities)
    for (const id of ['often', 'twice'])
      connection.publish(subjects.work({ kind: 'jobs', priority, type: `type_${priority}`, id }), '1');
  await connection.flush();
  await queue.addJobs([
    ...Array.from({ length: 300 }, (_, n) => ({ type: 'one', payload: n, id: `job-${n}` })),
    ...Array.from({ length: 300 }, (_, n) => ({
      type: 'one',
      payload: n,
      id: `later-${n}`,
      delayMs: 60_000,
    })),
  ]);
  const ids = ['often', 'twice', 'often', 'none', ...Array.from({ length: 310 }, (_, n) => `job-${n}`)];
  const filters: [stream: string, filter: string][] = [
    ...ids.map((id): [string, string] => [subjects.streamName('jobs'), subjects.workOf('jobs', id)]),
    ...Array.from({ length: 310 }, (_, n): [string, string] => [
      subjects.streamName('timers'),
      subjects.schedule(n % 2 ? ANY : 'jobs', `later-${n}`),
    ]),
  ];
  const together = await Promise.all(filters.map(([stream, filter]) => read.lastTogether(stream, filter)));
  const seqOf = async ([stream, filter]: [string, string]) => (await read.last(stream, filter))?.seq;
  const alone = await Promise.all(filters.map(seqOf));
  expect(together.map((message) => message?.seq)).toEqual(alone);
  expect(alone.filter((seq) => seq === undefined)).toHaveLength(21);
});

test('a message that the broker cannot load fails the look-up of its own id alone', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { read, connection } = await fleet.queue.broker();
  connection.subscribe('$JS.API.DIRECT.GET.BROKEN_ONE', {
    callback: (_error, msg) => {
      const { last_by_subj: filter } = msg.json<{ last_by_subj?: string }>();
      const isBroken = filter === undefined || filter === 'a.3';
      msg.respond('', { headers: newHeaders(isBroken ? 500 : 404, 'Message Not Found') });
    },
  });
  await connection.flush();
  const reads = Array.from({ length: 20 }, (_, n) => read.lastTogether('BROKEN_ONE', `a.${n}`));
  const ends = (await Promise.allSettled(reads)).map(({ status }) => status);
  expect(ends.filter((status) => status === 'rejected')).toHaveLength(1);
  expect(ends[3]).toBe('rejected');
});

test('large payloads that fill a batch early are all listed', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const payload = 'x'.repeat(500_000);
  const added = await fleet.queue.addJobs(Array.from({ length: 160 }, () => ({ type: 'big', payload })));
  const { read, subjects } = await fleet.queue.broker();
  const stored = await read.page(subjects.streamName('jobs'), `${subjects.prefix}jobs.>`, 1, 300);
  const inOrder = stored.map(({ subject }) => subjects.parseWork(subject)?.id);
  // Batches are under way side by side, and one that was refused for load is stored behind the next.
  expect([...inOrder].sort()).toEqual([...added].sort());
  const ids: string[] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await fleet.queue.getJobs({ status: 'pending', limit: 300, ...(cursor && { cursor }) });
    ids.push(...page.jobs.map(({ id }) => id));
    cursor = page.cursor;
  }
  expect(ids).toEqual(inOrder);
});

test('long pages side by side reach a process that is busy, and one whose connection is cut', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const payload = 'x'.repeat(500_000);
  await fleet.queue.addJobs(Array.from({ length: 24 }, () => ({ type: 'big', payload })));
  const { read, subjects, connection } = await fleet.queue.broker();
  const changes: string[] = [];
  void (async () => {
    for await (const { type } of connection.status()) changes.push(type);
  })();
  const page = async () => {
    const found = await read.page(subjects.streamName('jobs'), `${subjects.prefix}jobs.>`, 1, 300);
    return found.map(({ seq }) => seq);
  };
  const whole = Array.from({ length: 24 }, (_, index) => index + 1);
  // More than the 64 MB that a broker holds for a connection.
  const pages = Array.from({ length: 8 }, page);
  await connection.flush();
  // The broker answers meanwhile, and nobody reads.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  expect(await Promise.all(pages)).toEqual(pages.map(() => whole));
  expect(changes).not.toContain('disconnect');
  const cut = page();
  await connection.reconnect();
  expect(await cut).toEqual(whole);
  expect(changes).toContain('disconnect');
});

test('the last events of many jobs are all found when the broker cuts its answer short', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const broker = await fleet.queue.broker();
  const ids = Array.from({ length: 160 }, (_, index) => `large-${index}`);
  for (const id of ids) {
    const record = {
      id,
      type: 'big',
      priority: 'low',
      status: 'completed',
      state: 'completed',
      attempt: 1,
      maxAttempts: 1,
      result: 'x'.repeat(500_000),
    };
    encodeRecord(record as JobRecord);
    await broker.appendEvent(record as JobRecord, 0);
  }
  const last = await broker.read.lastOfEach(
    broker.subjects.streamName('events'),
    ids.map((id) => broker.subjects.eventsOf(id)),
  );
  expect(last).toHaveLength(160);
  expect(new Set(last.map(({ seq }) => seq)).size).toBe(160);
});

test('a message with unreadable headers is listed until a worker refuses it, and the connection lives on', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { subjects, read } = await fleet.queue.broker();
  const evil = subjects.work({ kind: 'jobs', priority: 'normal', type: 'x', id: 'evil' });
  await publishRaw(nats.url, evil, 'foo: a\nb', '{}');
  const good = await fleet.queue.addJob('x', null);
  expect((await fleet.queue.getJobs()).jobs.map(({ id }) => id)).toEqual(['evil', good]);
  expect(await read.count(subjects.streamName('jobs'), `${subjects.prefix}jobs.>`)).toBe(2);
  expect(await read.last(subjects.streamName('jobs'), evil)).toMatchObject({
    subject: evil,
    seq: 1,
    headersUnreadable: true,
  });
  expect(await fleet.queue.getJob(good)).toMatchObject({ state: 'queued' });
});

test.each([
  ['the end of a batch', 'NATS/1.0 204 EOB\r\n\r\n'],
  [
    'the end of a batch, with numbers',
    'NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 9\r\n\r\n',
  ],
  ['no message', 'NATS/1.0 404 Message Not Found\r\n\r\n'],
  ['too many results', 'NATS/1.0 413 Too Many Results\r\n\r\n'],
  ['a bad request', 'NATS/1.0 408 Bad Request\r\n\r\n'],
  ['an error', 'NATS/1.0 500 none\r\n\r\n'],
  ['no responders', 'NATS/1.0 503\r\n\r\n'],
  ['headers that end early', 'NATS/1.0\r\nA: b'],
  ['headers that the client refuses', 'NATS/1.0\r\na: b\nc\r\n\r\n'],
  ['a sequence of its own', 'NATS/1.0\r\nNats-Sequence: 7\r\nNats-Subject: x\r\n\r\n'],
  ['no first line', 'x: y\r\n\r\n'],
  ['one byte of headers', 'x'],
  ['no bytes of headers', ''],
])('a stored message that looks like %s hides no job, and no record', async (_, head) => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const { subjects, read } = await queue.broker();
  const [jobs, events] = [subjects.streamName('jobs'), subjects.streamName('events')];
  const publish = (subject: string) => publishRaw(nats.url, subject, '', '', head);
  const work = (id: string) => `${subjects.prefix}jobs.low.other.${id}`;
  await queue.addJob('x', { n: 1 }, 'normal', { id: 'first' });
  await queue.addJob('x', { n: 3 }, 'normal', { id: 'ended' });
  await queue.cancel('ended');
  await publish(work('evil'));
  // Of the same id, later and on another subject.
  await publish(work('first'));
  await publish(`${subjects.prefix}events.other.failed.ended`);
  await publish(`${subjects.prefix}events.other.failed.first`);
  await queue.addJob('x', { n: 2 }, 'normal', { id: 'last' });
  const listed = (await queue.getJobs({ status: 'pending' })).jobs.map(({ id }) => id);
  expect(listed).toEqual(expect.arrayContaining(['first', 'evil', 'last']));
  expect(await queue.getJob('first')).toMatchObject({ type: 'x', state: 'queued', payload: { n: 1 } });
  expect(await queue.getJob('last')).toMatchObject({ type: 'x', state: 'queued', payload: { n: 2 } });
  expect(await queue.getJob('evil')).toMatchObject({ type: 'other', state: 'queued' });
  expect(await queue.getJob('ended')).toMatchObject({ type: 'x', state: 'cancelled' });
  expect((await queue.getJobs({ status: 'failed' })).jobs.map(({ id }) => id)).toEqual(['ended']);
  expect(await read.count(jobs, `${subjects.prefix}jobs.>`)).toBe(4);
  const stored = await read.page(jobs, '>', 1, 10);
  expect(stored.map(({ seq }) => seq)).toEqual([1, 3, 4, 5]);
  expect((await read.pageBefore(jobs, '>', Number.POSITIVE_INFINITY, 10)).map(({ seq }) => seq)).toEqual([
    5, 4, 3, 1,
  ]);
  expect((await read.lastOfEach(events, [subjects.eventsOf('ended')])).length).toBe(2);
  await expect(queue.addJob('x', { n: 1 }, 'normal', { id: 'first' })).resolves.toBe('first');
  await queue.getStats();
  expect((await queue.history('ended')).map(({ record }) => record.state)).toEqual(['cancelled']);
});

test.each(['are removed', 'arrive'])(
  'a page back from a message is whole when later ones %s between two counts',
  async (what) => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const { read, subjects, topology } = await fleet.queue.broker();
    const add = (type: string, count: number, priority: 'low' | 'high' = 'low') =>
      fleet.queue.addJobs(Array.from({ length: count }, (_, n) => ({ type, payload: { n }, priority })));
    for (let n = 0; n < 3; n++) {
      await add('other', 40);
      await add('wanted', 1);
    }
    await add('wanted', 5, 'high');
    const stream = subjects.streamName('jobs');
    const filter = `${subjects.prefix}jobs.*.wanted.*`;
    const count = read.count.bind(read);
    const counted = vi.spyOn(read, 'count').mockImplementationOnce(async (...args) => {
      const before = await count(...args);
      if (what === 'arrive') await add('wanted', 100, 'high');
      else await topology.purge('jobs', `${subjects.prefix}jobs.high.>`);
      return before;
    });
    const seqsOf = async (limit: number) =>
      (await read.pageBefore(stream, filter, 123, limit)).map(({ seq }) => seq);
    expect(await seqsOf(2)).toEqual([123, 82]);
    expect(counted).toHaveBeenCalled();
    counted.mockRestore();
    expect(await seqsOf(2)).toEqual([123, 82]);
    expect(await seqsOf(9)).toEqual([123, 82, 41]);
  },
);

test('more subjects than the broker answers at once hide no job', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const { subjects, connection } = await queue.broker();
  await queue.addJob('x', { n: 1 }, 'normal', { id: 'many' });
  for (let each = 0; each < 1_100; each++) {
    connection.publish(`${subjects.prefix}events.t${each}.completed.many`, '{}');
    connection.publish(`${subjects.prefix}jobs.low.t${each}.many`, '{}');
  }
  await connection.flush();
  const job = { type: 'x', state: 'queued', payload: { n: 1 } };
  expect(await queue.getJob('many')).toMatchObject(job);
  await expect(queue.addJob('x', { n: 1 }, 'normal', { id: 'many' })).resolves.toBe('many');
  const { jobs } = await queue.getJobs({ status: 'pending', type: 'x' });
  expect(jobs).toEqual([expect.objectContaining(job)]);
});

test('a waiting job that is due but has no free slot is listed as processing, once', async () => {
  await using fleet = await startFleet({
    nats,
    handlers: { mixed: (context) => (context.payload === 'snooze' ? snooze(300) : hold(context)) },
    worker: { concurrency: { mixed: 1 } },
  });
  const { queue, waitForJob } = fleet;
  const waiting = await queue.addJob('mixed', 'snooze');
  await waitForJob(waiting, 'waiting');
  const running = await queue.addJob('mixed', 'hold');
  await waitForJob(running, 'running');
  const { subjects, read } = await queue.broker();
  await eventually(async () =>
    expect(await read.count(subjects.streamName('timers'), `${subjects.prefix}schedules.>`)).toBe(0),
  );
  expect(await queue.getJob(waiting)).toMatchObject({ state: 'waiting' });
  for (const limit of [1, 100]) {
    const ids: string[] = [];
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await queue.getJobs({ status: 'processing', limit, ...(cursor && { cursor }) });
      expect(page.jobs.length).toBeLessThanOrEqual(limit);
      ids.push(...page.jobs.map(({ id }) => id));
      cursor = page.cursor;
    }
    expect(ids.sort()).toEqual([waiting, running].sort());
  }
  expect((await queue.getJobs()).jobs.map(({ id }) => id).sort()).toEqual([waiting, running].sort());
  expect((await queue.getJobs({ status: 'pending' })).jobs).toEqual([]);
});

test('an event consumer that somebody deleted rejects closed', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const subscription = await fleet.queue.events({ durable: 'billing' }, () => {});
  const { connection, subjects } = await fleet.queue.broker();
  await connection.request(`$JS.API.CONSUMER.DELETE.${subjects.streamName('events')}.billing`);
  await expect(subscription.closed).rejects.toMatchObject({
    code: 'JETFLEET_NO_STREAM',
    message: expect.stringContaining('deleted'),
  });
  await subscription.close();
});

test.each([
  { type: [] },
  { status: [] },
  { type: '>' },
  { type: ['ok', 'a.b'] },
  { status: 'gone' },
  { id: '*' },
])('an event filter of %j is refused', async (filter) => {
  await using fleet = await startFleet({ nats, namespace: 'refused', workers: 0 });
  const events = fleet.queue.events({ filter: filter as object }, () => {});
  await expect(events).rejects.toMatchObject({ code: 'JETFLEET_OPTION_INVALID' });
});

test.each([{ type: '*' }, { type: '' }, { status: 'gone' }, { priority: 'urgent' }])(
  'a job filter of %j is refused',
  async (filter) => {
    await using fleet = await startFleet({ nats, namespace: 'refused', workers: 0 });
    const jobs = fleet.queue.getJobs(filter as object);
    await expect(jobs).rejects.toMatchObject({ code: 'JETFLEET_OPTION_INVALID' });
  },
);
