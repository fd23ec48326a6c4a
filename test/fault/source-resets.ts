/**
 * Whether due jobs reach their work stream while nats-server sets up, again and again, what a work stream takes them with: as it does
 * after a gap, a silence, or a change of leader. `npx tsx test/fault/source-resets.ts [namespaces] [seconds]`
 */
import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { startEmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';

const namespaces = Number(process.argv[2] ?? 20);
const endMs = Date.now() + Number(process.argv[3] ?? 60) * 1_000;
const MAX_DELAY_MS = 4_000;
const ADDERS = 2;
const ADD_EVERY_MS = 20;
/** The server asks no sooner than two seconds after it asked last. */
const LISTEN_MS = 1_200;

const server = await startEmbeddedServer({});
const client = await connect({ servers: server.url });
const queues = await Promise.all(
  Array.from({ length: namespaces }, async (_, index) => {
    const queue = new JobQueueService({ servers: server.url, namespace: `resets${index}` });
    await queue.setup(['step']);
    return queue;
  }),
);

async function addUntilTheEnd(queue: JobQueueService, added: Set<string>): Promise<void> {
  while (Date.now() < endMs) {
    const delayMs = 1 + Math.floor(Math.random() * MAX_DELAY_MS);
    added.add(await queue.addJob('step', {}, 'normal', { delayMs }));
    await delay(ADD_EVERY_MS);
  }
}

/** Has every work stream believe that it has missed messages, by a heartbeat with a count that is too high. */
async function reset(): Promise<number> {
  const places = new Set<string>();
  const heard = client.subscribe('$JS.S.>', {
    callback: (_, { subject }) => {
      if (subject.startsWith('$JS.S.')) places.add(subject);
    },
  });
  await delay(LISTEN_MS);
  heard.unsubscribe();
  await client.flush();
  const heartbeat = headers(100, 'Idle Heartbeat');
  heartbeat.set('Nats-Last-Consumer', '99999999');
  heartbeat.set('Nats-Last-Stream', '1');
  for (const place of places) client.publish(place, undefined, { headers: heartbeat });
  await delay(LISTEN_MS);
  return places.size;
}

const added = queues.map(() => new Set<string>());
const adding = queues.flatMap((queue, index) =>
  Array.from({ length: ADDERS }, () => addUntilTheEnd(queue, added[index] as Set<string>)),
);
let resets = 0;
while (Date.now() < endMs) resets += await reset();
await Promise.all(adding);
await delay(3 * MAX_DELAY_MS);

const jsm = await jetstreamManager(client);
let lost = 0;
let repeated = 0;
for (const [index, ids] of added.entries()) {
  const { state } = await jsm.streams.info(`RESETS${index}_JOBS`, { subjects_filter: '>' });
  const stored = new Set(Object.keys(state.subjects ?? {}).map((subject) => subject.split('.').at(-1)));
  lost += [...ids].filter((id) => !stored.has(id)).length;
  repeated += state.messages - stored.size;
}
const total = added.reduce((sum, ids) => sum + ids.size, 0);
process.stdout.write(`${JSON.stringify({ jobs: total, resets, lost, repeated })}\n`);
await Promise.all(queues.map((queue) => queue.close()));
await client.close();
await server.stop();
process.exitCode = lost + repeated > 0 ? 1 : 0;
