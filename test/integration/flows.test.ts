import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, type JobHandler, type JobQueueService, NonRetryableError } from '../../src/index.js';
import type { Schema } from '../../src/jobs/schema.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
import { aborted } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let client: ForeignClient;
beforeAll(async () => {
  nats = await startNats();
  client = await connectForeign(nats.url);
});
afterAll(async () => {
  await client.connection.close();
  await nats.stop();
});

const echo: JobHandler = ({ payload }) => payload;
const fails: JobHandler = () => Promise.reject(new NonRetryableError('broken'));
/** Gives what ran before it, by key. */
const merge: JobHandler = async (job) =>
  Object.fromEntries(
    Object.entries(await job.results()).map(([key, end]) => [key, end.result ?? end.error?.code]),
  );
const job = (type: string, payload: unknown = null) => ({ type, payload });

const oddSchema: Schema<number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      Number(value) % 2 === 1 ? { value: Number(value) } : { issues: [{ message: 'must be odd' }] },
  },
};

async function expectNothingLeft(fleet: Fleet): Promise<void> {
  const { topology } = await fleet.queue.broker();
  for (const kind of ['signals', 'timers', 'jobs'] as const)
    await vi.waitFor(async () => expect((await topology.streamInfo(kind)).state.messages, kind).toBe(0));
}

