import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/broker/embedded/index.js';
import type { JobContext } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Sequences of a job's events. */
async function eventSeqs({ queue }: Fleet, id: string): Promise<number[]> {
  const { subjects, read } = await queue.broker();
  const stored = await read.page(subjects.streamName('events'), subjects.eventsOf(id), 1, 100);
  return stored.map(({ seq }) => seq);
}

describe('a new job', () => {
  it('that ends at once is written in one go, with both of its transitions', async () => {
    await using fleet = await startFleet({ nats, handlers: { quick: () => 'done' } });
    const ids = await fleet.queue.addJobs(Array.from({ length: 40 }, () => ({ type: 'quick', payload: 1 })));
    for (const id of ids) {
      await fleet.waitForJob(id, 'completed');
      const history = await fleet.history(id);
      expect(history.map(({ state, attempt }) => [state, attempt])).toEqual([
        ['running', 1],
        ['completed', 1],
      ]);
      const [claimed = 0, completed] = await eventSeqs(fleet, id);
      expect(completed).toBe(claimed + 1);
    }
  });

  it('that takes longer is seen to run meanwhile', async () => {
    let finish = (_: string) => {};
    const handler = () => new Promise((resolve) => (finish = resolve));
    await using fleet = await startFleet({ nats, handlers: { slow: handler } });
    const id = await fleet.queue.addJob('slow', null);
    await fleet.waitForJob(id, 'running');
    finish('at last');
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 1, result: 'at last' });
  });

  it('that fails at once is tried again, and its attempts count', async () => {
    const handler = ({ attempt }: JobContext) => {
      if (attempt < 3) throw new Error('not yet');
      return attempt;
    };
    await using fleet = await startFleet({ nats, handlers: { shaky: { handler, retry: { baseMs: 1 } } } });
    const id = await fleet.queue.addJob('shaky', null);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 3, result: 3 });
  });

  it('is handed back by a worker that shuts down in the same moment, and loses no attempt', async () => {
    let worker: Promise<unknown> | undefined;
    const handler = async (job: JobContext) => {
      worker ??= fleet.workers[0]?.shutdown(0);
      await delay(60_000, undefined, { signal: job.signal });
    };
    await using fleet = await startFleet({ nats, handlers: { long: handler } });
    const id = await fleet.queue.addJob('long', null);
    await fleet.waitForJob(
      id,
      ({ state, attempt, worker: by }) => state === 'queued' && attempt === 0 && !!by,
    );
    await worker;
    await fleet.addWorker({ long: ({ attempt }) => attempt });
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: 1 });
  });
});

describe('a handler finds its job claimed', () => {
  const seesItself = (fleet: () => Fleet) => async (job: JobContext) =>
    (await fleet().queue.getJob(job.id))?.state;

  it('with claim: durable', async () => {
    await using fleet: Fleet = await startFleet({
      nats,
      handlers: { careful: { handler: seesItself(() => fleet), claim: 'durable' } },
    });
    const id = await fleet.queue.addJob('careful', null);
    expect((await fleet.waitForJob(id, 'completed')).result).toBe('running');
  });

  it('when its message was stored before the broker went away, and may have been handed out then', async () => {
    await using own = await startNats();
    await using fleet: Fleet = await startFleet({ nats: own, handlers: { old: seesItself(() => fleet) } });
    const [worker] = fleet.workers;
    await worker?.stop();
    const ids = await fleet.queue.addJobs(Array.from({ length: 8 }, () => ({ type: 'old', payload: null })));
    await own.restart();
    await fleet.queue.connect();
    await vi.waitFor(() => fleet.queue.getStats());
    await worker?.start();
    for (const id of ids) expect((await fleet.waitForJob(id, 'completed')).result).toBe('running');
  });

  it('when the caller chose the id, which another message may carry too', async () => {
    await using fleet: Fleet = await startFleet({ nats, handlers: { named: seesItself(() => fleet) } });
    const id = await fleet.queue.addJob('named', null, 'normal', { id: 'chosen' });
    expect((await fleet.waitForJob(id, 'completed')).result).toBe('running');
  });
});

it('refuses another word for claim', async () => {
  await using fleet = await startFleet({ nats, handlers: {} });
  const options = { handler: () => {}, claim: 'later' as 'early' };
  expect(() => fleet.workers[0]?.registerHandler('odd', options)).toThrow(
    expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
  );
});
