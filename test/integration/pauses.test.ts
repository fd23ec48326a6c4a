import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobContext, JobQueueService } from '../../src/index.js';
import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import type { Bundle } from '../support/bundle.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';
import { bundleWorker, WorkerProcess } from '../support/worker-process.js';

let nats: EmbeddedServer;
let script: Bundle;

beforeAll(async () => {
  [nats, script] = await Promise.all([startNats(), bundleWorker()]);
});
afterAll(async () => {
  await nats.stop();
  await script[Symbol.asyncDispose]();
});

/** Long enough for a worker that waits to take a job that it may take. */
const WHILE_MS = 400;

/** A fleet whose handlers note the ids of the jobs that have begun. */
async function noting(types: readonly string[], workers = 1): Promise<Fleet & { begun: string[] }> {
  const begun: string[] = [];
  const note = ({ id }: JobContext) => void begun.push(id);
  const handlers = Object.fromEntries(types.map((type) => [type, note]));
  return Object.assign(await startFleet({ nats, handlers, workers }), { begun });
}

const another = ({ url, namespace }: Fleet) => new JobQueueService({ servers: url, namespace });

/** Which consumers of the fleet are paused. */
async function pausedConsumers({ queue }: Fleet): Promise<string[]> {
  const { topology } = await queue.broker();
  const infos = [...(await topology.consumers('jobs')), ...(await topology.consumers('webhooks'))];
  return infos.filter(({ paused }) => paused).map(({ name }) => name);
}