describe('children of a handler', () => {
  it('run while their parent holds no slot, and give their results in order', async () => {
    const parent: JobHandler = async (self) => {
      const ends = await self.children([
        job('echo', 'a'),
        job('echo', 'b'),
        { ...job('echo', 'c'), key: 'last' },
      ]);
      return ends.map(({ id, result }) => [id, result]);
    };
    const handlers = { parent: { handler: parent, concurrency: 1 }, echo: { handler: echo, concurrency: 1 } };
    await using fleet = await startFleet({ nats, handlers });
    const id = await fleet.queue.addJob('parent', null, 'normal', { id: 'p' });
    const record = await fleet.waitForJob(id, 'completed');
    expect(record).toMatchObject({
      attempt: 1,
      result: [
        ['p-c0-0', 'a'],
        ['p-c0-1', 'b'],
        ['p-last', 'c'],
      ],
    });
    expect(await fleet.queue.getJob('p-c0-0')).toMatchObject({ parentId: 'p', awaited: 'c0-0' });
    expect((await fleet.history('p')).filter(({ state }) => state === 'running')).toHaveLength(2);
    await expectNothingLeft(fleet);
  });

  it('may be of a handler that asks twice, and that has none', async () => {
    const parent: JobHandler = async (self) => {
      const first = await self.children([job('echo', 1)]);
      const none = await self.children([]);
      const second = await self.children([job('echo', Number(first[0]?.result) + 1), job('echo', 3)]);
      return [...first, ...none, ...second].map(({ result }) => result);
    };
    await using fleet = await startFleet({ nats, handlers: { parent, echo } });
    const id = await fleet.queue.addJob('parent', null);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: [1, 2, 3] });
    await expectNothingLeft(fleet);
  });

  it('that fail make the parent fail, once the others are cancelled', async () => {
    const hang: JobHandler = ({ signal }) => aborted(signal);
    const parent: JobHandler = (self) => self.children([job('hang'), job('fails'), job('hang')]);
    await using fleet = await startFleet({ nats, handlers: { parent, hang, fails } });
    const id = await fleet.queue.addJob('parent', null, 'normal', { id: 'f' });
    const { error } = await fleet.waitForJob(id, 'rejected');
    expect(error).toMatchObject({ code: 'JETFLEET_CHILD_FAILED' });
    expect(error?.message).toContain('f-c0-1');
    expect(await fleet.queue.getJob('f-c0-0')).toMatchObject({ state: 'cancelled' });
    expect(await fleet.queue.getJob('f-c0-2')).toMatchObject({ state: 'cancelled' });
    await expectNothingLeft(fleet);
  });

  it.each([
    ['continue', ['completed', 'failed']],
    ['ignore', ['completed']],
  ] as const)('that fail are seen as the policy %s says', async (onFailure, statuses) => {
    const parent: JobHandler = async (self) =>
      (await self.children([job('echo'), job('fails')], { onFailure })).map(({ status }) => status);
    await using fleet = await startFleet({ nats, handlers: { parent, echo, fails } });
    const record = await fleet.waitForJob(await fleet.queue.addJob('parent', null), 'completed');
    expect(record.result).toEqual(statuses);
  });

  it('are cancelled with their parent, and theirs with them', async () => {
    const parent: JobHandler = (self) => self.children([job('middle')]);
    const middle: JobHandler = (self) => self.children([job('waits'), job('waits')]);
    const waits: JobHandler = (self) => self.waitForSignal('never');
    await using fleet = await startFleet({ nats, handlers: { parent, middle, waits } });
    const id = await fleet.queue.addJob('parent', null, 'normal', { id: 'c' });
    await fleet.waitForJob('c-c0-0-c0-1', 'waiting');
    await fleet.waitForJob('c-c0-0-c0-0', 'waiting');
    const family = async (of: string) => (await fleet.queue.getFamily(of))?.jobs ?? [];
    const tree = [
      ['c', undefined],
      ['c-c0-0', 'c'],
      ['c-c0-0-c0-0', 'c-c0-0'],
      ['c-c0-0-c0-1', 'c-c0-0'],
    ];
    for (const [each = ''] of tree)
      expect((await family(each)).map(({ id, parentId }) => [id, parentId])).toEqual(tree);
    expect((await family('c')).map(({ state, relation }) => [state, relation])).toEqual([
      ['waiting', undefined],
      ...Array(3).fill(['waiting', 'child']),
    ]);
    await fleet.queue.cancel(id);
    for (const each of ['c-c0-0', 'c-c0-0-c0-0', 'c-c0-0-c0-1'])
      expect(await fleet.waitForJob(each, 'cancelled')).toMatchObject({ state: 'cancelled' });
    await expectNothingLeft(fleet);
    // What they waited for is not noted any more: they are found by their ids.
    expect((await family('c')).map(({ id, state }) => [id, state])).toEqual(
      tree.map(([each]) => [each, 'cancelled']),
    );
  });

  it('are listed in their order, whichever ended first', async () => {
    const parent: JobHandler = (self) => self.children([job('waits'), job('echo')]);
    const waits: JobHandler = (self) => self.waitForSignal('go');
    await using fleet = await startFleet({ nats, handlers: { parent, waits, echo } });
    const id = await fleet.queue.addJob('parent', null, 'normal', { id: 'order' });
    await fleet.waitForJob('order-c0-1', 'completed');
    await fleet.waitForJob('order-c0-0', 'waiting');
    await fleet.queue.signal('order-c0-0', 'go');
    await fleet.waitForJob(id, 'completed');
    const family = await fleet.queue.getFamily(id);
    expect(family?.jobs.map((each) => each.id)).toEqual(['order', 'order-c0-0', 'order-c0-1']);
  });

  it('that differ in a later run fail the parent', async () => {
    let calls = 0;
    const parent: JobHandler = (self) => self.children(Array.from({ length: ++calls }, () => job('echo')));
    await using fleet = await startFleet({ nats, handlers: { parent, echo } });
    const record = await fleet.waitForJob(await fleet.queue.addJob('parent', null), 'rejected');
    expect(record.error?.code).toBe('JETFLEET_CHILDREN_CHANGED');
  });

  it('run again with their parent where they failed, and stay where they are done', async () => {
    let isBroken = true;
    const runs: string[] = [];
    const step: JobHandler = ({ id, payload }) => {
      runs.push(id);
      if (payload === 'bad' && isBroken) throw new NonRetryableError('broken');
      return payload;
    };
    const parent: JobHandler = async (self) =>
      (await self.children([job('step', 'good'), job('step', 'bad')], { onFailure: 'continue' })).map(
        ({ result, status }) => {
          if (status === 'failed') throw new NonRetryableError('a child failed');
          return result;
        },
      );
    await using fleet = await startFleet({ nats, handlers: { parent, step } });
    const id = await fleet.queue.addJob('parent', null, 'normal', { id: 'r' });
    await fleet.waitForJob(id, 'rejected');
    isBroken = false;
    await fleet.queue.retry(id);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: ['good', 'bad'] });
    expect(runs.sort()).toEqual(['r-c0-0', 'r-c0-1', 'r-c0-1']);
    await expectNothingLeft(fleet);
  });

  it('are checked by the definitions that have made them, have their tags, and can be cancelled', async () => {
    const odd = defineJob({ type: 'odd', payload: oddSchema, tags: ['odd'], after: () => [] });
    const parent: JobHandler = async (self) =>
      (await self.children([{ ...odd.of(Number(self.payload)), key: 'only' }])).length;
    // Nobody else says what follows from the end of the type.
    await using fleet = await startFleet({ nats, handlers: { parent } });
    const { queue } = fleet;
    const wrong = await fleet.waitForJob(await queue.addJob('parent', 2), 'rejected');
    expect(wrong.error?.code).toBe('JETFLEET_PAYLOAD_INVALID');
    await queue.addJob('parent', 3, 'normal', { id: 'o' });
    await vi.waitFor(async () => expect(await queue.getJob('o-only')).toMatchObject({ tags: ['odd'] }));
    await fleet.waitForJob('o', 'waiting');
    await queue.cancel('o');
    await fleet.waitForJob('o-only', 'cancelled');
  });

  it('of hundreds of parents are all waited for, by two workers', async () => {
    const parent: JobHandler = async (self) =>
      (await self.children(Array.from({ length: 5 }, (_, n) => job('echo', n)))).length;
    const handlers = {
      parent: { handler: parent, concurrency: 20 },
      echo: { handler: echo, concurrency: 50 },
    };
    await using fleet = await startFleet({ nats, workers: 2, handlers });
    const ids = await fleet.queue.addJobs(Array.from({ length: 200 }, () => job('parent')));
    for (const id of ids)
      expect(await fleet.queue.ended(id, { timeoutMs: 60_000 })).toMatchObject({
        state: 'completed',
        result: 5,
      });
    await expectNothingLeft(fleet);
  });
});

