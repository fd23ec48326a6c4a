import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type JobContext, JobQueueService, JobWorkerService } from '../../src/index.js';
import { startConfigured } from '../support/configured-nats.js';

/** The server's own limit for a stream is 1,000; a low one shows the same. */
const DEFAULT_LIMIT = 'jetstream { store_dir: "FOLDER/store", limits { default_max_consumers: 10 } }';
const TYPES = ['first', 'second', 'third', 'fourth', 'fifth'];

function handling(queue: JobQueueService, types: readonly string[]): JobWorkerService {
  const worker = new JobWorkerService(queue, { sweep: false });
  for (const type of types) {
    worker.registerHandler(type, { handler: ({ payload }: JobContext) => payload });
  }
  onTestFinished(() => void worker.shutdown());
  return worker;
}

test('the server’s default number of consumers limits no worker', async () => {
  await using nats = await startConfigured(DEFAULT_LIMIT, { jetstream: false });
  await using queue = new JobQueueService({ servers: nats.address });
  await handling(queue, TYPES).start();
  const { connection, subjects } = await queue.broker();
  const bare = subjects.work({ kind: 'jobs', priority: 'low', type: 'fifth' });
  const { seq } = (await connection.request(bare, '"without an id"')).json<{ seq: number }>();
  const id = await queue.addJob('fifth', 'with an id', 'low');
  for (const [each, result] of [
    [id, 'with an id'],
    [`seq-${seq}`, 'without an id'],
  ] as const) {
    await vi.waitFor(async () =>
      expect(await queue.getJob(each)).toMatchObject({ state: 'completed', result, priority: 'low' }),
    );
  }
});

/** For each stream. */
const limited = (consumers: number) =>
  `accounts { A { users: [{ user: a, password: b }], jetstream { max_consumers: ${consumers} } } }`;

test('where an account allows no more consumers, the types that have theirs run, and the others are named', async () => {
  await using nats = await startConfigured(limited(2 * 4 + 2));
  const lines: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
  await using queue = new JobQueueService({ servers: `nats://a:b@${nats.address}`, logger });
  await handling(queue, ['first', 'second']).start();
  const worker = handling(queue, ['second', 'third', 'first']);
  await worker.start();
  const errors = lines.map((line) => JSON.parse(line));
  expect(errors).toEqual([
    expect.objectContaining({
      types: ['third'],
      err: expect.objectContaining({ code: 'JETFLEET_CONSUMER_LIMIT' }),
    }),
  ]);
  const id = await queue.addJob('first', 'runs');
  await vi.waitFor(async () => expect(await queue.getJob(id)).toMatchObject({ state: 'completed' }));
  await expect(handling(queue, ['third']).start()).rejects.toMatchObject({
    code: 'JETFLEET_CONSUMER_LIMIT',
    message: expect.stringMatching(/jobs of third: .*max_consumers/),
  });
  await queue.addJob('third', 'waits');
  // None of its consumers is left, which would make it look handled.
  expect(await queue.getStats()).toMatchObject({ unhandledTypes: ['third'], pendingJobs: 1 });
});
