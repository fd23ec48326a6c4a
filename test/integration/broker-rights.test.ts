import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openConnection } from '../../src/broker/connection/connection.js';
import type { StoredMessage } from '../../src/broker/read/direct-read.js';
import { JobQueueService, type JobRecord, JobWorkerService } from '../../src/index.js';
import { touchedJobs } from '../../src/queue/list/work-jobs.js';
import { handledTypes } from '../../src/upkeep/check-streams.js';
import { cli } from '../support/cli.js';
import { type ConfiguredNats, startConfigured } from '../support/configured-nats.js';

/** Far below the 30 s after which a write that nobody answers is given up, and the 5 s of each try of a read. */
const AT_ONCE_MS = 4_500;

const denied = (name: string, subjects: string, what = 'publish') =>
  `{ user: ${name}, password: x, permissions: { ${what}: { deny: [${subjects}] } } }`;

const USERS = [
  '{ user: all, password: x }',
  denied('no_api', '"$JS.API.>"'),
  denied('no_low_jobs', '"jobs.low.>"'),
  denied('no_jobs', '"jobs.>"'),
  denied('no_schedules', '"schedules.>"'),
  denied('no_reads', '"$JS.API.DIRECT.>"'),
  denied('no_pulls', '"$JS.API.CONSUMER.MSG.NEXT.>"'),
  denied(
    'no_consumers',
    '"$JS.API.CONSUMER.CREATE.EVENTS", "$JS.API.CONSUMER.CREATE.EVENTS.>", "$JS.API.CONSUMER.LIST.JOBS"',
  ),
  denied('no_durables', '"$JS.API.CONSUMER.INFO.EVENTS.>"'),
  denied('no_job_reads', '"$JS.API.DIRECT.GET.JOBS"'),
  denied('no_answers', '"_INBOX.>"', 'subscribe'),
  denied('no_events', '"events.>"'),
  denied('no_notices', '"jetfleet.>"', 'subscribe'),
].join('\n');

let nats: ConfiguredNats;

beforeAll(async () => {
  const none = '{ users: [{ user: none, password: x }] }';
  nats = await startConfigured(`accounts {
    A { jetstream: enabled, users: [\n${USERS}\n] }
    B ${none}
  }`);
  await using queue = as('all');
  await queue.setup(['report']);
});

afterAll(() => nats[Symbol.asyncDispose]());

function as(user: string): JobQueueService {
  return new JobQueueService({ servers: nats.address, user, password: 'x', env: {} });
}

/** An error, and that it came at once. */
async function refusal(call: () => Promise<unknown>): Promise<unknown> {
  const startedAt = performance.now();
  const thrown = await call().then(
    () => 'nothing was refused',
    (error: unknown) => error,
  );
  expect(performance.now() - startedAt).toBeLessThan(AT_ONCE_MS);
  return thrown;
}

const forbidden = (call: string) => ({
  code: 'JETFLEET_BROKER_FORBIDDEN',
  message: expect.stringContaining(`may not publish to $JS.API.${call}`),
});

