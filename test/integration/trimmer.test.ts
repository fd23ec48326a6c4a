import { setTimeout as delay } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openConnection } from '../../src/broker/connection/connection.js';
import { Notices } from '../../src/broker/connection/notices.js';
import { AcknowledgedSequences } from '../../src/broker/consume/delivery.js';
import { DirectRead } from '../../src/broker/read/direct-read.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobRecord } from '../../src/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { answerAcknowledged, askAcknowledged } from '../../src/upkeep/acknowledged-exchange.js';
import { removeUnserved } from '../../src/upkeep/check-held.js';
import { Trimmer } from '../../src/upkeep/trimmer.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { loseMessage } from '../support/lost-message.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const WITHIN = { interval: 50 };

async function stored({ queue }: Fleet): Promise<string[]> {
  const { topology } = await queue.broker();
  return Object.keys((await topology.streamInfo('jobs', '>')).state.subjects ?? {}).sort();
}

/** Whoever asks on the subject hears no answer, so often. */
function leaveUnanswered(subject: string, times: number): void {
  const { ask } = Notices.prototype;
  let left = times;
  const spy = vi.spyOn(Notices.prototype, 'ask').mockImplementation(async function (
    this: Notices,
    ...question
  ) {
    const answers = await ask.apply(this, question);
    return question[0] === subject && left-- > 0 ? [] : answers;
  });
  onTestFinished(() => spy.mockRestore());
}

/** Workers that start from now on remove nothing; returns how to have them begin. */
function holdTrimmers(): () => void {
  const held: Trimmer[] = [];
  const spy = vi.spyOn(Trimmer.prototype, 'start').mockImplementation(function (this: Trimmer) {
    held.push(this);
  });
  onTestFinished(() => spy.mockRestore());
  return () => {
    spy.mockRestore();
    for (const trimmer of held) trimmer.start();
  };
}

/** A handler of jobs that end when they are told to. */
function heldHandler() {
  const { open, opened } = gate();
  return { open, handler: () => opened };
}

describe('messages of jobs that have ended', () => {
  it('are removed soon, and those that wait stay', async () => {
    await using fleet = await startFleet({ nats, handlers: { quick: () => 1 } });
    await fleet.queue.addJob('unhandled', null, 'low', { id: 'waits' });
    const ids = await fleet.queue.addJobs(
      (['low', 'critical', 'normal'] as const).map((priority) => ({ type: 'quick', payload: 1, priority })),
    );
    for (const id of ids) await fleet.waitForJob(id, 'completed');
    const broker = await fleet.queue.broker();
    broker.connection.publish(`${broker.subjects.prefix}jobs.high.quick`, '2');
    const waiting = `${broker.subjects.prefix}jobs.low.unhandled.waits`;
    await vi.waitFor(async () => expect(await stored(fleet)).toEqual([waiting]), WITHIN);
  });

  it('are removed by the worker that stops, at the latest', async () => {
    await using fleet = await startFleet({ nats, handlers: { quick: () => 1 } });
    const id = await fleet.queue.addJob('quick', 1);
    await fleet.waitForJob(id, 'completed');
    await fleet.workers[0]?.shutdown();
    expect(await stored(fleet)).toEqual([]);
  });

  it('that another worker has acknowledged and left are removed by the next one', async () => {
    await using fleet = await startFleet({ nats, handlers: { quick: () => 1 }, workers: 0 });
    await fleet.queue.setup(['quick']);
    const broker = await fleet.queue.broker();
    const id = await fleet.queue.addJob('quick', 1, 'normal', { id: 'left' });
    const [record] = [await fleet.queue.getJob(id)];
    if (!record) throw new Error('the job is not there');
    const consumer = await jetstream(broker.connection).consumers.get(
      broker.subjects.streamName('jobs'),
      broker.subjects.consumerName('quick', 'normal'),
    );
    const message = await consumer.next({ expires: 30_000 });
    await broker.appendEvent({ ...record, status: 'completed', state: 'completed' }, 0);
    await message?.ackAck();
    expect(await stored(fleet)).toHaveLength(1);
    await fleet.addWorker();
    await vi.waitFor(async () => expect(await stored(fleet)).toEqual([]), WITHIN);
  });

  it('do not bring them back once their records are cleaned up', async () => {
    const { open, handler } = heldHandler();
    await using fleet = await startFleet({ nats, handlers: { held: { handler, concurrency: 2 } } });
    // It runs, so that nothing behind it is removed.
    await fleet.queue.addJob('held', 'first', 'normal', { id: 'runs' });
    await fleet.waitForJob('runs', 'running');
    await fleet.queue.addJob('held', 'second', 'normal', { id: 'ends' });
    await fleet.waitForJob('ends', 'running');
    await fleet.queue.cancel('ends');
    expect(await stored(fleet)).toHaveLength(2);
    expect(await fleet.queue.cleanup(0)).toBe(1);
    expect(await fleet.queue.getJob('ends')).toBeUndefined();
    expect((await fleet.queue.getJobs({ status: 'pending' })).jobs).toEqual([]);
    open();
    await fleet.waitForJob('runs', 'completed');
    await vi.waitFor(async () => expect(await stored(fleet)).toEqual([]), WITHIN);
    expect(await fleet.queue.getJob('ends')).toBeUndefined();
  });
});

