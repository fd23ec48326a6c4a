import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { expect, it } from 'vitest';
import { JobQueueService } from '../../src/index.js';
import { checkStreams } from '../../src/upkeep/check-streams.js';
import { startNats } from '../support/nats.js';

const WAY_OUT = 'set JETFLEET_NAMESPACE to use streams and subjects of another name';

async function withStream(name: string, subjects: string[]) {
  const nats = await startNats();
  const connection = await connect({ servers: nats.url });
  const jsm = await jetstreamManager(connection);
  await jsm.streams.add({ name, subjects });
  const config = () => jsm.streams.info(name).then((info) => info.config);
  const end = async () => {
    await connection.close();
    await nats.stop();
  };
  return { nats, jsm, config, [Symbol.asyncDispose]: end };
}

it.each(['TIMERS', 'JOBS', 'WEBHOOKS', 'EVENTS'])(
  'a stream %s of somebody else is named, left as it is by everybody, and a namespace is the way out',
  async (name) => {
    await using foreign = await withStream(name, ['orders.>']);
    const before = await foreign.config();
    await using queue = new JobQueueService({ servers: foreign.nats.url });
    const error = await queue.addJob('demo', 1).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      code: 'JETFLEET_STREAM_DRIFT',
      message: expect.stringContaining(
        `stream ${name} was not created by Jetfleet and is left as it is; ${WAY_OUT}`,
      ),
    });
    expect(String(error)).toMatch(/subjects \(danger\)\n {2}- has {3}\["orders\.>"\]\n {2}\+ wants/);
    expect(String(error)).not.toMatch(/delete|drain/i);
    const found = await checkStreams(await queue.brokerAsItIs());
    const drift = found.filter(({ finding }) => finding.code === 'stream_drift');
    expect(drift.length).toBeGreaterThan(0);
    for (const { finding, mend } of drift)
      expect([mend, finding.message]).toEqual([undefined, expect.stringContaining(WAY_OUT)]);
    expect(await foreign.config()).toEqual(before);
    expect(await foreign.jsm.consumers.list(name).next()).toEqual([]);
    await using other = new JobQueueService({ servers: foreign.nats.url, namespace: 'acme' });
    expect(await other.addJob('demo', 1)).toMatch(/./);
  },
);

it.each([
  ['jobs.>', 'stream JOBS'],
  ['webhooks.low.*', 'stream WEBHOOKS'],
  ['schedules.>', 'stream TIMERS'],
  ['events.demo.>', 'stream EVENTS'],
])('a stream of somebody else with %s is named, with its subjects', async (subject, target) => {
  await using foreign = await withStream('ORDERS', ['orders', subject]);
  await using queue = new JobQueueService({ servers: foreign.nats.url });
  const error = await queue.addJob('demo', 1).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({
    code: 'JETFLEET_STREAM_DRIFT',
    message: expect.stringMatching(
      `cannot create ${target}: stream ORDERS, with the subjects orders, .*${WAY_OUT}`,
    ),
  });
});
