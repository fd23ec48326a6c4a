import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobContext, snooze } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
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

const DAY = 86_400_000;
const handlers = { demo: ({ payload }: JobContext) => payload, other: () => 'wrong' };

/** A job published without an id, and a message that claims to be it, before any worker has seen either. */
async function twins(fleet: Fleet, forge: (seq: number) => Promise<unknown>): Promise<string> {
  await fleet.queue.connect();
  const { seq } = await client.publish(`${fleet.namespace}.jobs.low.demo`, '"mine"');
  await forge(seq);
  await fleet.addWorker(handlers);
  expect(await fleet.waitForJob(`seq-${seq}`, 'completed')).toMatchObject({ result: 'mine', type: 'demo' });
  return `seq-${seq + 1}`;
}

it.each([{}, { 'Jetfleet-Event-Seq': '1' }, { 'Nats-Msg-Id': 'jetfleet:seq-1' }])(
  'a message that takes the number of another job ends as FAILED, with %j',
  async (options: object) => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const forge = (seq: number) =>
      client.publish(`${fleet.namespace}.jobs.critical.demo.seq-${seq}`, '"theirs"', { ...options });
    const forged = await twins(fleet, forge);
    expect(await fleet.waitForJob(forged, 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_ID_INVALID' },
    });
  },
);

it('so does the message of a timer for a number that no record has', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { namespace, queue } = fleet;
  const forge = async (seq: number) => {
    await client.publish(`${namespace}.schedules.jobs.forged`, '"theirs"', {
      'Nats-Schedule': `@at ${new Date(Date.now()).toISOString()}`,
      'Nats-Schedule-Target': `${namespace}.due.jobs.critical.demo.seq-${seq}`,
    });
    await expect.poll(async () => (await queue.health()).streams[1]?.messages).toBe(2);
  };
  const forged = await twins(fleet, forge);
  expect(await fleet.waitForJob(forged, 'rejected')).toMatchObject({
    error: { code: 'JETFLEET_ID_INVALID' },
  });
});

it('a message of another type under the id of a job that is due ends as FAILED, and the job goes on', async () => {
  const seen: unknown[] = [];
  const waits = ({ checkpoint }: JobContext) => (checkpoint ? 'mine' : snooze(DAY, 'slept'));
  await using fleet = await startFleet({ nats, handlers: { waits, other: (job) => void seen.push(job.id) } });
  const { namespace, queue } = fleet;
  await queue.addJob('waits', 1, 'low', { id: 'order-42' });
  await fleet.waitForJob('order-42', 'waiting');
  const { seq } = await client.publish(`${namespace}.jobs.low.other.order-42`, '{}');
  expect(await fleet.waitForJob(`seq-${seq}`, 'rejected')).toMatchObject({
    type: 'other',
    error: { code: 'JETFLEET_ID_TAKEN' },
  });
  expect(await queue.getJob('order-42')).toMatchObject({ type: 'waits', state: 'waiting' });
  expect(seen).toEqual([]);
});

it('headers that Jetfleet sets itself fail a message of anybody else, and name the header', async () => {
  await using fleet = await startFleet({ nats, handlers });
  for (const [header, value] of Object.entries({
    'Jetfleet-Created-At': '2020-01-01T00:00:00Z',
    'Jetfleet-Parent-Id': 'order-42',
  })) {
    const id = header.toLowerCase();
    await client.publish(`${fleet.namespace}.jobs.low.demo.${id}`, '{}', { [header]: value });
    const { error } = await fleet.waitForJob(id, 'rejected');
    expect(error).toMatchObject({ code: 'JETFLEET_HEADER_INVALID', problems: [{ path: header }] });
  }
});

it('a job without an id that waits for its next attempt is listed under its number', async () => {
  const fails = { handler: () => Promise.reject(new Error('no')), retry: { baseMs: DAY, jitter: 0 } };
  await using fleet = await startFleet({ nats, handlers: { fails } });
  const { seq } = await client.publish(`${fleet.namespace}.jobs.low.fails`, '{}');
  const id = `seq-${seq}`;
  await fleet.waitForJob(id, 'retrying');
  for (const filter of [{ state: 'retrying' }, { status: 'pending' }] as const)
    await expect.poll(async () => (await fleet.queue.getJobs(filter)).jobs).toMatchObject([{ id }]);
});
