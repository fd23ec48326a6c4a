import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { complete, defineJob, handled, NonRetryableError, snooze, webhooks } from '../../src/index.js';
import { expectJob, startTestQueue, type TestQueue } from '../../src/testing/index.js';
import { startNats } from '../support/nats.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let kit: TestQueue;
beforeAll(async () => {
  kit = await startTestQueue();
});
beforeEach(() => kit.reset());
afterAll(() => kit.close());

const note = defineJob({ type: 'note', payload: z.strictObject({ n: z.number() }), result: z.number() });

/** How long something takes in real time, in ms. */
async function realMs(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

describe('drain', () => {
  test('runs delayed jobs in due order, each when the clock of the queue has come to its time', async () => {
    const ran: [n: number, at: number][] = [];
    await kit.work(
      handled(note, ({ payload }) => {
        ran.push([payload.n, kit.now().getTime()]);
        return payload.n;
      }),
    );
    const begun = kit.now().getTime();
    for (const n of [30, 1, 7, 0]) await kit.queue.add(note, { n }, { delayMs: n * DAY });
    let drained: unknown;
    const ms = await realMs(async () => {
      drained = await kit.drain();
    });
    expect(ms).toBeLessThan(10_000);
    expect(ran.map(([n]) => n)).toEqual([0, 1, 7, 30]);
    for (const [n, at] of ran) expect(Math.abs(at - begun - n * DAY)).toBeLessThan(10_000);
    expect(drained).toMatchObject({ fired: 3, waiting: [] });
    expect(Math.abs((drained as { skippedMs: number }).skippedMs - 30 * DAY)).toBeLessThan(10_000);
  });

  test('goes through retries and naps, with the delays that they would have', async () => {
    const times: number[] = [];
    const flaky = defineJob({
      type: 'flaky',
      maxAttempts: 4,
      retry: { baseMs: HOUR, maxRetryDelay: 4 * HOUR },
    });
    await kit.work(
      handled(flaky, ({ attempt, checkpoint }) => {
        times.push(kit.now().getTime());
        if (attempt < 3) throw new Error('not yet');
        return checkpoint === undefined ? snooze(2 * DAY, 'slept') : 'rested';
      }),
    );
    const { id } = await kit.queue.add(flaky, undefined);
    await kit.drain();
    await expectJob(kit, id).toComplete('rested');
    expect(times).toHaveLength(4);
    const gaps = times.slice(1).map((at, index) => at - (times[index] as number));
    // Full jitter: anything up to the delay.
    expect(gaps[0]).toBeLessThanOrEqual(HOUR + 10_000);
    expect(gaps[1]).toBeLessThanOrEqual(2 * HOUR + 10_000);
    expect(Math.abs((gaps[2] as number) - 2 * DAY)).toBeLessThan(10_000);
  });

  test('waits for what follows from a job, for webhooks as well', async () => {
    const parent = defineJob({ type: 'parent' });
    await kit.work(
      handled(parent, () => complete('done', [note.next({ n: 1 }, { idSuffix: 'note' })])),
      handled(note, ({ payload }) => payload.n),
      webhooks({ guard: { allowPrivate: true }, timeoutMs: 500 }),
    );
    await kit.queue.add(parent, undefined, { id: 'p', webhookUrl: 'http://127.0.0.1:1/hook' });
    await kit.drain();
    await expectJob(kit, 'p').toComplete('done');
    await expectJob(kit, { type: note, parentId: 'p' }).toComplete(1);
    // It was tried ten times, over hours.
    await expectJob(kit, { type: 'send_webhook' }).toFail({ code: /WEBHOOK|ECONN/ });
    expect((await kit.queue.getStats()).pendingJobs).toBe(0);
  });

  test('runs a thousand jobs, also those that arrive by the wire meanwhile', async () => {
    let ran = 0;
    await kit.work(
      handled(note, async ({ payload }) => {
        ran++;
        if (payload.n < 10) await kit.queue.addJob('note', { n: 100 + payload.n });
        return payload.n;
      }),
    );
    await kit.queue.addJobs(Array.from({ length: 1_000 }, (_, n) => note.of({ n })));
    await kit.drain();
    expect(ran).toBe(1_010);
    await expectJob(kit, { type: note, status: 'completed' }).toExistTimes(1_010);
  });

  test('says what is left when no worker takes it, or the time is over', async () => {
    await kit.queue.addJob('orphan', {}, 'normal', { id: 'lost' });
    await expect(kit.drain()).rejects.toMatchObject({
      code: 'JETFLEET_WAIT_TIMEOUT',
      message: expect.stringMatching(/no worker has taken.*orphan lost is queued/),
    });
    const slow = defineJob({ type: 'slow' });
    await kit.work(handled(slow, ({ signal }) => delay(60_000, undefined, { signal })));
    await kit.queue.add(slow, undefined, { id: 'long' });
    await expect(kit.drain({ timeoutMs: 1_000 })).rejects.toThrow(
      /time for draining is over.*slow long is running/,
    );
    await expect(kit.drain({ timeout: 1 } as never)).rejects.toThrow(/"timeout"/);
  });

  test('leaves recurring schedules alone, and a job that was cancelled while it waited', async () => {
    await kit.work(handled(note, ({ payload }) => payload.n));
    await kit.queue.schedule('nightly', note, { n: 1 }, { cron: '0 3 * * *' });
    const { id } = await kit.queue.add(note, { n: 2 }, { delayMs: DAY });
    await kit.queue.cancel(id);
    await kit.drain();
    await expectJob(kit, id).toFail({ code: 'JETFLEET_CANCELLED' });
    await expectJob(kit, { state: 'completed' }).toBeAbsent();
  });
});

describe('advance', () => {
  test('fires what becomes due, and nothing later', async () => {
    await kit.work(handled(note, ({ payload }) => payload.n));
    const [soon, later] = [
      await kit.queue.add(note, { n: 1 }, { delayMs: HOUR }),
      await kit.queue.add(note, { n: 2 }, { delayMs: 3 * HOUR }),
    ];
    const begun = kit.now().getTime();
    expect(await kit.advance(HOUR - 60_000)).toBe(0);
    await expectJob(kit, soon.id).toBeScheduled({ inMs: 60_000 });
    expect(await kit.advance(120_000)).toBe(1);
    await expectJob(kit, soon.id).toComplete(1);
    await expectJob(kit, later.id).toBeScheduled({ at: new Date(begun + 3 * HOUR) });
    expect(Math.abs(kit.now().getTime() - begun - HOUR - 60_000)).toBeLessThan(10_000);
  });

  test('ticks cron expressions and intervals, by their time zone and their overlap', async () => {
    const ran: string[] = [];
    await kit.work(handled(note, () => ran.push(kit.now().toISOString().slice(11, 16))));
    await kit.queue.schedule('nightly', note, { n: 1 }, { cron: '0 3 * * *', timeZone: 'Asia/Kolkata' });
    await kit.advance(3 * DAY);
    expect(ran).toEqual(['21:30', '21:30', '21:30']);
    expect(await kit.queue.schedules.get('nightly')).toMatchObject({
      runs: 3,
      lastRun: { state: 'completed' },
    });
    await kit.queue.schedules.pause('nightly');
    await kit.advance(3 * DAY);
    expect(ran).toHaveLength(3);
    await kit.queue.schedule('hourly', note, { n: 2 }, { everyMs: HOUR });
    await kit.advance(5 * HOUR);
    expect(ran).toHaveLength(8);
  });

  test('leaves its ticks alone while workers look for what the broker has missed', async () => {
    const ran: number[] = [];
    await kit.work(handled(note, ({ payload }) => ran.push(payload.n)));
    await kit.advance(DAY);
    await kit.queue.schedule('hourly', note, { n: 1 }, { everyMs: HOUR });
    // A worker looks once, within these seconds of its start, and the clock of the broker is a day behind.
    await delay(5_000);
    expect(ran).toEqual([]);
    await kit.advance(3 * HOUR);
    expect(ran).toEqual([1, 1, 1]);
  });

  test('skips a tick whose last run has not ended, as the schedule says', async () => {
    const busy = defineJob({ type: 'busy' });
    await kit.work(handled(busy, ({ checkpoint }) => (checkpoint ? 'done' : snooze(90 * 60_000, true))));
    await kit.queue.schedule('often', busy, undefined, { everyMs: HOUR, overlap: 'skip' });
    await kit.advance(4 * HOUR + 60_000);
    const { runs, skips } = await kit.queue.schedules.get('often');
    expect({ runs, skips }).toEqual({ runs: 2, skips: 2 });
  });

  test('has records grow old', async () => {
    await kit.runJob(note, () => 1, { n: 1 });
    expect(await kit.queue.cleanup(DAY)).toBe(0);
    await kit.advance(2 * DAY);
    expect(await kit.queue.cleanup(DAY)).toBe(1);
  });

  test('goes on over what is queued and has no worker', async () => {
    const { id } = await kit.queue.add(note, { n: 1 });
    await kit.queue.add(note, { n: 2 }, { delayMs: HOUR, id: 'delayed' });
    await kit.advance(2 * HOUR);
    await expectJob(kit, id).toBeQueued();
    await expectJob(kit, 'delayed').toBeQueued();
  });
});

describe('runJob', () => {
  test('runs one job to its end and gives its record', async () => {
    const job = await kit.runJob(note, ({ payload, attempt }) => payload.n * attempt, { n: 21 });
    expect(job).toMatchObject({ state: 'completed', result: 21, attempt: 1, payload: { n: 21 } });
  });

  test('gives the record after the first attempt', async () => {
    const fails = () => Promise.reject(new Error('no paper'));
    const options = { until: 'attempt', run: { retry: { baseMs: DAY } } } as const;
    expect(await kit.runJob(note, fails, { n: 1 }, options)).toMatchObject({
      state: 'retrying',
      attempt: 1,
      error: { message: 'no paper' },
    });
    const sleeps = () => snooze(DAY, 'nap');
    expect(await kit.runJob(note, sleeps as never, { n: 1 }, { until: 'attempt' })).toMatchObject({
      state: 'waiting',
      checkpoint: 'nap',
    });
  });

  test('gives that of a job that failed for good, and refuses a wrong payload', async () => {
    const refuses = () => {
      throw new NonRetryableError('unknown account');
    };
    expect(await kit.runJob(note, refuses, { n: 1 })).toMatchObject({
      state: 'rejected',
      attempt: 1,
      error: { code: 'JETFLEET_NON_RETRYABLE' },
    });
    await expect(kit.runJob(note, () => 1, { n: 'x' } as never)).rejects.toMatchObject({
      code: 'JETFLEET_PAYLOAD_INVALID',
    });
    await expect(kit.runJob(note, () => 1, { n: 1 }, { until: 'soon' as never })).rejects.toThrow(
      /end or attempt/,
    );
  });
});

describe('expectJob', () => {
  test('finds by id and by query, and fits parts, expressions and matchers', async () => {
    const { id } = await kit.runJob(note, () => 7, { n: 1 });
    await kit.queue.add(note, { n: 2 }, { priority: 'high', delayMs: HOUR });
    await expectJob(kit, id).toComplete();
    await expectJob(kit, id).toMatch({ type: 'note', result: expect.any(Number), id: /^\w{26}$/ });
    await expectJob(kit, { type: note, payload: { n: 2 } }).toExist({ priority: 'high' });
    await expectJob(kit, { type: 'note' }).toExistTimes(2);
    await expectJob(kit, { priority: 'low' }).toBeAbsent();
    await expectJob(kit, { state: 'scheduled' }).toBeScheduled({ inMs: HOUR });
  });

  test('fails with what was found, what was expected, and why a job failed', async () => {
    const { id } = await kit.runJob(note, () => Promise.reject(new NonRetryableError('no paper')), { n: 1 });
    const failing = async (promise: Promise<unknown>) => {
      const error = await promise.then(
        () => undefined,
        (thrown) => thrown,
      );
      expect(error).toMatchObject({ name: 'AssertionError', code: 'ERR_ASSERTION' });
      // Where it was called, not where it was thrown.
      expect(error.stack.split('\n').find((line: string) => /^ +at /.test(line))).not.toContain('expect-job');
      return error;
    };
    expect(await failing(expectJob(kit, id).toComplete(7))).toMatchObject({
      message: expect.stringMatching(/job note .*failed with JETFLEET_NON_RETRYABLE: no paper/),
      actual: { status: 'failed', result: undefined },
      expected: { status: 'completed', result: 7 },
    });
    await failing(expectJob(kit, id).toFail({ code: 'JETFLEET_TIMEOUT' }));
    await failing(expectJob(kit, id).toBeQueued());
    await failing(expectJob(kit, id).toBeScheduled());
    await failing(expectJob(kit, id).toExist({ attempt: 2 }));
    await failing(expectJob(kit, { type: 'note' }).toBeAbsent());
    await failing(expectJob(kit, { type: 'note' }).toExistTimes(2));
    expect((await failing(expectJob(kit, { type: 'other' }).toExist())).message).toMatch(
      /expected one job other, found 0; these are there:\n +job note .*rejected: \{"n":1\}/,
    );
    expect((await failing(expectJob(kit, 'nobody').toExist())).message).toMatch(/expected one job nobody/);
    expect(() => expectJob(kit, { name: 'note' } as never)).toThrow(/"name"/);
  });
});

describe('the queue', () => {
  test('is empty after a reset, at the time that it is', async () => {
    const before = kit.queue;
    await kit.queue.add(note, { n: 1 });
    await kit.advance(DAY);
    await kit.reset();
    expect(kit.queue).not.toBe(before);
    expect(await kit.jobs()).toEqual([]);
    expect(Math.abs(kit.now().getTime() - Date.now())).toBeLessThan(5_000);
  });

  test('may share a server, which it leaves open', async () => {
    await using server = await startNats();
    await using one = await startTestQueue({ server });
    await using other = await startTestQueue({ server });
    await one.queue.add(note, { n: 1 });
    await expectJob(one, { type: note }).toBeQueued();
    await expectJob(other, { type: note }).toBeAbsent();
    await expect(startTestQueue({ servers: 'x' } as never)).rejects.toThrow(/"servers"/);
  });

  test('ends its own server and its workers', async () => {
    const own = await startTestQueue();
    const worker = await own.work(handled(note, () => 1));
    await own.close();
    expect(worker.state).toBe('stopped');
    await own.server.exited;
  });
});
