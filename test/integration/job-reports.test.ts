import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobContext, type LogLine, type StreamedChunk, snooze } from '../../src/index.js';
import { decodeActivity } from '../../src/wire/activity.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const started = (handlers: Record<string, (job: JobContext) => unknown>) =>
  startFleet({ nats, worker: { sweep: false }, handlers });

const messagesOf = async ({ queue }: Fleet, kind: 'progress' | 'log' | 'chunk', id: string) => {
  const broker = await queue.broker();
  const stored = await broker.activity.page(kind, id, 1, 10_000);
  return stored.flatMap(({ data, seq, timeMs }) => {
    const message = decodeActivity(data);
    return message ? [{ ...message, seq, timeMs }] : [];
  });
};

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream) all.push(each);
  return all;
}

describe('progress', () => {
  it('is written a few times a second however often it is reported, can be read meanwhile, and its last value stays', async () => {
    const { open, opened } = gate();
    await using fleet = await started({
      work: async (job) => {
        for (let done = 0; done < 2_000; done++) {
          job.progress({ done, total: 2_000 });
          if (done % 20 === 0) await delay(10);
        }
        job.progress({ done: 2_000, total: 2_000, message: 'almost there' });
        await opened;
        job.progress(100);
      },
    });
    const id = await fleet.queue.addJob('work', {});
    await vi.waitFor(async () =>
      expect(await fleet.queue.getJob(id)).toMatchObject({
        state: 'running',
        progress: { done: 2_000, message: 'almost there' },
        progressAt: expect.any(String),
      }),
    );
    expect((await fleet.queue.getJobs({ status: 'processing' })).jobs).toMatchObject([
      { id, progress: { done: 2_000 } },
    ]);
    open();
    expect(await fleet.queue.ended(id)).toMatchObject({ state: 'completed', progress: 100 });
    expect(await fleet.queue.getJob(id)).toMatchObject({ progress: 100 });
    const times = (await messagesOf(fleet, 'progress', id)).map(({ timeMs }) => timeMs);
    const inASecond = times.map((from) => times.filter((time) => time >= from && time < from + 1_000).length);
    expect(Math.max(...inASecond)).toBeLessThanOrEqual(5);
  });

  it('stays over a snooze, begins anew with another attempt, and survives a cancellation', async () => {
    await using fleet = await started({
      work: async (job) => {
        if (job.checkpoint === undefined) {
          job.progress(10);
          return snooze(50, 'asked');
        }
        if (job.attempt === 1) throw new Error('once');
        await delay(50);
        expect(job.record.progress).toBeUndefined();
        return 'done';
      },
      slow: async ({ progress, signal }) => {
        progress({ done: 3, total: 4 });
        await delay(60_000, undefined, { signal });
      },
    });
    const id = await fleet.queue.addJob('work', {}, 'normal');
    await fleet.waitForJob(id, (job) => job.state === 'waiting' && job.progress === 10);
    await fleet.waitForJob(id, (job) => job.state === 'retrying' && job.progress === 10);
    expect(await fleet.queue.ended(id, { timeoutMs: 20_000 })).not.toHaveProperty('progress');
    const slow = await fleet.queue.addJob('slow', {});
    await fleet.waitForJob(slow, (job) => job.progress !== undefined);
    expect(await fleet.queue.cancel(slow)).toMatchObject({
      state: 'cancelled',
      progress: { done: 3, total: 4 },
    });
  });

  it('that cannot be stored is refused, and a report after the end says nothing', async () => {
    const late: unknown[] = [];
    await using fleet = await started({
      large: (job) => job.progress('x'.repeat(5_000)),
      circle: (job) => {
        const circle: Record<string, unknown> = {};
        circle.self = circle;
        job.progress(circle);
      },
      missing: (job) => job.progress(undefined as never),
      late: (job) => {
        setTimeout(() => {
          job.progress(1);
          job.log('late');
          void job.emit('late').catch((error) => late.push(error.code));
        }, 50);
      },
    });
    for (const type of ['large', 'circle', 'missing'])
      expect(await fleet.queue.ended(await fleet.queue.addJob(type, {}))).toMatchObject({
        state: 'rejected',
        error: { code: 'JETFLEET_REPORT_INVALID' },
      });
    const id = await fleet.queue.addJob('late', {});
    await vi.waitFor(() => expect(late).toEqual(['JETFLEET_CONFLICT']));
    expect(await fleet.queue.logs(id)).toEqual({ lines: [], total: 0, dropped: 0 });
  });
});

