import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { RetryableError, snooze } from '../../src/index.js';
import { instancesInUse } from '../../src/instances/kept-owners.js';
import type { JobRecord } from '../../src/jobs/job-record.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
/** Lets the present attempt of a job end, in the way that is given. */
const gates = new Map<string, (end: () => unknown) => void>();

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({
    nats,
    handlers: {
      delete_instance: {
        concurrency: 4,
        retry: { baseMs: 1, jitter: 0 },
        handler: async ({ id }) => {
          const end = await new Promise<() => unknown>((resolve) => gates.set(id, resolve));
          return end();
        },
      },
    },
  });
});
afterAll(async () => {
  for (const release of gates.values()) release(() => 'done');
  await fleet.close();
  await nats.stop();
});

const HOUR_MS = 3_600_000;
const retry = (retryAfterMs: number) => () => {
  throw new RetryableError('again', { retryAfterMs });
};
const isBack = (before: JobRecord | undefined) => (job: JobRecord) =>
  job.state === 'running' && job.updatedAt !== before?.updatedAt;

/** What a job does between two reads of somebody who lists the jobs that use instances. */
const MOVES: Record<string, (id: string) => Promise<unknown>> = {
  'waits for its next attempt': async (id) => {
    gates.get(id)?.(retry(HOUR_MS));
    await fleet.waitForJob(id, 'retrying');
  },
  hibernates: async (id) => {
    gates.get(id)?.(() => snooze(HOUR_MS));
    await fleet.waitForJob(id, 'waiting');
  },
  'begins its next attempt': async (id) => {
    const before = await fleet.queue.getJob(id);
    gates.get(id)?.(retry(1));
    await fleet.waitForJob(id, isBack(before));
  },
};

/** A timer takes some 250 ms to fire. */
const STEP: Record<string, number> = { 'begins its next attempt': 4 };

it.each(Object.keys(MOVES))(
  'a job that %s while those are read that use instances is among them',
  async (what) => {
    const broker = await fleet.queue.broker();
    const page = broker.read.page.bind(broker.read);
    const isMissed: number[] = [];
    for (let moveAfter = 0, reads = 1; moveAfter < reads; moveAfter += STEP[what] ?? 1) {
      const id = `${what.replaceAll(' ', '-').replace(/\W/g, '')}-${moveAfter}`;
      await fleet.queue.addJob('delete_instance', { instanceId: id, novitaInstanceId: `n-${id}` }, 'high', {
        id,
      });
      await fleet.waitForJob(id, 'running');
      reads = 0;
      broker.read.page = async (...asked) => {
        const messages = await page(...asked);
        if (reads++ === moveAfter) await MOVES[what]?.(id);
        return messages;
      };
      const used = await instancesInUse(broker).finally(() => {
        broker.read.page = page;
      });
      if (!used.has(`n-${id}`)) isMissed.push(moveAfter);
      gates.get(id)?.(() => 'done');
      await fleet.queue.cancel(id).catch(() => {});
    }
    expect(isMissed).toEqual([]);
  },
);
