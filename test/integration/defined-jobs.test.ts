import { setTimeout as delay } from 'node:timers/promises';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { Notices } from '../../src/broker/connection/notices.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  complete,
  defineJob,
  JobFailedError,
  JobQueueService,
  JobWorkerService,
  NonRetryableError,
  snooze,
} from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const resize = defineJob({
  type: 'resize',
  payload: z.strictObject({ url: z.string(), width: z.number().default(100) }),
  checkpoint: z.string(),
  result: z.object({ bytes: z.number() }),
});
const note = defineJob({ type: 'note', payload: z.string() });
/** Without a handler: it waits until the test ends it. */
const idle = defineJob({ type: 'idle' });
const broken = defineJob({ type: 'broken', retry: { baseMs: 1 }, maxAttempts: 2 });

/** What a schema does that is none. */
const BROKEN_SCHEMAS: [does: string, validate: () => unknown][] = [
  [
    'throws',
    () => {
      throw new TypeError('schema is broken');
    },
  ],
  ['rejects', () => Promise.reject(new TypeError('schema is broken'))],
  ['gives nothing', () => undefined],
  ['gives an answer of no schema', () => ({})],
];

let nats: EmbeddedServer;
let fleet: Fleet;
const notes: string[] = [];

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0 });
  const worker = new JobWorkerService(fleet.queue)
    .handle(resize, ({ id, payload: { url, width }, checkpoint }) => {
      if (url === 'slow' && checkpoint === undefined) return snooze(50, 'asked');
      return complete({ bytes: url.length * width }, [note.next(`resized ${id}`, { idSuffix: 'note' })]);
    })
    .handle(note, ({ payload }) => void notes.push(payload))
    .handle(broken, () => {
      throw Object.assign(new Error('no disk'), { code: 'ENOSPC' });
    });
  fleet.workers.push(worker);
  await worker.start();
});
afterAll(async () => {
  await fleet.close();
  await nats.stop();
});

describe('a job of a definition', () => {
  it('is added with its options, runs with its defaults, and gives its result to whoever waits', async () => {
    const { id, created } = await fleet.queue.add(
      resize,
      { url: 'slow' },
      { priority: 'high', maxAttempts: 7 },
    );
    expect(created).toBe(true);
    expect(await fleet.queue.result(resize, id)).toEqual({ bytes: 400 });
    expect(await fleet.queue.getJob(resize, id)).toMatchObject({ priority: 'high', maxAttempts: 7 });
    await fleet.waitForJob(`${id}-note`, 'completed');
    expect(notes).toContain(`resized ${id}`);
  });

  it('added twice under one id is one job, of which the second caller hears', async () => {
    const add = () => fleet.queue.add(resize, { url: 'u', width: 2 }, { id: 'twice' });
    expect([await add(), await add()]).toEqual([
      { id: 'twice', created: true },
      { id: 'twice', created: false },
    ]);
    await expect(fleet.queue.add(resize, { url: 'v' }, { id: 'twice' })).rejects.toMatchObject({
      code: 'JETFLEET_ID_TAKEN',
    });
  });

  it('with a wrong payload is refused before anything is stored, and names what is wrong', async () => {
    const wrong = { url: 5 } as never;
    const refusal = { code: 'JETFLEET_PAYLOAD_INVALID', problems: [{ path: 'url' }] };
    await expect(fleet.queue.add(resize, wrong, { id: 'wrong' })).rejects.toMatchObject(refusal);
    await expect(
      fleet.queue.addJobs([resize.of({ url: 'u' }, { id: 'right' }), resize.of(wrong, { id: 'wrong' })]),
    ).rejects.toMatchObject({
      ...refusal,
      message: expect.stringMatching(/^job 1: payload of resize is invalid/),
    });
    expect(await fleet.queue.getJob('wrong')).toBeUndefined();
    expect(await fleet.queue.getJob('right')).toBeUndefined();
  });

  it('comes with others of other definitions', async () => {
    const ids = await fleet.queue.addJobs([
      resize.of({ url: 'abc', width: 2 }, { priority: 'low' }),
      note.of('hello'),
    ]);
    expect(await fleet.queue.result(resize, ids[0] as string)).toEqual({ bytes: 6 });
    expect((await fleet.queue.ended(ids[1] as string)).state).toBe('completed');
    expect(notes).toContain('hello');
  });

  it('is read by its definition alone', async () => {
    const [id = ''] = await fleet.queue.addJobs([note.of('mine')]);
    await fleet.waitForJob(id, 'completed');
    expect(await fleet.queue.getJob(note, id)).toMatchObject({ payload: 'mine' });
    expect(await fleet.queue.getJob(resize, id)).toBeUndefined();
    await expect(fleet.queue.result(resize, id)).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
    const waits = await fleet.queue.add(idle, 1);
    await expect(fleet.queue.result(resize, waits.id)).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });
});

