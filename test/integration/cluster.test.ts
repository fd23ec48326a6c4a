import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type JobQueueOptions, JobQueueService, type JobState, JobWorkerService } from '../../src/index.js';
import { JetfleetError } from '../../src/jobs/errors.js';
import { isTerminal, PRIORITIES } from '../../src/jobs/vocabulary.js';
import { decodeRecord } from '../../src/wire/record-message.js';
import { ANY } from '../../src/wire/subjects.js';
import { type Cluster, type ClusterNode, startCluster } from '../support/cluster.js';
import { startNats } from '../support/nats.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const TYPE = 'steady';
const PRODUCERS = 4;
/** Far more than a test adds: it ends a load that nobody stops. */
const MAX_JOBS = 10_000;
/** Jobs that show that a side is at work again. */
const ENOUGH = 20;
/**
 * What Jetfleet may add to the time that the servers take to elect leaders. A server waits 4 to 9 s before it stands
 * for election, which no setting changes (nats-server, raft.go), so the gap as a whole has no bound of 5 s.
 */
const RESUME_MS = 5_000;
/** How long a fault lasts, and an election even longer. */
const FAULT_MS = 3_000;
/** The quiet of a load that nothing disturbs: less than any fault lasts, with room for a busy machine. */
const STEADY_MS = 2_500;
const WAIT = { interval: 20 };

/** Jobs that are added and run at a steady pace. */
interface Load extends AsyncDisposable {
  queue: JobQueueService;
  /** When each job was accepted. */
  accepted: Map<string, number>;
  /** How often the handler ran each job. */
  effects: Map<string, number>;
  /** Codes of the errors that producers answered by adding the job again. */
  errors: string[];
  /** Resolves when `ENOUGH` more jobs were accepted, and as many more have run. */
  progress(): Promise<void>;
  /** Adds no more, and resolves with all endings once every accepted job has one. */
  settled(): Promise<Ending[]>;
}

/** The terminal event of a job. */
interface Ending {
  id: string;
  state: JobState;
  attempt: number;
  atMs: number;
}

/** Producers on one connection and two workers, each on its own. The ids of its jobs start with `name`. */
async function startLoad(name: string, forQueue: JobQueueOptions, forWorkers = forQueue): Promise<Load> {
  const [queue, ...workerQueues] = [forQueue, forWorkers, forWorkers].map((one) => new JobQueueService(one));
  if (!queue) throw new Error('no queue');
  const accepted = new Map<string, number>();
  const effects = new Map<string, number>();
  const errors: string[] = [];
  const workers = workerQueues.map((each) =>
    new JobWorkerService(each).registerHandler(TYPE, {
      concurrency: 20,
      handler: ({ id }) => void effects.set(id, (effects.get(id) ?? 0) + 1),
    }),
  );
  for (const worker of workers) await worker.start();

  let added = 0;
  let stopped = false;
  const producing = Array.from({ length: PRODUCERS }, async () => {
    while (!stopped && added < MAX_JOBS) {
      const id = `${name}-${++added}`;
      await addPatiently(queue, id, errors);
      accepted.set(id, Date.now());
      await delay(20);
    }
  });
  // A producer that fails is reported by `settled`, which may be much later.
  for (const producer of producing) producer.catch(() => {});

  return {
    queue,
    accepted,
    effects,
    errors,
    progress: async () => {
      const before = { accepted: accepted.size, effects: effects.size };
      await vi.waitFor(() => {
        expect(accepted.size).toBeGreaterThan(before.accepted + ENOUGH);
        expect(effects.size).toBeGreaterThan(before.effects + ENOUGH);
      }, WAIT);
    },
    settled: async () => {
      stopped = true;
      await Promise.all(producing);
      return vi.waitFor(
        async () => {
          const ended = await endings(queue, name);
          expect(new Set(ended.map(({ id }) => id)).size).toBe(accepted.size);
          return ended;
        },
        { ...WAIT, interval: 200 },
      );
    },
    [Symbol.asyncDispose]: async () => {
      stopped = true;
      await Promise.all(workers.map((worker) => worker.shutdown(1_000)));
      await Promise.all([queue, ...workerQueues].map((each) => each.close()));
    },
  };
}

/** A producer as the documentation asks for: on an error that may pass, the same id again. */
async function addPatiently(queue: JobQueueService, id: string, errors: string[]): Promise<void> {
  for (;;) {
    try {
      await queue.addJob(TYPE, {}, 'normal', { id });
      return;
    } catch (error) {
      if (!JetfleetError.is(error) || !error.retryable) throw error;
      errors.push(error.code);
      await delay(50);
    }
  }
}