describe('a call that its user has no right to says which is missing, at once', () => {
  test.each<[string, string, string, (queue: JobQueueService) => Promise<unknown>]>([
    ['connecting', 'no_api', 'publish to $JS.API.INFO', (queue) => queue.connect()],
    ['counting', 'no_api', 'publish to $JS.API.INFO', (queue) => queue.getStats()],
    ['adding', 'no_jobs', 'publish to jobs.normal.report.one', (queue) => add(queue, 'one')],
    [
      'delaying',
      'no_schedules',
      'publish to schedules.',
      (queue) => queue.addJob('report', {}, 'normal', { id: 'later', delayMs: 60_000 }),
    ],
    ['reading', 'no_reads', 'publish to $JS.API.DIRECT.GET.EVENTS', (queue) => queue.getJob('one')],
    ['listing', 'no_reads', 'publish to $JS.API.DIRECT.GET.', (queue) => queue.getJobs()],
    ['cancelling', 'no_events', 'publish to events.report.failed.kept', (queue) => queue.cancel('kept')],
    [
      'following',
      'no_consumers',
      'publish to $JS.API.CONSUMER.CREATE.EVENTS',
      (queue) => queue.events({}, () => {}),
    ],
    ['looking on', 'no_consumers', 'publish to $JS.API.CONSUMER.CREATE.EVENTS', (queue) => queue.feed()],
    [
      'counting without consumers',
      'no_consumers',
      'publish to $JS.API.CONSUMER.LIST.JOBS',
      (queue) => queue.getStats(),
    ],
    ['hearing answers', 'no_answers', 'subscribe to _INBOX.', (queue) => queue.connect()],
  ])('%s', async (_, user, right, call) => {
    await using all = as('all');
    await all.addJob('report', {}, 'normal', { id: 'kept' });
    await using queue = as(user);
    expect(await refusal(() => call(queue))).toMatchObject({
      code: 'JETFLEET_BROKER_FORBIDDEN',
      message: expect.stringContaining(`may not ${right}`),
    });
  });

  test('a failed read of an event consumer does not count as its absence: its filter stays', async () => {
    await using all = as('all');
    const durable = 'kept-filter';
    await (await all.events({ durable, filter: { type: 'report' } }, () => {})).close();
    await using queue = as('no_durables');
    const another = () => queue.events({ durable, filter: { type: 'other' } }, () => {});
    expect(await refusal(another)).toMatchObject(forbidden('CONSUMER.INFO.EVENTS.'));
    await (await all.events({ durable, filter: { type: 'report' } }, () => {})).close();
  });

  test('a failed read of consumers does not count as types that nobody handles', async () => {
    await using queue = as('no_consumers');
    const broker = await queue.broker();
    expect(await refusal(() => handledTypes(broker))).toMatchObject(forbidden('CONSUMER.LIST.JOBS'));
  });

  test('a failed read of the message that a job runs by does not list the job by another one', async () => {
    await using all = as('all');
    await all.addJob('report', {}, 'normal', { id: 'twice' });
    const broker = await all.broker();
    const message = (await broker.read.last(
      'JOBS',
      broker.subjects.workOf('jobs', 'twice'),
    )) as StoredMessage;
    const queued = (await all.getJob('twice')) as JobRecord;
    const record = {
      ...queued,
      status: 'processing',
      state: 'running',
      workSeq: message.seq + 1_000,
    } as const;
    await broker.appendEvent(record, 0);
    const jobsOf = async (queue: JobQueueService) =>
      touchedJobs(await queue.broker(), 'jobs', [message], () => true);
    expect(await jobsOf(all)).toMatchObject([{ id: 'twice', state: 'running' }]);
    await using queue = as('no_job_reads');
    expect(await refusal(() => jobsOf(queue))).toMatchObject(forbidden('DIRECT.GET.JOBS'));
  });

  test('of many jobs those are refused that may not be added, and the others are stored', async () => {
    await using queue = as('no_low_jobs');
    const add = (index: number) =>
      queue.addJob('report', {}, index % 10 === 3 ? 'low' : 'normal', { id: `many-${index}` });
    const startedAt = performance.now();
    const ends = await Promise.allSettled(Array.from({ length: 200 }, (_, index) => add(index)));
    expect(performance.now() - startedAt).toBeLessThan(25_000);
    for (const [index, end] of ends.entries()) {
      if (index % 10 !== 3) expect(end).toEqual({ status: 'fulfilled', value: `many-${index}` });
      else expect(end).toMatchObject({ reason: { code: 'JETFLEET_BROKER_FORBIDDEN' } });
    }
    expect(await queue.getJob('many-3')).toBeUndefined();
    expect(await queue.getJob('many-4')).toMatchObject({ status: 'pending' });
  });

  test('a worker without the right to its consumers does not start', async () => {
    await using queue = as('no_consumers');
    const worker = new JobWorkerService(queue, {}).registerHandler('report', { handler: () => 'done' });
    expect(await refusal(() => worker.start())).toMatchObject({
      code: 'JETFLEET_BROKER_FORBIDDEN',
      message: expect.stringContaining('$JS.API.CONSUMER.'),
    });
  });

  test('an event consumer that may not read ends with the right that it lacks', async () => {
    await using queue = as('no_pulls');
    const events = await queue.events({}, () => {});
    expect(await refusal(() => events.closed)).toMatchObject({
      code: 'JETFLEET_BROKER_FORBIDDEN',
      message: expect.stringContaining('may not publish to $JS.API.CONSUMER.MSG.NEXT.EVENTS.'),
    });
    await events.close();
  });

  test('rights that are granted while a process runs are used without a restart', async () => {
    const user = (permissions: string) => `authorization { users: [{ user: a, password: x${permissions} }] }`;
    await using server = await startConfigured(user(', permissions: { publish: { deny: ["jobs.>"] } }'));
    await using queue = new JobQueueService({ servers: server.address, user: 'a', password: 'x', env: {} });
    expect(await refusal(() => add(queue, 'one'))).toMatchObject({ code: 'JETFLEET_BROKER_FORBIDDEN' });
    await server.reload(user(''));
    await vi.waitFor(() => add(queue, 'one'), { interval: 50 });
  });
});