describe('whoever waits for a job', () => {
  it('that fails hears code and message of its error', async () => {
    const { id } = await fleet.queue.add(broken, null);
    const waiting = fleet.queue.result(broken, id);
    await expect(waiting).rejects.toBeInstanceOf(JobFailedError);
    await expect(waiting).rejects.toMatchObject({ code: 'ENOSPC', message: 'no disk', jobId: id });
  });

  it('that is cancelled hears that', async () => {
    const { id } = await fleet.queue.add(idle, 1);
    const waiting = fleet.queue.result(idle, id);
    waiting.catch(() => {});
    await fleet.queue.cancel(id, 'not wanted');
    await expect(waiting).rejects.toMatchObject({ code: 'JETFLEET_CANCELLED' });
  });

  it('is told when the time is up, and how the job stands', async () => {
    const { id } = await fleet.queue.add(idle, 1);
    await expect(fleet.queue.result(idle, id, { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'JETFLEET_WAIT_TIMEOUT',
      message: `job ${id} did not end within 1000 ms; it is queued`,
      retryable: true,
    });
    await expect(fleet.queue.result(idle, id, { timeoutMs: 20.5 })).rejects.toMatchObject({
      code: 'JETFLEET_WAIT_TIMEOUT',
    });
    const stop = new AbortController();
    const waiting = fleet.queue.result(idle, id, { signal: stop.signal });
    await delay(20);
    stop.abort(new Error('gone home'));
    await expect(waiting).rejects.toThrow('gone home');
    await expect(fleet.queue.result(idle, id, { signal: stop.signal })).rejects.toThrow('gone home');
  });

  it('that nobody added is told so', async () => {
    await expect(fleet.queue.result(idle, 'nobody')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });

  it('is let go at once by a signal, and by the close of its queue', async () => {
    const stop = new AbortController();
    const unknown = fleet.queue.ended('nobody-yet', { signal: stop.signal });
    stop.abort(new Error('gone home'));
    await expect(unknown).rejects.toThrow('gone home');
    const { id } = await fleet.queue.add(idle, 1);
    const closing = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
    const waiting = closing.ended(id);
    waiting.catch(() => {});
    await delay(700);
    const since = performance.now();
    await closing.close();
    await expect(waiting).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
    expect(performance.now() - since).toBeLessThan(2_000);
  });

  it('waits on while the broker does not answer', async () => {
    await using own = await startNats();
    await using queue = new JobQueueService({ servers: own.url });
    const { id } = await queue.add(idle, 1);
    const waiting = queue.ended(id);
    waiting.catch(() => {});
    await delay(700);
    // A read is given up after 5 s.
    process.kill(own.pid, 'SIGSTOP');
    await delay(11_000);
    process.kill(own.pid, 'SIGCONT');
    await queue.cancel(id);
    expect((await waiting).state).toBe('cancelled');
  });

  it('hears of its end though its notice was lost', async () => {
    const sense = vi.spyOn(Notices.prototype, 'onTransition').mockReturnValue(() => {});
    try {
      const { id } = await fleet.queue.add(idle, 1);
      const waiting = fleet.queue.ended(id);
      await delay(700);
      await fleet.queue.cancel(id);
      expect((await waiting).state).toBe('cancelled');
    } finally {
      sense.mockRestore();
    }
  });

  it('leaves nothing in the broker, however many wait', async () => {
    const { topology } = await fleet.queue.broker();
    const consumers = async () => (await topology.streamInfo('events')).state.consumer_count;
    const before = await consumers();
    const { id } = await fleet.queue.add(idle, 1);
    const waiting = Array.from({ length: 500 }, () => fleet.queue.ended(id));
    await delay(50);
    expect(await consumers()).toBe(before);
    await fleet.queue.cancel(id);
    const states = (await Promise.all(waiting)).map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(['cancelled']));
  });

  it('is not given a result that does not fit the definition', async () => {
    const { id } = await fleet.queue.add(note, 'text');
    const other = defineJob({ type: 'note', result: z.number('must be a number') });
    await expect(fleet.queue.result(other, id)).rejects.toMatchObject({
      code: 'JETFLEET_RESULT_INVALID',
      message: 'the result of note does not fit its definition: must be a number',
    });
  });

  it('gets what the schema makes of what the handler returned', async () => {
    const size = defineJob({ type: 'size', result: z.string().transform(Number) });
    fleet.workers[0]?.handle(size, () => '5');
    const { id } = await fleet.queue.add(size, null);
    expect(await fleet.queue.result(size, id)).toBe(5);
    expect((await fleet.queue.getJob(size, id))?.result).toBe('5');
  });

  it.each(BROKEN_SCHEMAS)('hears that a schema of results %s', async (_, validate) => {
    const { id } = await fleet.queue.add(note, 'text');
    const other = defineJob({ type: 'note', result: standard(validate as never) });
    await expect(fleet.queue.result(other, id)).rejects.toMatchObject({
      code: 'JETFLEET_RESULT_INVALID',
      message: expect.stringContaining('the result of note does not fit its definition: its schema failed: '),
    });
  });

  it.each([{ timeoutMs: -1 }, { timeoutMs: '5' }, { signal: {} }, { timeout: 5 }])(
    'with %j is refused',
    async (options) => {
      await expect(fleet.queue.ended('some', options as never)).rejects.toMatchObject({
        code: 'JETFLEET_OPTION_INVALID',
      });
    },
  );
});

/** A schema of a library that is not zod. */
function standard(validate: StandardSchemaV1.Props['validate']): StandardSchemaV1<unknown, unknown> {
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

describe('a schema of another library', () => {
  const path = ['a', { key: 0 }];
  it.each<[string, StandardSchemaV1.Props['validate'], object]>([
    [
      'that refuses',
      () => ({ issues: [{ message: 'must be odd', path }] }),
      { code: 'JETFLEET_PAYLOAD_INVALID', problems: [{ path: 'a[0]', message: 'must be odd' }] },
    ],
    [
      'that refuses later',
      async () => ({ issues: [{ message: 'no' }] }),
      { code: 'JETFLEET_PAYLOAD_INVALID', problems: [{ path: '', message: 'no' }] },
    ],
    ['that refuses without a reason', () => ({ issues: [] }), { code: 'JETFLEET_PAYLOAD_INVALID' }],
  ])('%s refuses at the producer, and at the worker', async (_, validate, refusal) => {
    const type = `foreign_${Math.random().toString(36).slice(2)}`;
    const job = defineJob({ type, payload: standard(validate) });
    await expect(fleet.queue.add(job, { a: [2] })).rejects.toMatchObject(refusal);
    fleet.workers[0]?.handle(job, () => 'ran');
    const id = await fleet.queue.addJob(type, { a: [2] });
    expect((await fleet.queue.ended(id)).error).toMatchObject(refusal);
  });

  it('gives what it makes of the payload, at once or later', async () => {
    for (const [name, validate] of [
      ['sync', (value: unknown) => ({ value: { was: value } })],
      ['async', async (value: unknown) => ({ value: { was: value } })],
    ] as const) {
      const job = defineJob({ type: `makes_${name}`, payload: standard(validate) });
      fleet.workers[0]?.handle(job, ({ payload }) => payload);
      const { id } = await fleet.queue.add(job, 5);
      expect(await fleet.queue.result(job, id)).toEqual({ was: 5 });
    }
  });

  it.each(BROKEN_SCHEMAS)('that %s fails its job at once, with the reason', async (name, validate) => {
    const type = `odd_${name.replaceAll(' ', '_')}`;
    fleet.workers[0]?.registerHandler(type, { payload: standard(validate as never), handler: () => 1 });
    const job = defineJob({ type, payload: standard(validate as never) });
    await expect(fleet.queue.add(job, { a: 1 })).rejects.toMatchObject({
      code: 'JETFLEET_PAYLOAD_INVALID',
      message: expect.stringContaining(`the schema of ${type} failed on the payload: `),
    });
    const id = await fleet.queue.addJob(type, { a: 1 });
    expect(await fleet.queue.ended(id)).toMatchObject({
      state: 'rejected',
      error: {
        code: 'JETFLEET_PAYLOAD_INVALID',
        message: expect.stringContaining(`the schema of ${type} failed`),
      },
    });
  });
});

describe('defineJob refuses', () => {
  it.each<[string, object, string]>([
    ['no type', {}, 'JETFLEET_TYPE_INVALID'],
    ['a type with a dash', { type: 'a-b' }, 'JETFLEET_TYPE_INVALID'],
    ['a schema that is none', { type: 'a', payload: {} }, 'JETFLEET_OPTION_INVALID'],
    ['a result schema that is none', { type: 'a', result: 'string' }, 'JETFLEET_OPTION_INVALID'],
    ['an unknown option', { type: 'a', maxAttempt: 2 }, 'JETFLEET_OPTION_INVALID'],
  ])('%s', (_, options, code) => {
    expect(() => defineJob(options as never)).toThrow(expect.objectContaining({ code }));
  });

  it('and what is no definition is refused wherever one is taken', async () => {
    const refusal = {
      code: 'JETFLEET_OPTION_INVALID',
      message: expect.stringMatching(/must be made by defineJob/),
    };
    for (const other of [undefined, null, 'note', { type: 'note' }] as never[]) {
      await expect(fleet.queue.add(other, 1)).rejects.toMatchObject(refusal);
      await expect(fleet.queue.result(other, 'x')).rejects.toMatchObject(refusal);
      expect(() => fleet.workers[0]?.handle(other, () => 1)).toThrow(expect.objectContaining(refusal));
    }
  });

  it('options that are out of range, and so does a worker', () => {
    expect(() => defineJob({ type: 'wrong', concurrency: 0 })).toThrow(/^wrong: concurrency /);
    expect(() => defineJob({ type: 'wrong', timeoutMs: -5 })).toThrow(/^wrong: timeoutMs /);
    expect(() => fleet.workers[0]?.handle(idle, () => 1, { concurrency: -1 })).toThrow(/^idle: concurrency /);
    for (const options of [null, { concurency: 1 }] as never[])
      expect(() => fleet.workers[0]?.handle(idle, () => 1, options)).toThrow(
        expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
      );
    expect(() => fleet.workers[0]?.handle(note, undefined as never)).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
    );
  });

  it('no payload that only looks strange: frozen, with null in it', async () => {
    const any = defineJob({ type: 'any', payload: z.any() });
    fleet.workers[0]?.handle(any, ({ payload }) => [payload, new NonRetryableError('x').code]);
    const { id } = await fleet.queue.add(any, Object.freeze({ a: null }));
    expect(await fleet.queue.result(any, id)).toEqual([{ a: null }, 'JETFLEET_NON_RETRYABLE']);
  });
});