it.each([
  ['a few', 3],
  ['many', 150],
])('a message that its consumer has lost sight of is not removed with %s around it', async (_, around) => {
  const handlers = { step: () => 1 };
  await using fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: 300 }, handlers });
  await fleet.queue.setup(['step']);
  const { jsm, stream } = await loseMessage(fleet.queue);
  await jsm.consumers.update(stream, 'step-normal', { max_deliver: -1 });

  await fleet.addWorker();
  const others = Array.from({ length: around }, () => ({ type: 'step', payload: {} }));
  const ids = await fleet.queue.addJobs(others);
  for (const id of ids) await fleet.waitForJob(id, 'completed');
  await fleet.workers[0]?.shutdown();
  const { subjects } = await fleet.queue.broker();
  expect(await stored(fleet)).toContain(`${subjects.prefix}jobs.normal.step.lost`);
});

it('many messages are removed at once, while others are added', async () => {
  await using fleet = await startFleet({ nats, handlers: { step: { handler: () => 1, concurrency: 64 } } });
  const batch = Array.from({ length: 200 }, () => ({ type: 'step', payload: {} }));
  const ids: string[] = [];
  for (let round = 0; round < 10; round++) ids.push(...(await fleet.queue.addJobs(batch)));
  for (const id of ids) await fleet.waitForJob(id, 'completed');
  await vi.waitFor(async () => expect(await stored(fleet)).toEqual([]), WITHIN);
  expect((await fleet.queue.getStats()).completedJobs).toBe(ids.length);
});

it('jobs that have run do not run again when their consumer is made anew', async () => {
  const { open, handler } = heldHandler();
  const runs: unknown[] = [];
  const count = async (job: { id: string; payload: unknown }) => {
    runs.push(job.payload);
    if (job.payload === 'first') await handler();
  };
  await using fleet = await startFleet({ nats, handlers: { once: { handler: count, concurrency: 4 } } });
  const first = await fleet.queue.addJob('once', 'first');
  await fleet.waitForJob(first, 'running');
  const second = await fleet.queue.addJob('once', 'second');
  await fleet.waitForJob(second, 'completed');
  expect(await stored(fleet)).toHaveLength(2);
  const { topology } = await fleet.queue.broker();
  await topology.deleteConsumer('jobs', 'once-normal');
  const third = await fleet.queue.addJob('once', 'third');
  await fleet.waitForJob(third, 'completed');
  await fleet.addWorker();
  const fourth = await fleet.queue.addJob('once', 'fourth');
  await fleet.waitForJob(fourth, 'completed');
  open();
  await fleet.waitForJob(first, 'completed');
  expect(runs).toEqual(['first', 'second', 'third', 'fourth']);
});

it.each(['>', '*'])('a message with %s for its id is removed like any other', async (id) => {
  await using fleet = await startFleet({ nats, handlers: { quick: () => 1 } });
  const { connection, subjects } = await fleet.queue.broker();
  connection.publish(`${subjects.work({ kind: 'jobs', priority: 'low', type: 'quick' })}.${id}`, '1');
  await connection.flush();
  await vi.waitFor(async () => expect(await stored(fleet)).toEqual([]), WITHIN);
});