describe('a pause', () => {
  it('of a type keeps its jobs from starting on every worker, and no others; resumed, they start within a second', async () => {
    await using fleet = await noting(['one', 'two'], 2);
    const pause = await fleet.queue.pause({ type: 'one', reason: 'deploy', by: 'ann' });
    expect(pause).toMatchObject({ type: 'one', reason: 'deploy', by: 'ann' });
    expect(await another(fleet).paused()).toEqual([pause]);
    const held = await fleet.queue.addJob('one', {}, 'critical');
    const free = await fleet.queue.addJob('two', {}, 'low');
    await fleet.waitForJob(free, 'completed');
    await delay(WHILE_MS);
    expect(fleet.begun).toEqual([free]);

    const resumedAt = performance.now();
    expect(await another(fleet).resume({ type: 'one' })).toEqual({ resumed: [pause], stillPaused: [] });
    await fleet.waitForJob(held, 'completed');
    expect(performance.now() - resumedAt).toBeLessThan(1_500);
    expect(await fleet.queue.paused()).toEqual([]);
  });

  it('of a priority lets the lower ones pass', async () => {
    await using fleet = await noting(['one', 'two']);
    await fleet.queue.pause({ priority: 'high' });
    const held = await fleet.queue.addJob('one', {}, 'high');
    const lower = await fleet.queue.addJob('one', {}, 'low');
    const higher = await fleet.queue.addJob('two', {}, 'critical');
    await Promise.all([lower, higher].map((id) => fleet.waitForJob(id, 'completed')));
    await delay(WHILE_MS);
    expect(fleet.begun).not.toContain(held);
    await fleet.queue.resume();
    await fleet.waitForJob(held, 'completed');
  });

  it('of all holds also for types and workers that come later', async () => {
    await using fleet = await noting([]);
    await fleet.queue.pause();
    const later = await fleet.queue.addJob('later', {});
    const begun: string[] = [];
    await fleet.addWorker({ later: ({ id }) => void begun.push(id) });
    await delay(WHILE_MS);
    expect(begun).toEqual([]);
    expect(await pausedConsumers(fleet)).toEqual(
      expect.arrayContaining(PRIORITIES.map((each) => `later-${each}`)),
    );
    await fleet.queue.resume();
    await fleet.waitForJob(later, 'completed');
  });

  it('survives that its consumers are deleted and created again', async () => {
    await using fleet = await noting(['one']);
    await fleet.queue.pause({ type: 'one', priority: 'normal' });
    const { topology } = await fleet.queue.broker();
    await topology.deleteConsumer('jobs', 'one-normal');
    const held = await fleet.queue.addJob('one', {});
    await vi.waitFor(async () => expect(await topology.consumer('jobs', 'one-normal')).toBeDefined());
    await delay(WHILE_MS);
    expect(fleet.begun).toEqual([]);
    expect(await pausedConsumers(fleet)).toEqual(['one-normal']);
    await fleet.queue.resume({ type: 'one' });
    await fleet.waitForJob(held, 'completed');
  });

  it('survives what else is changed of its consumers', async () => {
    await using fleet = await noting(['one']);
    await fleet.queue.pause({ type: 'one', priority: 'normal' });
    const { topology } = await fleet.queue.broker();
    await topology.describeConsumer('jobs', 'one-normal', { note: 'x' });
    const target = `consumer one-normal of ${fleet.namespace.toUpperCase()}_JOBS`;
    const drift = { target, field: 'ack_wait', have: 0, want: 20_000_000_000, severity: 'advice' } as const;
    await topology.apply(drift);
    await topology.ensure(['one']);
    expect(await pausedConsumers(fleet)).toEqual(['one-normal']);
  });

  it('ends by itself, and says until when', async () => {
    await using fleet = await noting(['one']);
    const { since, until = '' } = await fleet.queue.pause({ type: 'one', forMs: 700 });
    expect(Date.parse(until) - Date.parse(since)).toBe(700);
    const held = await fleet.queue.addJob('one', {});
    const { startedAt = '' } = await fleet.waitForJob(held, 'completed');
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(Date.parse(until) - 50);
    expect(Date.parse(startedAt)).toBeLessThan(Date.parse(until) + 2_000);
    expect(await fleet.queue.paused()).toEqual([]);
  });

  it('of a part ends with the whole; that of the whole outlives the end of a part', async () => {
    await using fleet = await noting(['one']);
    const all = await fleet.queue.pause();
    const part = await fleet.queue.pause({ type: 'one' });
    expect(await fleet.queue.resume({ type: 'one' })).toEqual({ resumed: [part], stillPaused: [all] });
    expect(await pausedConsumers(fleet)).toHaveLength(4);
    await fleet.queue.pause({ type: 'one' });
    expect((await fleet.queue.resume()).resumed).toHaveLength(2);
    expect(await pausedConsumers(fleet)).toEqual([]);
  });

  it('of the same jobs replaces the one before', async () => {
    await using fleet = await noting(['one']);
    await fleet.queue.pause({ type: 'one', forMs: 60_000, reason: 'first' });
    const second = await fleet.queue.pause({ type: 'one', reason: 'second' });
    expect(await fleet.queue.paused()).toEqual([second]);
    expect(second.until).toBeUndefined();
  });

  it('holds over a crash of the broker, and over one of the workers', async () => {
    await using own = await startNats();
    const begun: string[] = [];
    await using fleet = await startFleet({ nats: own, handlers: { one: ({ id }) => void begun.push(id) } });
    await fleet.queue.pause({ type: 'one' });
    const held = await fleet.queue.addJob('one', {});
    own.kill('SIGKILL');
    await own.exited;
    await own.restart();
    await vi.waitFor(async () => expect(await fleet.queue.paused()).toHaveLength(1));
    await fleet.addWorker();
    await delay(2 * WHILE_MS);
    expect(begun).toEqual([]);
    await fleet.queue.resume({ type: 'one' });
    await fleet.waitForJob(held, 'completed');
  });

  it('is what the last of many changes at once says, also for consumers that are made meanwhile', async () => {
    await using fleet = await noting(['one', 'two']);
    const queues = Array.from({ length: 6 }, () => another(fleet));
    const change = async (queue: JobQueueService, index: number) => {
      for (let round = 0; round < 4; round++) {
        const scope = [{}, { type: 'one' }, { priority: 'low' } as const, { type: `new_${index}` }][
          (index + round) % 4
        ];
        if ((index + round) % 2 === 0) await queue.pause(scope);
        else await queue.resume(scope);
      }
    };
    const types = Array.from({ length: 6 }, (_, index) => `new_${index}`);
    await Promise.all([...queues.map(change), ...types.map((type) => fleet.addWorker({ [type]: () => {} }))]);
    const pauses = await fleet.queue.paused();
    const isHeld = (type: string, priority: string) =>
      pauses.some(
        (pause) =>
          (pause.type ?? type) === type && (pause.priority === undefined || pause.priority === priority),
      );
    const wanted = ['one', 'two', ...types].flatMap((type) =>
      PRIORITIES.filter((priority) => isHeld(type, priority)).map((priority) => `${type}-${priority}`),
    );
    await vi.waitFor(async () => expect((await pausedConsumers(fleet)).sort()).toEqual(wanted.sort()));
    await Promise.all(queues.map((queue) => queue.close()));
  });

  it.each([
    [{ type: 'Not Snake' }, 'JETFLEET_TYPE_INVALID', 'Not Snake'],
    [{ priority: 'urgent' }, 'JETFLEET_PRIORITY_INVALID', 'urgent'],
    [{ forMs: 0 }, 'JETFLEET_OPTION_INVALID', 'forMs'],
    [{ until: 'tomorrow' }, 'JETFLEET_OPTION_INVALID', 'tomorrow'],
    [{ until: '2001-01-01T00:00:00Z' }, 'JETFLEET_OPTION_INVALID', 'in the past'],
    [{ until: '2900-01-01T00:00:00Z' }, 'JETFLEET_OPTION_INVALID', '366 days'],
    [{ forMs: 1, until: new Date() }, 'JETFLEET_OPTION_INVALID', 'exclude each other'],
    [{ untilMs: 5 }, 'JETFLEET_OPTION_INVALID', 'untilMs'],
    [{ reason: 'x'.repeat(201) }, 'JETFLEET_OPTION_INVALID', 'reason'],
  ])('refuses %o before anything is paused', async (options, code, text) => {
    await using fleet = await noting([]);
    const refused = fleet.queue.pause(options as never);
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
    expect(await fleet.queue.paused()).toEqual([]);
  });
});