describe('a flow', () => {
  it('runs a graph, each job after those that it names, with their results', async () => {
    await using fleet = await startFleet({ nats, handlers: { echo, merge } });
    const flow = await fleet.queue.addFlow(
      {
        jobs: {
          a: job('echo', 1),
          b: job('echo', 2),
          left: { ...job('merge'), after: ['a', 'b'] },
          right: { ...job('merge'), after: ['b'] },
          end: { ...job('merge'), after: ['left', 'right'] },
        },
      },
      { id: 'graph' },
    );
    expect(flow).toMatchObject({ id: 'graph', created: true, jobs: { a: 'graph-a', end: 'graph-end' } });
    const ended = await fleet.waitForJob('graph', 'completed');
    expect(ended.result).toEqual({ left: { a: 1, b: 2 }, right: { b: 2 } });
    expect(await fleet.queue.getFlow('graph')).toMatchObject({
      total: 5,
      completed: 5,
      failed: 0,
      state: 'completed',
    });
    const jobs = (await fleet.queue.getFamily('graph'))?.jobs ?? [];
    expect(jobs.map(({ id, relation }) => [id, relation])).toEqual([
      ['graph', undefined],
      ...['a', 'b', 'left', 'right', 'end'].map((key) => [`graph-${key}`, 'child']),
    ]);
    expect((await fleet.queue.getFamily('graph-a'))?.jobs.map(({ id }) => id)).toEqual(['graph', 'graph-a']);
    const startedAt = async (id: string) => (await fleet.queue.getJob(id))?.startedAt ?? '';
    const endedAt = async (id: string) => (await fleet.queue.getJob(id))?.finishedAt ?? '';
    expect((await startedAt('graph-left')) >= (await endedAt('graph-a'))).toBe(true);
    expect((await startedAt('graph-end')) >= (await endedAt('graph-right'))).toBe(true);
    await expectNothingLeft(fleet);
  });

  it('runs a tree from its leaves to its root', async () => {
    await using fleet = await startFleet({ nats, handlers: { echo, merge } });
    const { id, jobs } = await fleet.queue.addFlow({
      ...job('merge'),
      children: [{ ...job('merge'), key: 'inner', children: [job('echo', 'x')] }, job('echo', 'y')],
    });
    expect(jobs).toEqual({ '1-1': `${id}-1-1`, inner: `${id}-inner`, 2: `${id}-2`, root: `${id}-root` });
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
      result: { inner: { '1-1': 'x' }, 2: 'y' },
    });
  });

  it('is one publish from any language', async () => {
    await using fleet = await startFleet({ nats, handlers: { echo, merge } });
    const jobs = { a: job('echo', 1), b: { ...job('merge'), after: ['a'] } };
    await client.publish(`${fleet.namespace}.jobs.high.run_flow.bare`, JSON.stringify({ jobs }));
    expect(await fleet.waitForJob('bare', 'completed')).toMatchObject({ result: { a: 1 } });
    expect(await fleet.queue.getJob('bare-a')).toMatchObject({ priority: 'high' });
  });

  it('of a stranger that goes in a circle is refused', async () => {
    await using fleet = await startFleet({ nats, handlers: { echo } });
    const jobs = { a: { ...job('echo'), after: ['b'] }, b: { ...job('echo'), after: ['a'] } };
    await client.publish(`${fleet.namespace}.jobs.high.run_flow.round`, JSON.stringify({ jobs }));
    const { error } = await fleet.waitForJob('round', 'rejected');
    expect(error?.message).toContain('circle');
  });

  it('fails with a job that fails: what runs is cancelled, what waits never starts; a retry goes on from there', async () => {
    let isBroken = true;
    const flaky: JobHandler = () => (isBroken ? Promise.reject(new NonRetryableError('broken')) : 'mended');
    await using fleet = await startFleet({
      nats,
      handlers: { echo, flaky, merge, slow: (self) => self.waitForSignal('go') },
    });
    const jobs = {
      first: job('echo', 1),
      flaky: { ...job('flaky'), after: ['first'] },
      slow: { ...job('slow'), after: ['first'] },
      end: { ...job('merge'), after: ['flaky', 'slow'] },
    };
    await fleet.queue.addFlow({ jobs }, { id: 'x' });
    const { error } = await fleet.waitForJob('x', 'rejected');
    expect(error).toMatchObject({ code: 'JETFLEET_CHILD_FAILED' });
    expect(await fleet.queue.getFlow('x')).toMatchObject({
      completed: 1,
      jobs: [{}, {}, {}, { key: 'end', state: 'dropped' }],
    });
    await vi.waitFor(async () =>
      expect((await fleet.queue.getJob('x-slow'))?.status ?? 'failed').toBe('failed'),
    );
    await expectNothingLeft(fleet);
    isBroken = false;
    await fleet.queue.retry('x');
    await vi.waitFor(async () => expect((await fleet.queue.getJob('x-slow'))?.state).toBe('waiting'));
    await fleet.queue.signal('x-slow', 'go', 'went');
    expect(await fleet.waitForJob('x', 'completed')).toMatchObject({
      result: { flaky: 'mended', slow: 'went' },
    });
    expect(await fleet.history('x-first')).toHaveLength(2);
    await expectNothingLeft(fleet);
  });

  it('goes on past failures where the policy says so', async () => {
    await using fleet = await startFleet({ nats, handlers: { echo, fails, merge } });
    const jobs = {
      a: { ...job('fails'), onFailure: 'continue' as const },
      b: { ...job('fails'), onFailure: 'ignore' as const },
      c: job('echo', 3),
      end: { ...job('merge'), after: ['a', 'b', 'c'] },
    };
    const { id } = await fleet.queue.addFlow({ jobs });
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
      result: { a: 'JETFLEET_NON_RETRYABLE', c: 3 },
    });
  });

  it('is cancelled as a whole', async () => {
    await using fleet = await startFleet({
      nats,
      handlers: { echo, waits: (self) => self.waitForSignal('never') },
    });
    const jobs = { a: job('waits'), b: job('waits'), end: { ...job('echo'), after: ['a', 'b'] } };
    await fleet.queue.addFlow({ jobs }, { id: 'whole' });
    for (const id of ['whole-a', 'whole-b', 'whole']) await fleet.waitForJob(id, 'waiting');
    await fleet.queue.cancel('whole', 'enough');
    for (const id of ['whole-a', 'whole-b']) expect(await fleet.waitForJob(id, 'cancelled')).toBeTruthy();
    expect(await fleet.queue.getJob('whole-end')).toBeUndefined();
    await expectNothingLeft(fleet);
  });

  it('added twice is one flow', async () => {
    await using fleet = await startFleet({ nats, handlers: { echo } });
    const add = () => fleet.queue.addFlow({ jobs: { a: job('echo', 1) } }, { id: 'twice' });
    const added = await Promise.all(Array.from({ length: 16 }, add));
    expect(added.filter(({ created }) => created)).toHaveLength(1);
    await fleet.waitForJob('twice', 'completed');
    expect(await fleet.history('twice-a')).toHaveLength(2);
  });

  it('waits until its time', async () => {
    await using fleet = await startFleet({ nats, handlers: { echo } });
    const { id } = await fleet.queue.addFlow({ jobs: { a: job('echo', 1) } }, { delayMs: 400 });
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'scheduled' });
    await fleet.waitForJob(id, 'completed');
  });

  const jobs = { a: job('echo', 1) };
  it.each<[string, (fleet: Fleet) => Promise<unknown>]>([
    ['added with a delay', ({ queue }) => queue.addFlow({ jobs }, { delayMs: 1_500 })],
    ['of a schedule', ({ queue }) => queue.schedule('often', 'run_flow', { jobs }, { everyMs: 2_000 })],
    [
      'published as a timer by a stranger',
      ({ namespace }) =>
        client.publish(`${namespace}.schedules.jobs.later`, JSON.stringify({ jobs }), {
          'Nats-Schedule': `@at ${new Date(Date.now() + 1_500).toISOString()}`,
          'Nats-Schedule-Target': `${namespace}.due.jobs.normal.run_flow.later`,
        }),
    ],
  ])('%s is run by a worker that has started before its time', async (_, add) => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: { echo } });
    // Its streams are there.
    await fleet.queue.broker();
    await add(fleet);
    await fleet.addWorker();
    await vi.waitFor(async () =>
      expect(await fleet.queue.getJobs({ type: 'run_flow', state: 'completed' })).toMatchObject({
        jobs: [{ result: 1 }],
      }),
    );
  });

  it('knows the definitions that have made its jobs, also of copies', async () => {
    const odd = defineJob({ type: 'odd', payload: oddSchema, tags: ['odd'] });
    await using fleet = await startFleet({ nats, handlers: { odd: echo } });
    const { queue } = fleet;
    const refused = { code: 'JETFLEET_PAYLOAD_INVALID' };
    const copy = { ...odd.of(2), maxAttempts: 1 };
    await expect(queue.addFlow({ jobs: { a: copy } })).rejects.toMatchObject(refused);
    await expect(queue.addFlow({ ...copy, children: [] })).rejects.toMatchObject(refused);
    await expect(queue.addBatch([copy])).rejects.toMatchObject(refused);
    await expect(queue.addJobs([copy])).rejects.toMatchObject(refused);
    await queue.addJobs([{ ...copy, type: 'other' }]);
    await queue.addFlow({ jobs: { a: { ...odd.of(3) } } }, { id: 'whole' });
    await fleet.waitForJob('whole', 'completed');
    expect(await queue.getJob('whole-a')).toMatchObject({ tags: ['odd'] });
  });
});