/** Every terminal event of the load, in the order of EVENTS. */
async function endings(queue: JobQueueService, name: string): Promise<Ending[]> {
  const { subjects, read } = await queue.broker();
  const filter = subjects.event(TYPE, ANY, ANY);
  const stored = await read.page(subjects.streamName('events'), filter, 1, 4 * MAX_JOBS);
  return stored
    .map(({ data, timeMs }) => ({ ...decodeRecord(data), atMs: timeMs }))
    .filter(({ id, status }) => id.startsWith(`${name}-`) && isTerminal(status));
}

/**
 * Everything that was accepted has completed, once. A handler runs at most once in each attempt; it does not in one
 * whose claim was stored while the answer got lost.
 */
function expectAllOnce({ accepted, effects }: Load, endings: Ending[]): void {
  expect(endings.filter(({ state }) => state !== 'completed')).toEqual([]);
  expect(endings.map(({ id }) => id).sort()).toEqual([...accepted.keys()].sort());
  const unaccounted = endings.filter(({ id, attempt }) => {
    const count = effects.get(id) ?? 0;
    return count < 1 || count > attempt;
  });
  expect(unaccounted).toEqual([]);
}

/** Resolves when a fault has lasted `ms` milliseconds, while the load goes on. */
async function passes(ms: number): Promise<void> {
  const end = Date.now() + ms;
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(end), WAIT);
}

/** The longest time between two neighbours, in milliseconds. */
function longestGap(times: Iterable<number>): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.slice(1).map((time, index) => time - (sorted[index] as number)));
}

