import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
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

/** Counts the pages that are read, and lets something happen after one of them. */
async function readInUse(broker: Broker, onPage: (nth: number, filter: string) => unknown) {
  const page = broker.read.page.bind(broker.read);
  let pages = 0;
  broker.read.page = async (...asked) => {
    const messages = await page(...asked);
    await onPage(pages++, asked[1]);
    return messages;
  };
  return instancesInUse(broker).finally(() => {
    broker.read.page = page;
  });
}

/**
 * After which pages the job may move: those of its own type, with what is read for no type among them, and one on either side. The
 * rest, of a hundred and more, is about other types, so that a move there is one before or after all that concerns it.
 */
async function moments(broker: Broker): Promise<number[]> {
  const filters: string[] = [];
  await readInUse(broker, (nth, filter) => {
    filters[nth] = filter;
  });
  const isOwn = filters.map((filter) => filter.includes('delete_instance'));
  return filters.flatMap((_, nth) => (isOwn.slice(Math.max(nth - 3, 0), nth + 4).some(Boolean) ? [nth] : []));
}

it.each(Object.keys(MOVES))(
  'a job that %s while those are read that use instances is among them',
  async (what) => {
    const broker = await fleet.queue.broker();
    const isMissed: number[] = [];
    const running = async (id: string) => {
      const payload = { instanceId: id, novitaInstanceId: `n-${id}` };
      await fleet.queue.addJob('delete_instance', payload, 'high', { id });
      await fleet.waitForJob(id, 'running');
    };
    const name = what.replaceAll(' ', '-');
    await running(`${name}-first`);
    const all = await moments(broker);
    gates.get(`${name}-first`)?.(() => 'done');
    expect(all.length).toBeGreaterThan(15);
    for (const [index, moveAfter] of all.entries()) {
      if (index % (STEP[what] ?? 1) !== 0) continue;
      const id = `${name}-${moveAfter}`;
      await running(id);
      const used = await readInUse(broker, (nth) => (nth === moveAfter ? MOVES[what]?.(id) : undefined));
      if (!used.has(`n-${id}`)) isMissed.push(moveAfter);
      gates.get(id)?.(() => 'done');
      await fleet.queue.cancel(id).catch(() => {});
    }
    expect(isMissed).toEqual([]);
  },
);