it('messages behind one that stays unacknowledged are removed too, once they are many', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await fleet.queue.setup(['step']);
  const broker = await fleet.queue.broker();
  const { connection, subjects, topology } = broker;
  const acknowledged = new AcknowledgedSequences();
  const source = { kind: 'jobs' as const, ...subjects.consumerFor('jobs', 'normal', 'step'), acknowledged };
  await fleet.queue.addJobs(Array.from({ length: 100 }, () => ({ type: 'step', payload: 1 })));
  const consumer = await jetstream(connection).consumers.get(subjects.streamName('jobs'), 'step-normal');
  const messages = await consumer.fetch({ max_messages: 100, expires: 5_000 });
  let first: number | undefined;
  for await (const message of messages) {
    first ??= message.seq;
    if (message.seq === first) continue;
    message.ack();
    acknowledged.add(message.seq, false);
  }
  const trimmer = new Trimmer({ broker, sources: () => [source], logger: silentLogger, pinnedAt: 1 });
  trimmer.start();
  await vi.waitFor(
    async () =>
      expect((await topology.streamInfo('jobs')).state).toMatchObject({ messages: 1, first_seq: first }),
    WITHIN,
  );
  await trimmer.stop();
});

it('what other workers had from TIMERS leaves it before their messages', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await fleet.queue.setup(['step']);
  const broker = await fleet.queue.broker();
  const { connection, subjects, topology } = broker;
  const others = new AcknowledgedSequences();
  onTestFinished(answerAcknowledged(broker, () => others));
  await fleet.queue.addJobs(Array.from({ length: 120 }, () => ({ type: 'step', payload: 1, delayMs: 1 })));
  const consumer = await jetstream(connection).consumers.get(subjects.streamName('jobs'), 'step-normal');
  for await (const message of await consumer.fetch({ max_messages: 120, expires: 5_000 })) {
    message.ack();
    others.add(message.seq, true);
  }
  expect((await topology.streamInfo('timers')).state.messages).toBe(120);
  const own = new AcknowledgedSequences();
  const source = {
    kind: 'jobs' as const,
    ...subjects.consumerFor('jobs', 'normal', 'step'),
    acknowledged: own,
  };
  const trimmer = new Trimmer({ broker, sources: () => [source], logger: silentLogger, leftoversMs: 1 });
  trimmer.start();
  await vi.waitFor(async () => expect((await topology.streamInfo('jobs')).state.messages).toBe(0), WITHIN);
  await trimmer.stop();
  expect((await topology.streamInfo('timers')).state.messages).toBe(0);
});

it('what workers in another language have acknowledged is removed by a sweep, of a type that no worker here takes', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await fleet.queue.setup(['step', 'elsewhere']);
  const broker = await fleet.queue.broker();
  const { connection, subjects, topology } = broker;
  const end = async (type: string, id: string) => {
    const consumer = await jetstream(connection).consumers.get(subjects.streamName('jobs'), `${type}-normal`);
    const message = await consumer.next();
    if (!message) throw new Error('nothing was handed out');
    const now = new Date().toISOString();
    const ended = { status: 'completed', state: 'completed', updatedAt: now, finishedAt: now } as const;
    const job = (await fleet.queue.getJob(id)) as JobRecord;
    await broker.appendEvent({ ...job, ...ended, attempt: 1, workSeq: message.seq }, 0);
    await message.ackAck();
  };
  const [ours, theirs] = [await fleet.queue.addJob('step', 1), await fleet.queue.addJob('elsewhere', 1)];
  const open = await fleet.queue.addJob('elsewhere', 2);
  await end('step', ours);
  await end('elsewhere', theirs);
  // A worker that serves a type answers for it, and removes what is its own.
  const serves = (_: unknown, name: unknown) =>
    name === 'step-normal' ? new AcknowledgedSequences() : undefined;
  const leave = answerAcknowledged(broker, serves);
  await removeUnserved(broker);
  expect(await stored(fleet)).toEqual([expect.stringContaining(open), expect.stringContaining(ours)]);
  expect((await topology.consumer('jobs', 'elsewhere-normal'))?.num_pending).toBe(1);
  leave();
  await removeUnserved(broker);
  expect(await stored(fleet)).toEqual([expect.stringContaining(open)]);
});