describe('a cluster of three', () => {
  const consumers = PRIORITIES.map((priority) => `${TYPE}-${priority}`);
  let cluster: Cluster;
  let admin: JobQueueService;

  beforeAll(async () => {
    cluster = await startCluster();
    admin = new JobQueueService(on(...cluster.nodes));
    // A consumer whose first election splits its votes has no leader before the request has timed out.
    await vi.waitFor(() => admin.setup([TYPE]), WAIT);
  });
  afterAll(async () => {
    await admin.close();
    await cluster.stop();
  });

  const on = (...nodes: ClusterNode[]): JobQueueOptions => ({
    servers: nodes.map(({ url }) => url),
    namespace: '',
    replicas: 3,
    // What was handed out by a leader as it died comes again after this time.
    ackWaitMs: 10_000,
  });
  const leaderOf = (stream: string, consumer?: string) =>
    consumer ? cluster.consumerLeaderOf(stream, consumer) : cluster.leaderOf(stream);

  /** Has the leader of a stream or consumer hand over to `node`, so that a test knows who leads. */
  async function moveLeader(node: ClusterNode, stream: string, consumer?: string): Promise<void> {
    const { connection } = await admin.broker();
    const api = consumer
      ? `$JS.API.CONSUMER.LEADER.STEPDOWN.${stream}.${consumer}`
      : `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`;
    await vi.waitFor(async () => {
      if ((await leaderOf(stream, consumer)) === node) return;
      await connection.request(api, JSON.stringify({ placement: { preferred: node.name } }));
      expect(await leaderOf(stream, consumer)).toBe(node);
    }, WAIT);
  }

  /** Kills a node, and resolves with how long it took until everything that the load needs had a leader again. */
  async function killAndElect(node: ClusterNode): Promise<number> {
    // Back even when the test fails: the next one could not do without two nodes.
    onTestFinished(async () => {
      await node.restart();
      await cluster.ready();
    });
    const killedAt = Date.now();
    await node.kill();
    const ofConsumers = consumers.map((consumer) => leaderOf('JOBS', consumer));
    await Promise.all([leaderOf('JOBS'), leaderOf('EVENTS'), ...ofConsumers]);
    return Date.now() - killedAt;
  }

  it('is not disturbed by a follower that freezes for 3 s and thaws', async () => {
    const [leader, other, follower] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
    const ofConsumers = consumers.map((consumer) => moveLeader(leader, 'JOBS', consumer));
    const streams = ['JOBS', 'EVENTS', 'WEBHOOKS', 'TIMERS'];
    await Promise.all([...streams.map((stream) => moveLeader(leader, stream)), ...ofConsumers]);
    await using load = await startLoad('frozen', on(leader, other));
    await load.progress();
    follower.freeze();
    await passes(FAULT_MS);
    follower.thaw();
    await load.progress();
    await cluster.ready();
    const endings = await load.settled();
    expectAllOnce(load, endings);
    expect(load.errors).toEqual([]);
    expect(longestGap(load.accepted.values())).toBeLessThan(STEADY_MS);
    expect(longestGap(endings.map(({ atMs }) => atMs))).toBeLessThan(STEADY_MS);
  });

  it('answers every read while a follower is frozen', async () => {
    const [leader, other, follower] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
    await Promise.all(['JOBS', 'EVENTS'].map((stream) => moveLeader(leader, stream)));
    const queue = new JobQueueService(on(leader, other));
    onTestFinished(() => queue.close());
    await queue.addJob(TYPE, {}, 'normal', { id: 'read-frozen' });
    const { read, subjects } = await queue.broker();
    const filter = subjects.workOf('jobs', 'read-frozen');
    // Thawed only when all have answered, or when one has failed.
    onTestFinished(() => follower.thaw());
    follower.freeze();
    const ones = Array.from({ length: 200 }, () => read.last('EVENTS', subjects.eventsOf('nobody')));
    const pages = Array.from({ length: 50 }, () => read.page('JOBS', filter, 1, 10));
    const counts = Array.from({ length: 50 }, () => read.count('JOBS', filter));
    expect(new Set(await Promise.all(ones))).toEqual(new Set([undefined]));
    const subjectsRead = (await Promise.all(pages)).map((page) => page.map(({ subject }) => subject));
    expect(subjectsRead).toEqual(pages.map(() => ['jobs.normal.steady.read-frozen']));
    expect(await Promise.all(counts)).toEqual(counts.map(() => 1));
    follower.thaw();
    await cluster.ready();
  });

  it('publishes on when the leader of a consumer is killed, and consumes again within 5 s of its election', async () => {
    const [leader, other, victim] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
    await moveLeader(leader, 'JOBS');
    await moveLeader(victim, 'JOBS', `${TYPE}-normal`);
    await using load = await startLoad('consumer', on(leader, other));
    await load.progress();
    const electionMs = await killAndElect(victim);
    await load.progress();
    const endings = await load.settled();
    expectAllOnce(load, endings);
    expect(longestGap(load.accepted.values())).toBeLessThan(STEADY_MS);
    expect(longestGap(endings.map(({ atMs }) => atMs))).toBeLessThan(electionMs + RESUME_MS);
  });

  it('publishes and consumes again within 5 s of the election when the leader of JOBS is killed', async () => {
    await using load = await startLoad('stream', on(...cluster.nodes));
    await load.progress();
    const victim = await leaderOf('JOBS');
    const electionMs = await killAndElect(victim);
    await load.progress();
    const endings = await load.settled();
    expectAllOnce(load, endings);
    // An add waits for the election within its own limit.
    expect(load.errors).toEqual([]);
    expect(longestGap(load.accepted.values())).toBeLessThan(electionMs + RESUME_MS);
    expect(longestGap(endings.map(({ atMs }) => atMs))).toBeLessThan(electionMs + RESUME_MS);
  });

  it('has a process that starts without a majority wait for it, and names it where none comes', async () => {
    const [left, ...others] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
    const back = async () => {
      for (const node of others) node.thaw();
      await cluster.ready();
    };
    await using known = new JobQueueService(on(left));
    await known.addJob(TYPE, {}, 'normal', { id: 'before' });
    onTestFinished(back);
    for (const node of others) node.freeze();
    // The one that is left notices that the others are gone.
    await vi.waitFor(() => expectNoLeader(known.getStats()), WAIT);
    await using queue = new JobQueueService(on(left));
    await using looking = new JobQueueService(on(left));
    const calls = [looking.connect(), known.eventConsumers(), known.setup(['another'])];
    await Promise.all(calls.map(expectNoLeader));
    const connected = queue.connect();
    connected.catch(() => {});
    await passes(FAULT_MS);
    await back();
    await connected;
    expect(await queue.getJob('before')).toMatchObject({ state: 'queued' });
  });
});

/** Nobody can tell what to do about a bare error of the client's. */
async function expectNoLeader(call: Promise<unknown>): Promise<void> {
  await expect(call).rejects.toMatchObject({ code: 'JETFLEET_NO_LEADER', retryable: true });
}

describe('a worker behind a bad network', () => {
  it('survives a cut, a delay of 200 ms and 3 s half open: each job ends once', async () => {
    await using nats = await startNats();
    await using proxy = await startTcpProxy({ targets: { host: '127.0.0.1', port: nats.port } });
    const shared: JobQueueOptions = { ackWaitMs: 2_000 };
    await using load = await startLoad(
      'bad',
      { ...shared, servers: nats.url },
      { ...shared, servers: proxy.url },
    );
    await load.progress();
    proxy.cut();
    await load.progress();
    proxy.delay(200);
    await load.progress();
    proxy.delay(0);
    await load.progress();
    proxy.halfOpen(true);
    await passes(FAULT_MS);
    proxy.halfOpen(false);
    await load.progress();
    const endings = await load.settled();
    expectAllOnce(load, endings);
    expect(load.errors).toEqual([]);
  });
});