describe('a batch', () => {
  it('runs its jobs side by side, and its last job when all have ended', async () => {
    const count: JobHandler = async (self) => {
      const ends = Object.values(await self.results());
      return ends.map(({ status }) => status).sort();
    };
    await using fleet = await startFleet({ nats, handlers: { echo, fails, count } });
    const list = [job('echo', 1), job('fails'), job('echo', 2)];
    const { id, jobs } = await fleet.queue.addBatch(list, { onComplete: job('count') });
    expect(Object.keys(jobs)).toEqual(['0', '1', '2', 'on-complete']);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
      result: ['completed', 'completed', 'failed'],
    });
    expect(await fleet.queue.getFlow(id)).toMatchObject({ total: 4, completed: 3, failed: 1 });
  });
});

describe('misuse', () => {
  const strict = defineJob({
    type: 'strict',
    payload: {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => (value === 1 ? { value } : { issues: [{ message: 'must be 1' }] }),
      },
    },
  });
  let refusing: Fleet;
  beforeAll(async () => {
    refusing = await startFleet({ nats, workers: 0, handlers: {}, queue: { jobs: [strict] } });
  });
  afterAll(() => refusing.close());

  it.each<[string, (queue: JobQueueService) => Promise<unknown>, string, string]>([
    [
      'a circle',
      (q) => q.addFlow({ jobs: { a: { ...job('x'), after: ['b'] }, b: { ...job('x'), after: ['a'] } } }),
      'JETFLEET_FLOW_INVALID',
      'a after b after a',
    ],
    [
      'itself',
      (q) => q.addFlow({ jobs: { a: { ...job('x'), after: ['a'] } } }),
      'JETFLEET_FLOW_INVALID',
      'a after a',
    ],
    [
      'an unknown reference',
      (q) => q.addFlow({ jobs: { a: { ...job('x'), after: ['zz'] } } }),
      'JETFLEET_FLOW_INVALID',
      'zz',
    ],
    ['no jobs', (q) => q.addFlow({ jobs: {} }), 'JETFLEET_FLOW_INVALID', 'at least one'],
    ['a key with a dot', (q) => q.addFlow({ jobs: { 'a.b': job('x') } }), 'JETFLEET_FLOW_INVALID', 'a.b'],
    [
      'an unknown policy',
      (q) => q.addFlow({ jobs: { a: { ...job('x'), onFailure: 'retry' as never } } }),
      'JETFLEET_FLOW_INVALID',
      'retry',
    ],
    [
      'an id of a job',
      (q) => q.addFlow({ jobs: { a: { ...job('x'), id: 'mine' } as never } }),
      'JETFLEET_FLOW_INVALID',
      'id',
    ],
    [
      'an unknown option of a job',
      (q) => q.addFlow({ jobs: { a: { ...job('x'), prio: 1 } as never } }),
      'JETFLEET_OPTION_INVALID',
      'job a of the flow',
    ],
    [
      'a bad type',
      (q) => q.addFlow({ jobs: { a: job('No') } }),
      'JETFLEET_TYPE_INVALID',
      'job a of the flow',
    ],
    [
      'a payload that its schema refuses',
      (q) => q.addFlow({ jobs: { a: { ...strict.of(2 as never) } } }),
      'JETFLEET_PAYLOAD_INVALID',
      'job a of the flow',
    ],
    [
      'an unknown option',
      (q) => q.addFlow({ jobs: { a: job('x') } }, { wait: true } as never),
      'JETFLEET_OPTION_INVALID',
      'wait',
    ],
    [
      'an unknown part',
      (q) => q.addFlow({ jobs: { a: job('x') }, steps: 1 } as never),
      'JETFLEET_FLOW_INVALID',
      'steps',
    ],
    [
      'two jobs of one key',
      (q) =>
        q.addFlow({
          ...job('x'),
          children: [
            { ...job('x'), key: 'k' },
            { ...job('x'), key: 'k' },
          ],
        }),
      'JETFLEET_FLOW_INVALID',
      'k',
    ],
  ])('by %s is refused before anything is stored', async (_, call, code, named) => {
    const error = (await call(refusing.queue).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(named);
    const { topology } = await refusing.queue.broker();
    expect((await topology.streamInfo('jobs')).state.last_seq).toBe(0);
  });

  it('of children fails their parent at once', async () => {
    const parent: JobHandler = (self) => self.children([{ ...job('echo'), id: 'x' } as never]);
    await using fleet = await startFleet({ nats, handlers: { parent } });
    const record = await fleet.waitForJob(await fleet.queue.addJob('parent', null), 'rejected');
    expect(record.error?.code).toBe('JETFLEET_FLOW_INVALID');
  });
});