describe('of a consumer that several workers share', () => {
  const JOBS = 400;
  const handlers = { step: { handler: () => delay(2), concurrency: 4 } };

  it.each([
    ['at once', 0],
    ['late, when asked again', 2],
  ])(
    'messages are removed by what each of them says it has settled, %s, and none is read',
    async (_, late) => {
      const pages = vi.spyOn(DirectRead.prototype, 'page');
      onTestFinished(() => void pages.mockRestore());
      const startTrimmers = holdTrimmers();
      await using fleet = await startFleet({ nats, handlers, workers: 3 });
      const { subjects } = await fleet.queue.broker();
      leaveUnanswered(subjects.notices.settledAsked(), late);
      pages.mockClear();
      const ids = await fleet.queue.addJobs(
        Array.from({ length: JOBS }, () => ({ type: 'step', payload: 1 })),
      );
      for (const id of ids) await fleet.waitForJob(id, 'completed');
      // Else they may be removed in parts, of which a small one is read.
      const { topology } = await fleet.queue.broker();
      const unacknowledged = async () => (await topology.consumer('jobs', 'step-normal'))?.num_ack_pending;
      await vi.waitFor(async () => expect(await unacknowledged()).toBe(0), WITHIN);
      startTrimmers();
      await vi.waitFor(async () => expect(await stored(fleet)).toEqual([]), WITHIN);
      expect(pages.mock.calls.filter(([stream]) => stream === subjects.streamName('jobs'))).toEqual([]);
      const { jobs } = await fleet.queue.getJobs({ type: 'step', limit: JOBS });
      expect(new Set(jobs.map(({ worker }) => worker)).size).toBe(3);
    },
  );

  it('a question for one stream is not answered with what is settled in another', async () => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const broker = await fleet.queue.broker();
    const sources = (['jobs', 'webhooks'] as const).map((kind, index) => {
      const acknowledged = new AcknowledgedSequences();
      acknowledged.add(7 + index, false);
      return { kind, ...broker.subjects.consumerFor(kind, 'normal', 'send_webhook'), acknowledged };
    });
    const trimmer = new Trimmer({ broker, sources: () => sources, logger: silentLogger });
    trimmer.start();
    onTestFinished(() => trimmer.stop());
    const [ofJobs, ofWebhooks] = sources as [(typeof sources)[0], (typeof sources)[0]];
    expect(ofJobs.name).toBe(ofWebhooks.name);
    const named = async (source: (typeof sources)[0], firstSeq: number) => {
      for await (const { seqs } of askAcknowledged(broker, source, firstSeq)) return seqs;
    };
    expect(await named(ofWebhooks, 8)).toEqual(new Set([8]));
    expect(await named(ofJobs, 7)).toEqual(new Set([7]));
  });

  it('a stranger who asks and answers for workers does no more than delay the removal', async () => {
    await using fleet = await startFleet({ nats, handlers, workers: 2 });
    const { connection, subjects } = await fleet.queue.broker();
    const stranger = await openConnection({ servers: nats.url });
    onTestFinished(() => stranger.close());
    const answers = [
      '{"settled":{"a":1}}',
      '{"settled":[1e300]}',
      '{"settled":[],"lastTaken":1e300}',
      '{"settled":[],"lastTaken":1}',
      '[]',
      '{"settled":[-5,"x",null]}',
      'no JSON',
    ];
    const forge = ({ reply = '' }: { reply?: string }) => {
      for (const each of answers) stranger.publish(reply, each);
    };
    stranger.subscribe(subjects.notices.settledAsked(), { callback: (_, message) => forge(message) });
    const questions = [
      { kind: 'jobs', consumer: 'step-normal', firstSeq: 1e15 },
      { kind: 'jobs', consumer: 7 },
      { consumer: 'step-normal' },
      { firstSeq: 'x' },
      [],
    ];
    const asking = setInterval(() => {
      for (const question of questions)
        stranger.publish(subjects.notices.settledAsked(), JSON.stringify(question), { reply: '_INBOX.x.y' });
    }, 20);
    onTestFinished(() => clearInterval(asking));
    const ids = await fleet.queue.addJobs(Array.from({ length: JOBS }, () => ({ type: 'step', payload: 1 })));
    for (const id of ids) await fleet.waitForJob(id, 'completed');
    await connection.flush();
    clearInterval(asking);
    for (const worker of fleet.workers) await worker.shutdown();
    expect(await stored(fleet)).toEqual([]);
    expect(await fleet.queue.getStats()).toMatchObject({
      completedJobs: JOBS,
      pendingJobs: 0,
      failedJobs: 0,
    });
  });
});
