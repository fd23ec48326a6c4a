/** Lets the faults of a plan strike, and ends them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultInput } from '../../src/gpu/index.js';
import { ConflictError, JetfleetError } from '../../src/index.js';
import type { ClusterNode } from '../support/cluster.js';
import type { Arena } from './arena.js';
import { diskFull, resumeCopies } from './broker-admin.js';
import type { Crew } from './crew.js';
import { forgeNotice, touchForeignInstances } from './hostile-client.js';
import type { LimitSet } from './limit-invariants.js';
import { LIMIT, type Moment, type PlannedFault } from './plan.js';
import type { Relays } from './relays.js';

export interface Injection {
  /** Faults that met somebody so far. */
  count: number;
  /** Resolves when every fault has struck and is over. */
  done: Promise<void>;
}

/** Starts the clock of every fault. */
export function inject(
  faults: readonly PlannedFault[],
  arena: Arena,
  crew: Crew,
  relays?: Relays,
): Injection {
  const injection: Injection = { count: 0, done: Promise.resolve() };
  crew.onHit = ({ action }, jobId, thaw) => {
    injection.count += 1;
    const fault = faults.find(({ kind }) => kind === 'failpoint') as Failpoint;
    if (action === 'freeze') void frozen(fault, jobId, arena).then(thaw);
  };
  injection.done = Promise.all(
    faults.map(async (fault) => {
      if (fault.once) await reached(fault.once, arena);
      await delay(fault.atMs);
      if (await strike(fault, arena, crew, relays)) injection.count += 1;
    }),
  ).then(() => {});
  return injection;
}

const LOOK_EVERY_MS = 30;
/** Without a name in them: they meet every request, or every create and offer. */
const FAILURES: Readonly<Record<'down' | 'full', readonly FaultInput[]>> = {
  down: [{ kind: 'error', status: 503 }],
  full: [
    { kind: 'no_capacity', advertised: false },
    { kind: 'no_capacity', advertised: true },
  ],
};

type Failpoint = Extract<PlannedFault, { kind: 'failpoint' }>;

/** Resolves when what is frozen with a job goes on. */
async function frozen({ forMs, untilCompleted }: Failpoint, jobId: string, arena: Arena): Promise<void> {
  if (!untilCompleted) return delay(forMs);
  const isCompleted = () => hasBeen({ id: jobId, state: 'completed' }, arena);
  for (const end = Date.now() + forMs; Date.now() < end && !(await isCompleted()); )
    await delay(LOOK_EVERY_MS);
}

/** Resolves when a job is in a state, or has been. */
export async function reached(moment: Moment, arena: Arena): Promise<void> {
  while (!(await hasBeen(moment, arena))) await delay(LOOK_EVERY_MS);
}

async function hasBeen({ id, state }: Moment, { observer }: Arena): Promise<boolean> {
  const steps = await observer.history(id).catch(() => []);
  return steps.some(({ record }) => record.state === state);
}

/** One fault from its beginning to its end. @returns whether it met anything */
async function strike(
  fault: PlannedFault,
  arena: Arena,
  crew: Crew,
  relays: Relays | undefined,
): Promise<boolean> {
  switch (fault.kind) {
    case 'kill':
      return crew.kill(fault.worker);
    case 'term':
      return crew.terminate(fault.worker);
    case 'block':
      return crew.block(fault.worker, fault.forMs);
    case 'failpoint':
      // It counts when it is passed.
      return false;
    case 'freeze': {
      const met = crew.freeze(fault.worker);
      await delay(fault.forMs);
      crew.thaw(fault.worker);
      return met;
    }
    case 'cut':
      arena.proxies[fault.client]?.cut();
      return true;
    case 'delay':
      return during(fault.forMs, (on) => arena.proxies[fault.client]?.delay(on ? fault.delayMs : 0));
    case 'half-open':
      return during(fault.forMs, (on) => arena.proxies[fault.client]?.halfOpen(on));
    case 'disk-full':
      return diskFull(arena, fault.forMs);
    case 'drain-connection':
      return crew.drainConnection(fault.worker);
    case 'cleanup':
      return (await answered(() => arena.observer.cleanup(0), 0)) > 0;
    case 'dying-cleanup':
      return crew.killCleaner(fault.forMs);
    case 'adder':
      return crew.killAdder(fault.forMs, fault.keys, fault.action === 'freeze');
    case 'relay':
      return relays?.strike(fault) ?? false;
    case 'database-kill':
      await arena.desk?.crash(fault.forMs);
      return arena.desk !== undefined;
    case 'provider-fails': {
      const off = FAILURES[fault.how].map((each) => arena.providers.add(each, fault.provider));
      await delay(fault.forMs);
      for (const end of off) end();
      return true;
    }
    case 'retry-all':
      return (await answered(() => arena.producer.retryAll(), [])).length > 0;
    case 'set-limit':
      return setLimit(fault.concurrency, arena, crew);
    case 'retry':
      return answered(() => retry(fault.id, arena), false);
    case 'forged-notice':
      // Where another fault has the broker away, it meets nobody.
      return forgeNotice(fault.notice, arena).catch(() => false);
    case 'foreign-instances':
      await touchForeignInstances(arena);
      return true;
    case 'broker-kill':
      return restartServer(arena, 'SIGKILL', fault.forMs);
    case 'broker-stop':
      return restartServer(arena, 'SIGTERM', fault.forMs);
    default:
      return strikeCluster(fault, arena);
  }
}

