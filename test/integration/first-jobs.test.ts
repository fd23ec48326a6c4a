/** Types that most namespaces never have: their consumers are made with their first job, and no job waits for want of them. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, JobQueueService, JobWorkerService } from '../../src/index.js';
import { listWorkers } from '../../src/inspect/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { WorkerExtension } from '../../src/worker/extension.js';
import { handled } from '../../src/worker/job-handler.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
import { gate } from '../support/gate.js';
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

const TYPES = ['rare', 'odd'];
const seldom: WorkerExtension = {
  name: 'seldom',
  install: () => ({
    handlers: TYPES.map((type) => ({
      ...handled(defineJob({ type }), ({ attempt }) => ({ attempt }) as never),
      isSeldom: true,
    })),
  }),
};

async function addSeldomWorker({ queue, workers }: Fleet): Promise<JobWorkerService> {
  const worker = new JobWorkerService(queue).use(seldom);
  workers.push(worker);
  await worker.start();
  return worker;
}

async function namesOf({ queue }: Fleet): Promise<string[]> {
  const { topology } = await queue.broker();
  return (await topology.consumers('jobs')).map(({ name }) => name);
}

/** The types that have consumers in JOBS, and how many workers listen for first jobs. */
async function consumersOf(fleet: Fleet): Promise<{ types: string[]; listening: number }> {
  const { subjects } = await fleet.queue.broker();
  const names = await namesOf(fleet);
  const types = new Set(names.flatMap((name) => subjects.parseConsumer(name)?.type ?? []));
  return { types: [...types].sort(), listening: names.filter((name) => name.startsWith('first-')).length };
}

async function removeListeners(fleet: Fleet): Promise<void> {
  const { topology } = await fleet.queue.broker();
  for (const name of await namesOf(fleet))
    if (name.startsWith('first-')) await topology.deleteConsumer('jobs', name);
}

test('a worker with instances has consumers of few types, shows them all, and takes the first job of any', async () => {
  await using fleet = await startFleet({ nats, builtIn: true });
  const often = [
    'create_instance',
    'delete_instance',
    'migrate_instance',
    'monitor_instance',
    'send_webhook',
  ];
  expect(await consumersOf(fleet)).toEqual({ types: often, listening: 1 });
  const [shown] = await listWorkers(fleet.queue);
  expect(shown?.lanes.map(({ type }) => type)).toEqual(
    expect.arrayContaining([...often, 'stop_instance', 'watch_instance', 'keep_lease']),
  );
  const nobodys = { instanceId: 'i-1', novitaInstanceId: 'nobodys' };
  const id = await fleet.queue.addJob('stop_instance', nobodys);
  expect(await fleet.waitForJob(id, ({ status }) => status === 'failed')).toMatchObject({
    error: { code: 'JETFLEET_INSTANCE_VANISHED' },
  });
  expect((await consumersOf(fleet)).types).toEqual([...often, 'stop_instance'].sort());
});

test.each<[string, (fleet: Fleet) => Promise<string>, when: 'before' | 'after']>([
  ['added before its worker starts', ({ queue }) => queue.addJob('rare', {}), 'before'],
  ['added afterwards', ({ queue }) => queue.addJob('rare', {}), 'after'],
  ['with a delay', ({ queue }) => queue.addJob('rare', {}, 'low', { delayMs: 300 }), 'after'],
  [
    'without an id',
    async ({ namespace }) => `seq-${(await client.publish(`${namespace}.jobs.high.rare`, '{}')).seq}`,
    'after',
  ],
])('a first job %s is run, and so are those of another type that follow', async (_, add, when) => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await fleet.queue.setup([]);
  const early = when === 'before' ? await add(fleet) : undefined;
  await addSeldomWorker(fleet);
  const id = early ?? (await add(fleet));
  await fleet.waitForJob(id, 'completed');
  for (const type of ['odd', 'rare', 'odd'])
    await fleet.waitForJob(await fleet.queue.addJob(type, {}), 'completed');
  await vi.waitFor(async () =>
    // Flows are still awaited.
    expect(await consumersOf(fleet)).toMatchObject({ types: ['odd', 'rare'], listening: expect.any(Number) }),
  );
});

test('a first job whose worker dies is run by one that starts later', async () => {
  await using fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: 1_000 } });
  const others = new JobQueueService({ servers: nats.url, namespace: fleet.namespace, ackWaitMs: 1_000 });
  const { open: begins, opened: begun } = gate();
  const dying = new JobWorkerService(others, { logger: silentLogger }).use({
    name: 'dying',
    install: () => ({
      handlers: [
        {
          ...handled(defineJob({ type: 'rare' }), async () => {
            // Its connection ends under it, as that of a process that is killed.
            await (await others.broker()).connection.close();
            begins();
          }),
          isSeldom: true,
        },
      ],
    }),
  });
  await dying.start();
  const id = await fleet.queue.addJob('rare', {});
  await begun;
  await addSeldomWorker(fleet);
  await fleet.waitForJob(id, 'completed');
  await dying.shutdown(0);
  await others.close();
});

test('a consumer that is lost with its server, or removed, is made again, and no first job is missed meanwhile', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await addSeldomWorker(fleet);
  await removeListeners(fleet);
  await fleet.waitForJob(await fleet.queue.addJob('rare', {}), 'completed');
  await removeListeners(fleet);
  const { connection } = await fleet.queue.broker();
  const id = await fleet.queue.addJob('odd', {});
  await connection.reconnect();
  await fleet.waitForJob(id, 'completed');
});

test('where the consumers of a type cannot be made, that is tried again', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await addSeldomWorker(fleet);
  const { topology } = await fleet.queue.broker();
  const ensure = vi.spyOn(topology, 'ensure').mockRejectedValueOnce(new Error('not now'));
  await fleet.waitForJob(await fleet.queue.addJob('rare', {}), 'completed');
  expect(ensure).toHaveBeenCalledTimes(2);
  ensure.mockRestore();
});

test('a worker that stops while it begins to listen makes no consumer afterwards', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const worker = await addSeldomWorker(fleet);
  await worker.shutdown();
  await removeListeners(fleet);
  const id = await fleet.queue.addJob('rare', {});
  const { connection } = await fleet.queue.broker();
  await connection.reconnect();
  // What was asked on the way gets no answer.
  await vi.waitFor(async () => expect(await consumersOf(fleet)).toEqual({ types: [], listening: 0 }));
  expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'queued' });
});