describe('a drain', () => {
  it('waits until none of the paused jobs runs, and for no others', async () => {
    const gates = { one: gate(), two: gate() };
    const handlers = { one: () => gates.one.opened, two: () => gates.two.opened };
    await using fleet = await startFleet({ nats, handlers });
    const [one, two] = await fleet.queue.addJobs([
      { type: 'one', payload: {} },
      { type: 'two', payload: {} },
    ]);
    await Promise.all([one, two].map((id) => fleet.waitForJob(id as string, 'running')));
    await fleet.queue.pause({ type: 'one' });
    const events: string[] = [];
    const drained = fleet.queue.drain({ type: 'one' }).then(() => events.push('drained'));
    await delay(WHILE_MS);
    expect(events).toEqual([]);
    gates.one.open();
    await drained;
    expect(await fleet.queue.getJob(one as string)).toMatchObject({ state: 'completed' });
    expect(await fleet.queue.getJob(two as string)).toMatchObject({ state: 'running' });
    gates.two.open();
  });

  it('is refused where more jobs may start', async () => {
    await using fleet = await noting(['one']);
    await fleet.queue.pause({ type: 'one', priority: 'low' });
    await expect(fleet.queue.drain({ type: 'one' })).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    await fleet.queue.drain({ type: 'one', priority: 'low' });
  });

  it('gives up after its time', async () => {
    const held = gate();
    await using fleet = await startFleet({ nats, handlers: { one: () => held.opened } });
    const id = await fleet.queue.addJob('one', {});
    await fleet.waitForJob(id, 'running');
    await fleet.queue.pause();
    const late = fleet.queue.drain({ timeoutMs: 300 });
    await expect(late).rejects.toMatchObject({ code: 'JETFLEET_WAIT_TIMEOUT' });
    held.open();
    await fleet.queue.drain();
  });

  it('waits for a job whose worker has died until its lease is over', async () => {
    const ackWaitMs = 1_500;
    await using fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs } });
    {
      await using doomed = await WorkerProcess.start(script, nats.url, fleet.namespace, ackWaitMs, 'doomed');
      const id = await fleet.queue.addJob('crashy', { runMs: 60_000 });
      await fleet.waitForJob(id, 'running');
      await fleet.queue.pause({ type: 'crashy' });
      doomed.signal('SIGKILL');
    }
    const diedAt = performance.now();
    await fleet.queue.drain({ type: 'crashy' });
    expect(performance.now() - diedAt).toBeGreaterThan(ackWaitMs);
  });
});