/** Who gets no answer in time from a busy machine would say it again, and others do. */
async function answered<T>(call: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (JetfleetError.is(error) && error.retryable) return otherwise;
    throw error;
  }
}

/** Said again until the broker has taken it; the next one is said after that. */
async function setLimit(concurrency: number, { producer }: Arena, { limitsSet }: Crew): Promise<boolean> {
  const before = limitsSet.at(-1)?.taken;
  const set = () => producer.limits.set(LIMIT, { concurrency }).then(() => true);
  const taking = async () => {
    await before;
    own.fromMs = Date.now();
    while (!(await answered(set, false))) await delay(LOOK_EVERY_MS);
    own.takenMs = Date.now();
  };
  const own: LimitSet = { concurrency, taken: Promise.resolve() };
  limitsSet.push(own);
  own.taken = taking();
  await own.taken;
  return true;
}

/** @returns whether the job lives again by this; one that has not failed, or was removed, is left alone */
async function retry(id: string, { producer }: Arena): Promise<boolean> {
  try {
    await producer.retry(id);
    return true;
  } catch (error) {
    if (error instanceof ConflictError) return false;
    if (JetfleetError.is(error) && error.code === 'JETFLEET_NOT_FOUND') return false;
    throw error;
  }
}

async function during(forMs: number, set: (on: boolean) => void): Promise<boolean> {
  set(true);
  await delay(forMs);
  set(false);
  return true;
}

async function restartServer(arena: Arena, signal: 'SIGKILL' | 'SIGTERM', forMs: number): Promise<boolean> {
  const { broker, outages } = arena;
  if (broker.kind !== 'single') return false;
  // On a busy machine the fault before may not be over.
  while (outages.some(({ untilMs }) => !Number.isFinite(untilMs))) await delay(LOOK_EVERY_MS);
  const outage = { fromMs: Date.now(), untilMs: Number.POSITIVE_INFINITY };
  outages.push(outage);
  broker.server.kill(signal);
  await broker.server.exited;
  await delay(forMs);
  await broker.server.restart();
  outage.untilMs = Date.now();
  await resumeCopies(arena);
  return true;
}

type ClusterFault = Extract<
  PlannedFault,
  { kind: 'leader-kill' | 'consumer-leader-kill' | 'follower-freeze' | 'followers-slow' | 'rolling-restart' }
>;

/** A slow follower stands still for the first of these times, and runs for the second. */
const STUTTER_MS = [250, 50] as const;

async function strikeCluster(fault: ClusterFault, { broker, observer }: Arena): Promise<boolean> {
  if (broker.kind !== 'cluster') return false;
  const { cluster } = broker;
  if (fault.kind === 'rolling-restart') {
    for (const node of cluster.nodes) {
      await node.terminate();
      await node.restart();
      await cluster.ready();
    }
    return true;
  }
  const { subjects } = await observer.broker();
  const jobs = subjects.streamName('jobs');
  const leader =
    fault.kind === 'consumer-leader-kill'
      ? await cluster.consumerLeaderOf(jobs, subjects.consumerName('task', 'normal'))
      : await cluster.leaderOf(subjects.streamName(fault.kind === 'leader-kill' ? fault.stream : 'jobs'));
  const followers = cluster.nodes.filter((each) => each !== leader);
  if (fault.kind === 'follower-freeze') return freeze(followers.slice(0, fault.count), fault.forMs);
  if (fault.kind === 'followers-slow') {
    for (const end = Date.now() + fault.forMs; Date.now() < end; await delay(STUTTER_MS[1]))
      await freeze(followers, STUTTER_MS[0]);
    return true;
  }
  if (!leader) return false;
  await leader.kill();
  await delay(fault.forMs);
  await leader.restart();
  return true;
}

function freeze(nodes: readonly ClusterNode[], forMs: number): Promise<boolean> {
  return during(forMs, (on) => {
    for (const node of nodes)
      if (on) node.freeze();
      else node.thaw();
  });
}