function add(queue: JobQueueService, id: string): Promise<string> {
  return queue.addJob('report', {}, 'normal', { id });
}

test('an account without JetStream, a server without it, and a user without its API are told apart', async () => {
  await using plain = await startConfigured('', { jetstream: false });
  await using server = new JobQueueService({ servers: plain.address, env: {} });
  await using account = as('none');
  await using user = as('no_api');
  const [ofServer, ofAccount, ofUser] = await Promise.all(
    [server, account, user].map((queue) => refusal(() => queue.connect())),
  );
  expect(ofServer).toMatchObject({
    code: 'JETFLEET_JETSTREAM_DISABLED',
    message: expect.stringMatching(/runs without JetStream/),
  });
  expect(ofAccount).toMatchObject({
    code: 'JETFLEET_JETSTREAM_DISABLED',
    message: expect.stringMatching(/not for the account/),
  });
  expect(ofUser).toMatchObject({ code: 'JETFLEET_BROKER_FORBIDDEN' });
});

test('a subscription that is refused is logged with its right, and deafens nothing else', async () => {
  const errors: { err?: Error }[] = [];
  const silent = () => {};
  const logger = {
    debug: silent,
    info: silent,
    warn: silent,
    error: (line: { err?: Error }) => void errors.push(line),
  } as never;
  await using queue = new JobQueueService({
    servers: nats.address,
    user: 'no_notices',
    password: 'x',
    env: {},
    logger,
  });
  const broker = await queue.broker();
  onTestFinished(broker.notices.onCancelled(() => {}));
  await vi.waitFor(() =>
    expect(errors.map(({ err }) => err?.message)).toContainEqual(
      expect.stringMatching(/may not subscribe to jetfleet\.cancelled/),
    ),
  );
  expect(await add(queue, 'still-heard')).toBe('still-heard');
});

test('a lent connection says the same', async () => {
  const connection = await openConnection({ servers: nats.address, user: 'no_jobs', password: 'x', env: {} });
  await using queue = new JobQueueService({ connection });
  expect(await refusal(() => add(queue, 'lent'))).toMatchObject({ code: 'JETFLEET_BROKER_FORBIDDEN' });
  await queue.close();
  await connection.close();
});

test('the command line says which right is missing', async () => {
  const run = (user: string, ...args: string[]) =>
    cli([...args, '--nats-url', `nats://${user}:x@${nats.address}`]);
  const [stats, adding] = await Promise.all([
    run('no_api', 'stats'),
    run('no_jobs', 'job', 'add', 'report', '--data', '{}', '--id', 'x1'),
  ]);
  expect(stats).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/\$JS\.API\.INFO.*\(JETFLEET_BROKER_FORBIDDEN\)/s),
  });
  expect(adding).toMatchObject({ code: 1, stderr: expect.stringMatching(/jobs\.normal\.report\.x1/) });
});
