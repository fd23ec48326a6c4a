import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobRecord } from '../../src/jobs/job-record.js';
import { encodeRecord } from '../../src/wire/record-message.js';
import { FirstDeliveries } from '../../src/worker/claim/first-deliveries.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Writes the claim of the message 5 of `rare`, and right after it so many records of another type. */
async function writeRecords({ queue }: Fleet, others: number): Promise<FirstDeliveries> {
  const id = await queue.addJob('rare', null);
  const broker = await queue.broker();
  const { connection, subjects } = broker;
  const job = (await queue.getJob(id)) as JobRecord;
  const claim: JobRecord = { ...job, status: 'processing', state: 'running', attempt: 1, workSeq: 5 };
  const publish = (record: JobRecord) =>
    connection.publish(subjects.event(record.type, record.status, record.id), encodeRecord(record));
  publish(claim);
  for (let n = 1; n <= others; n++) {
    publish({ ...claim, type: 'frequent', id: `other-${n}`, workSeq: n });
  }
  await connection.flush();
  // The server has them all, and may be storing them yet.
  const stored = () => broker.topology.streamInfo('events').then(({ state }) => state.last_seq);
  await expect.poll(stored).toBe(others + 1);
  const firstDeliveries = new FirstDeliveries(broker, pino({ level: 'silent' }));
  await firstDeliveries.begin();
  return firstDeliveries;
}

const delivered = (type: string, seq: number) => ({
  id: `${type}-${seq}`,
  type,
  seq,
  priority: 'normal' as const,
});

it.each([10, 2_500])('a claimed message is no first delivery after %i later records', async (others) => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const firstDeliveries = await writeRecords(fleet, others);
  expect(firstDeliveries.has(delivered('rare', 5))).toBe(false);
  expect(firstDeliveries.has(delivered('rare', 6))).toBe(true);
  expect(firstDeliveries.has(delivered('frequent', others))).toBe(false);
  expect(firstDeliveries.has(delivered('frequent', others + 1))).toBe(true);
});

it('a connection that was lost while they were read makes all that is stored suspect', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const broker = await fleet.queue.broker();
  await fleet.queue.addJob('demo', null);
  const firstDeliveries = new FirstDeliveries(broker, pino({ level: 'silent' }));
  const begun = firstDeliveries.begin();
  firstDeliveries.distrust();
  const renewed = firstDeliveries.renew();
  await begun;
  await renewed;
  expect(firstDeliveries.has(delivered('demo', 1))).toBe(false);
  expect(firstDeliveries.has(delivered('demo', 2))).toBe(true);
});
