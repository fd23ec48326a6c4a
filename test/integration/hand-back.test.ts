import { setTimeout as delay } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/broker/embedded/index.js';
import type { JobContext } from '../../src/index.js';
import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import { byRemoval, floorOfAll, removeSettled } from '../../src/queue/settled-messages.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Far below the 15 s after which a message comes again by itself, and far above what handing on takes. */
const SOON_MS = 3_000;

describe('a message that was handed back', () => {
  it.each([
    ['an id', true, 'jobs', 'step'],
    ['no id', false, 'jobs', 'step'],
    ['an id, of webhooks', true, 'webhooks', 'send_webhook'],
    ['no id, of webhooks', false, 'webhooks', 'send_webhook'],
  ] as const)(
    'with %s is handed out at once when those before it are removed',
    async (_, hasId, kind, type) => {
      await using fleet = await startFleet({ nats, workers: 0 });
      await fleet.queue.setup([type]);
      const broker = await fleet.queue.broker();
      const { connection, subjects, topology } = broker;
      const consumers = subjects.consumersFor(kind, 'low', type);
      const consumer = { kind, ...(hasId ? consumers[0] : consumers[1]) } as (typeof consumers)[0] & {
        kind: typeof kind;
      };
      const address = { kind, priority: 'low', type } as const;
      for (const id of ['a', 'b', 'c'])
        await jetstream(connection).publish(subjects.work(hasId ? { ...address, id } : address), id);
      const source = await jetstream(connection).consumers.get(subjects.streamName(kind), consumer.name);
      const first = await source.next();
      const second = await source.next();
      await first?.ackAck();
      second?.nak();
      await connection.flush();

      const siblings = ['critical', 'high', 'normal', 'low'] as const;
      const all = siblings.flatMap((priority) =>
        subjects.consumersFor(kind, priority, type).map((each) => ({ kind, ...each })),
      );
      const group = byRemoval(all).find((each) => each.some(({ name }) => name === consumer.name)) ?? [];
      const { state } = await topology.streamInfo(kind);
      const infos = await Promise.all(group.map(({ name }) => topology.consumer(kind, name)));
      const floor = floorOfAll(
        infos.flatMap((info) => info ?? []),
        state.last_seq,
      );
      expect(floor).toBe(first?.seq);
      const known = new Set([first?.seq ?? 0]);
      await removeSettled(
        broker,
        group.map((each) => ({ ...each, known })),
        floor,
      );
      expect((await topology.streamInfo(kind)).state.messages).toBe(2);

      const again = await source.next({ expires: SOON_MS });
      expect(again?.seq).toBe(second?.seq);
    },
  );
});

/** Removes what can be removed, over and over, until it is stopped. */
function removeForEver({ queue }: Fleet, type: string) {
  let stopped = false;
  const removing = (async () => {
    const broker = await queue.broker();
    const { subjects, topology } = broker;
    const consumers = PRIORITIES.flatMap((priority) =>
      subjects.consumersFor('jobs', priority, type).map((each) => ({ kind: 'jobs' as const, ...each })),
    );
    while (!stopped) {
      const { state } = await topology.streamInfo('jobs');
      const infos = new Map((await topology.consumers('jobs')).map((info) => [info.name, info]));
      for (const group of byRemoval(consumers)) {
        const counts = group.flatMap(({ name }) => infos.get(name) ?? []);
        const removable = group.map((each) => ({ ...each, known: new Set<number>() }));
        await removeSettled(broker, removable, floorOfAll(counts, state.last_seq));
      }
    }
  })();
  return async () => {
    stopped = true;
    await removing;
  };
}

it('jobs handed back by drains start elsewhere at once while messages are removed all the time', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const handler = ({ payload, signal }: JobContext) =>
    payload === 'long' ? delay(60_000, undefined, { signal }) : undefined;
  const options = { worker: { handler, concurrency: 4 } };
  await fleet.addWorker(options);
  const stop = removeForEver(fleet, 'worker');
  const long = await fleet.queue.addJobs(
    Array.from({ length: 3 }, () => ({ type: 'worker', payload: 'long' })),
  );
  for (const id of long) await fleet.waitForJob(id, 'running');
  for (let drains = 0; drains < 5; drains++) {
    await fleet.queue.addJobs(Array.from({ length: 30 }, () => ({ type: 'worker', payload: 'short' })));
    await fleet.addWorker(options);
    await fleet.workers[drains]?.shutdown(10);
    for (const id of long) await fleet.waitForJob(id, 'running');
  }
  await stop();
  const waits: number[] = [];
  for (const id of long) {
    const history = await fleet.history(id);
    for (const [index, { state, updatedAt }] of history.entries())
      if (state === 'queued')
        waits.push(Date.parse(history[index + 1]?.updatedAt ?? '') - Date.parse(updatedAt));
  }
  expect(waits).toHaveLength(15);
  expect(Math.max(...waits)).toBeLessThan(SOON_MS);
});