describe('a log', () => {
  it('holds the lines of all attempts in order, and goes with its job', async () => {
    await using fleet = await started({
      work: async (job) => {
        job.log(`attempt ${job.attempt} begins`);
        await delay(5);
        job.log(`attempt ${job.attempt} ends`);
        if (job.attempt === 1) throw new Error('once');
      },
    });
    const id = await fleet.queue.addJob('work', {});
    expect(await fleet.queue.ended(id, { timeoutMs: 20_000 })).toMatchObject({ logLines: 4 });
    const log = await fleet.queue.logs(id);
    expect(log).toMatchObject({ total: 4, dropped: 0 });
    expect(log.lines.map(({ index, attempt, line }) => [index, attempt, line])).toEqual([
      [0, 1, 'attempt 1 begins'],
      [1, 1, 'attempt 1 ends'],
      [2, 2, 'attempt 2 begins'],
      [3, 2, 'attempt 2 ends'],
    ]);
    expect(Date.parse(log.lines[0]?.at ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect((await fleet.queue.logs(id, { last: 1 })).lines).toHaveLength(1);
    await fleet.queue.cleanup(0);
    // The message of its second attempt may be on its way still.
    await vi.waitFor(() =>
      expect(fleet.queue.logs(id)).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' }),
    );
    expect(await messagesOf(fleet, 'log', id)).toEqual([]);
    await expect(fleet.queue.logs(id, { last: 0 })).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
    });
  });

  it('is bounded by lines and bytes, keeps the last ones, and counts those that it has dropped', async () => {
    await using fleet = await started({
      lines: async (job) => {
        for (let index = 0; index < 30_000; index++) {
          job.log(`line ${index}`);
          if (index % 1_000 === 0) await delay(5);
        }
      },
      bytes: async (job) => {
        for (let index = 0; index < 1_000; index++) job.log(`${index} ${'x'.repeat(6_000)}`);
      },
    });
    const many = await fleet.queue.addJob('lines', {});
    await fleet.queue.ended(many, { timeoutMs: 30_000 });
    await vi.waitFor(async () => {
      const { lines, total, dropped } = await fleet.queue.logs(many);
      expect(total).toBe(30_000);
      expect(lines.at(-1)?.line).toBe('line 29999');
      expect(lines.length).toBeLessThanOrEqual(10_000);
      expect(lines.length).toBeGreaterThan(5_000);
      expect(dropped).toBe(30_000 - lines.length);
      expect(lines[0]?.index).toBe(dropped);
    });
    const large = await fleet.queue.addJob('bytes', {});
    await fleet.queue.ended(large, { timeoutMs: 30_000 });
    await vi.waitFor(async () => {
      const { lines, total } = await fleet.queue.logs(large);
      expect(total).toBe(1_000);
      expect(lines.at(-1)?.line).toMatch(/^999 x{3996}… \(2004 more characters\)$/);
      const bytes = lines.reduce((sum, { line }) => sum + line.length, 0);
      expect(bytes).toBeLessThanOrEqual(1024 * 1024);
      expect(bytes).toBeGreaterThan(500_000);
    });
  });

  it('can be followed until its job ends', async () => {
    await using fleet = await started({
      work: async (job) => {
        for (let index = 0; index < 5; index++) {
          job.log(`line ${index}`);
          await delay(100);
        }
      },
    });
    const id = await fleet.queue.addJob('work', {});
    const lines: LogLine[] = await collected(fleet.queue.followLogs(id));
    expect(lines.map(({ line }) => line)).toEqual([0, 1, 2, 3, 4].map((index) => `line ${index}`));
  });
});

