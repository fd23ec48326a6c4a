import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type JobContext,
  JobQueueService,
  type JobRecord,
  type JobState,
  JobWorkerService,
} from '../../src/index.js';
import { cli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** State and attempt of each record that is stored. */
async function recorded(fleet: Fleet, id: string): Promise<[JobState, number][]> {
  const written = (await fleet.queue.history(id)).filter(({ implied }) => !implied);
  return written.map(({ record: { state, attempt } }) => [state, attempt]);
}

describe('a new job', () => {
  it('that ends at once is one record, from which its history tells both transitions', async () => {
    const handler = { handler: () => 'done', claimAfterMs: 1_000 };
    await using fleet = await startFleet({ nats, handlers: { quick: handler } });
    const ids = await fleet.queue.addJobs(Array.from({ length: 40 }, () => ({ type: 'quick', payload: 1 })));
    for (const id of ids) {
      const { startedAt } = await fleet.waitForJob(id, 'completed');
      expect(await recorded(fleet, id)).toEqual([['completed', 1]]);
      const [run, end] = await fleet.queue.history(id);
      expect(run).toMatchObject({ implied: true, record: { state: 'running', attempt: 1 } });
      expect(run?.record).toMatchObject({ updatedAt: startedAt, worker: end?.record.worker, payload: 1 });
      expect(run?.record).not.toHaveProperty('result');
      expect(end).toMatchObject({ seq: run?.seq, record: { state: 'completed', startedAt, result: 'done' } });
      expect(end).not.toHaveProperty('implied');
    }
  });

  it('that ends at once is shown to run by job watch', async () => {
    const handler = { handler: () => 'done', claimAfterMs: 1_000 };
    await using fleet = await startFleet({ nats, handlers: { quick: handler } });
    const id = await fleet.queue.addJob('quick', null);
    const { startedAt, finishedAt } = await fleet.waitForJob(id, 'completed');
    const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
    const watch = async (...options: string[]) => {
      const { stdout } = await cli(['job', 'watch', id, '--json', ...options], { env });
      const lines = stdout.trim().split('\n');
      return lines.map((line) => JSON.parse(line) as JobRecord).map((job) => [job.state, job.updatedAt]);
    };
    expect(await watch()).toEqual([
      ['running', startedAt],
      ['completed', finishedAt],
    ]);
    expect(await watch('--status', 'processing')).toEqual([['running', startedAt]]);
  });

  it.each([0, 100, undefined])(
    'that takes longer than its %s ms has its claim written',
    async (claimAfterMs) => {
      let finish = (_: string) => {};
      const handler = () => new Promise((resolve) => (finish = resolve));
      const options = { handler, ...(claimAfterMs !== undefined && { claimAfterMs }) };
      await using fleet = await startFleet({ nats, handlers: { slow: options } });
      const id = await fleet.queue.addJob('slow', null);
      await fleet.waitForJob(id, 'running');
      finish('at last');
      expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 1, result: 'at last' });
      expect(await recorded(fleet, id)).toEqual([
        ['running', 1],
        ['completed', 1],
      ]);
      expect((await fleet.queue.history(id)).filter(({ implied }) => implied)).toEqual([]);
    },
  );

  it('that saves a checkpoint has claimed by that', async () => {
    const handler = async (job: JobContext) => {
      await job.saveCheckpoint('half');
      return (await fleet.queue.getJob(job.id))?.state;
    };
    const options = { handler, claimAfterMs: 1_000 };
    await using fleet: Fleet = await startFleet({ nats, handlers: { halfway: options } });
    const id = await fleet.queue.addJob('halfway', null);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: 'running', checkpoint: 'half' });
    expect(await recorded(fleet, id)).toEqual([
      ['running', 1],
      ['completed', 1],
    ]);
  });

  it('that fails at once is tried again, and its attempts count', async () => {
    const handler = ({ attempt }: JobContext) => {
      if (attempt < 3) throw new Error('not yet');
      return attempt;
    };
    const options = { handler, retry: { baseMs: 1 }, claimAfterMs: 1_000 };
    await using fleet = await startFleet({ nats, handlers: { shaky: options } });
    const id = await fleet.queue.addJob('shaky', null);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 3, result: 3 });
    expect(await recorded(fleet, id)).toEqual([
      ['retrying', 1],
      ['running', 2],
      ['retrying', 2],
      ['running', 3],
      ['completed', 3],
    ]);
    const states = (await fleet.queue.history(id)).map(({ record }) => [record.state, record.attempt]);
    expect(states.slice(0, 2)).toEqual([
      ['running', 1],
      ['retrying', 1],
    ]);
    expect(states).toHaveLength(6);
  });

  it('that runs out of its time before its claim is due ends by one record', async () => {
    const handler = ({ signal }: JobContext) => delay(60_000, undefined, { signal });
    const options = { handler, timeoutMs: 50, claimAfterMs: 1_000 };
    await using fleet = await startFleet({ nats, handlers: { late: options } });
    const id = await fleet.queue.addJob('late', null);
    await fleet.waitForJob(id, 'timed_out');
    expect(await recorded(fleet, id)).toEqual([['timed_out', 1]]);
  });

  it('that is cancelled before its claim is written stays cancelled, and its message goes', async () => {
    let isAborted = false;
    const { open: onBegun, opened: begun } = gate();
    const handler = async ({ signal }: JobContext) => {
      signal.addEventListener('abort', () => (isAborted = true));
      onBegun();
      await delay(60_000, undefined, { signal });
    };
    const options = { handler, claimAfterMs: 1_000 };
    await using fleet = await startFleet({ nats, handlers: { doomed: options } });
    const id = await fleet.queue.addJob('doomed', null);
    await begun;
    await fleet.queue.cancel(id);
    await vi.waitFor(() => expect(isAborted).toBe(true));
    expect(await recorded(fleet, id)).toEqual([['cancelled', 0]]);
    const broker = await fleet.queue.broker();
    await vi.waitFor(async () => {
      const info = await broker.topology.consumer('jobs', broker.subjects.consumerName('doomed', 'normal'));
      expect(info).toMatchObject({ num_ack_pending: 0, num_pending: 0 });
    });
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

describe('a job without a claim', () => {
  it('that was cancelled unheard lets go of its message when it saves a checkpoint', async () => {
    const begun = gate();
    const goOn = gate();
    let refusal: unknown;
    const handler = async (job: JobContext) => {
      begun.open();
      await goOn.opened;
      await job.saveCheckpoint('late').catch((error: unknown) => {
        refusal = error;
      });
    };
    const options = { handler, claimAfterMs: 1_000 };
    await using fleet = await startFleet({ nats, handlers: { deaf: options } });
    const id = await fleet.queue.addJob('deaf', null);
    await begun.opened;
    const broker = await fleet.queue.broker();
    broker.notices.announceCancelled = () => {};
    await fleet.queue.cancel(id);
    goOn.open();
    await vi.waitFor(async () => {
      expect(refusal).toMatchObject({ code: 'JETFLEET_CONFLICT' });
      const info = await broker.topology.consumer('jobs', broker.subjects.consumerName('deaf', 'normal'));
      expect(info).toMatchObject({ num_ack_pending: 0, num_pending: 0 });
    });
    expect(await recorded(fleet, id)).toEqual([['cancelled', 0]]);
  });

  it('whose claim can never be written has its handler told', async () => {
    const connection = await connect({ servers: nats.url });
    const queue = new JobQueueService({ connection, namespace: 'closing' });
    const worker = new JobWorkerService(queue, {});
    const begun = gate();
    let reason: unknown;
    worker.registerHandler('orphan', {
      claimAfterMs: 500,
      handler: async ({ signal }) => {
        begun.open();
        await delay(60_000, undefined, { signal }).catch(() => {
          reason = signal.reason;
        });
      },
    });
    await worker.start();
    await queue.addJob('orphan', null);
    await begun.opened;
    await connection.close();
    await vi.waitFor(() => expect(reason).toMatchObject({ reason: 'lease_lost' }));
    await worker.shutdown(0);
    await queue.close();
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

it.each([
  { claim: 'later' as 'early' },
  { claimAfterMs: 1_001 },
  { claimAfterMs: -1 },
  { claimAfterMs: 0.5 },
])('refuses %j', async (options) => {
  await using fleet = await startFleet({ nats, handlers: {} });
  expect(() => fleet.workers[0]?.registerHandler('odd', { handler: () => {}, ...options })).toThrow(
    expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
  );
});