describe('a stream of chunks', () => {
  it('arrives as it is emitted, ends with the job, and can be joined late and after the end', async () => {
    const emittedAt = new Map<unknown, number>();
    await using fleet = await started({
      work: async (job) => {
        for (let token = 0; token < 40; token++) {
          emittedAt.set(token, performance.now());
          void job.emit({ token });
          await delay(20);
        }
      },
    });
    const id = await fleet.queue.addJob('work', {});
    const lateness: number[] = [];
    const early = (async () => {
      const all: StreamedChunk<{ token: number }>[] = [];
      for await (const each of fleet.queue.stream<{ token: number }>(id)) {
        lateness.push(performance.now() - (emittedAt.get(each.chunk.token) ?? 0));
        all.push(each);
      }
      return all;
    })();
    await delay(400);
    const joined = collected(fleet.queue.stream<{ token: number }>(id));
    const tokens = Array.from({ length: 40 }, (_, token) => token);
    const seen = await early;
    expect(seen.map(({ chunk }) => chunk.token)).toEqual(tokens);
    expect(seen.map(({ index }) => index)).toEqual(tokens);
    expect((await joined).map(({ chunk }) => chunk.token)).toEqual(tokens);
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'completed', chunks: 40 });
    expect((await collected(fleet.queue.stream(id))).length).toBe(40);
    lateness.sort((a, b) => a - b);
    // While the job runs, not at its end.
    expect(lateness[20]).toBeLessThan(400);
  });

  it('begins anew with another attempt, and who joins then sees that one alone', async () => {
    await using fleet = await started({
      work: async (job) => {
        for (const part of ['a', 'b']) await job.emit(`${part}${job.attempt}`);
        await delay(200);
        if (job.attempt === 1) throw new Error('once');
      },
    });
    const id = await fleet.queue.addJob('work', {});
    const all = await collected(fleet.queue.stream(id));
    expect(all.map(({ chunk, index, attempt }) => [chunk, index, attempt])).toEqual([
      ['a1', 0, 1],
      ['b1', 1, 1],
      ['a2', 0, 2],
      ['b2', 1, 2],
    ]);
    expect((await collected(fleet.queue.stream(id))).map(({ chunk }) => chunk)).toEqual(['a2', 'b2']);
  });

  it('of a job that emits nothing ends with it, and one of no job is refused', async () => {
    await using fleet = await started({ work: () => delay(100) });
    expect(await collected(fleet.queue.stream(await fleet.queue.addJob('work', {})))).toEqual([]);
    await expect(collected(fleet.queue.stream('nobody'))).rejects.toMatchObject({
      code: 'JETFLEET_NOT_FOUND',
    });
    const aborted = AbortSignal.abort(new Error('enough'));
    const id = await fleet.queue.addJob('work', {});
    await expect(collected(fleet.queue.stream(id, { signal: aborted }))).rejects.toThrow('enough');
    expect(() => fleet.queue.stream('no.id')).toThrow(
      expect.objectContaining({ code: 'JETFLEET_ID_INVALID' }),
    );
    expect(() => fleet.queue.stream(id, { from: 1 } as never)).toThrow(/has no "from"/);
  });
});

it('a worker that lost its job reports no more, and what it wrote late is not shown as the progress of the new attempt', async () => {
  const jobs: JobContext[] = [];
  await using fleet = await started({
    work: async (job) => {
      jobs.push(job);
      await delay(60_000, undefined, { signal: job.signal });
    },
  });
  const id = await fleet.queue.addJob('work', {});
  const record = await fleet.waitForJob(id, 'running');
  const [job] = jobs;
  await job?.emit('first');
  const broker = await fleet.queue.broker();
  const { seq = 0 } = (await broker.lastEvent(id)) ?? {};
  // Another worker takes the job over; this one does not know yet.
  const takenAt = await broker.appendEvent({ ...record, attempt: 2, worker: 'other' }, seq);
  job?.progress(50);
  await vi.waitFor(async () => expect(await messagesOf(fleet, 'progress', id)).toHaveLength(1));
  expect(await fleet.queue.getJob(id)).not.toHaveProperty('progress');
  const [last] = await messagesOf(fleet, 'chunk', id);
  const { seq: lastSeq = 0, timeMs: _, ...message } = last ?? {};
  await broker.activity.append(
    'chunk',
    id,
    JSON.stringify({ ...message, attempt: 2, fence: takenAt, first: 0, items: ['of the other'] }),
    lastSeq,
  );
  await expect(job?.emit('too late')).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
  await expect(job?.emit('still')).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
  const reader = fleet.queue.stream(id);
  expect((await reader.next()).value).toMatchObject({ chunk: 'of the other', attempt: 2 });
  await reader.return(undefined);
});

it('a queue whose jobs report nothing has no stream for it', async () => {
  await using fleet = await started({ work: () => 'done' });
  const id = await fleet.queue.addJob('work', {});
  await fleet.queue.ended(id);
  const broker = await fleet.queue.broker();
  await expect(broker.topology.streamInfo('activity')).rejects.toThrow(/stream not found/);
});
