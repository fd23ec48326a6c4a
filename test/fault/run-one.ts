import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { sweptInstances } from '../../src/instances/check-instances.js';
import { generateJobId } from '../../src/jobs/job-id.js';
import type { Finding } from '../../src/upkeep/finding.js';
import { Sweeper } from '../../src/upkeep/sweeper.js';
import { removeAllAcknowledged } from '../support/acknowledged.js';
import { type Arena, type LaneBroker, openArena } from './arena.js';
import { removeStreams } from './broker-admin.js';
import { Crew } from './crew.js';
import { collect, type Evidence, subjectsLeft } from './evidence.js';
import { inject } from './inject.js';
import { FINAL_KINDS, type Violation, type ViolationKind, violationsOf } from './invariants.js';
import { endedByOthers } from './language-scenario.js';
import { ACK_WAIT_MS, type RunPlan } from './plan.js';
import { produce } from './produce.js';
import { Relays } from './relays.js';
import { type Sabotage, sabotageObserver } from './sabotage.js';
import { handedBack } from './time-invariants.js';
import { keysTaken } from './unique-adder.js';
import { hasWork } from './work-left.js';
import type { WorkerPool } from './worker-pool.js';
import { HIDDEN_MS } from './workload.js';

export interface RunResult {
  plan: RunPlan;
  jobs: number;
  faultsInjected: number;
  violations: Violation[];
  /** How many jobs have ended in the hands of workers in another language. */
  endedByOthers: number;
  /** Of runs in which workers are stopped and nothing else goes wrong. */
  handBackWaitsMs: number[];
  ms: number;
}

export interface RunOptions {
  broker: LaneBroker;
  pool: WorkerPool;
  namespace: string;
  sabotage?: Sabotage;
  /** Ends the run when a violation of such a kind is seen. Defaults to the end of all jobs, or under sabotage to any. */
  until?: ReadonlySet<ViolationKind>;
}

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
/**
 * From the last fault on, a fleet may take so long until its next record, and to finish everything. On a busy machine the
 * provider answers late again and again, and a job that deletes waits for longer each time, up to a minute.
 */
const RECORD_WITHIN_MS = 75_000;
const QUIET_WITHIN_MS = 240_000;
/** And for each job of the run. */
const QUIET_FOR_EACH_MS = 1_000;
/** The same of a run that is not to be seen to fail: a provider that did not answer has a rest, which doubles up to five minutes. */
const RESTED_WITHIN_MS = 200_000;
const LOOK_EVERY_MS = 100;
/** Three leases of a permit. */
const GIVEN_BACK_WITHIN_MS = 9 * ACK_WAIT_MS;
/** A replica may lag behind for some of these. */
const LOOKS_UNTIL_LOST = 30;
/** Under sabotage the violation is what is waited for. */
const LOOKS_UNTIL_PROVEN = 10;

/** Runs a plan from an empty broker to the verdict. */
export async function runOne(planned: RunPlan, options: RunOptions): Promise<RunResult> {
  const plan = withNewIds(planned);
  const startedAt = performance.now();
  const lag = monitorEventLoopDelay({ resolution: 20 });
  lag.enable();
  await using arena = await openArena(options.broker, options.namespace, plan);
  const behaviour = {
    stopsAtFailpoints: plan.faults.some(({ kind }) => kind === 'failpoint'),
    lent: plan.faults.some(({ kind }) => kind === 'drain-connection'),
    ackWaitMs: plan.ackWaitMs,
    providerTimeoutMs: plan.providerTimeoutMs,
    ...(plan.taskSlots && { taskSlots: plan.taskSlots }),
    ...(plan.pollIntervalMs && { pollIntervalMs: plan.pollIntervalMs }),
    ...(plan.limitedTo && { limitedTo: plan.limitedTo }),
    ...(plan.keeps && { keeps: plan.keeps }),
    throwsInCallbacks: plan.throwsInCallbacks,
    ...(plan.languages && { languages: plan.languages }),
    ...(options.sabotage && { sabotage: options.sabotage }),
  };
  await using crew = new Crew(arena, options.pool, plan.workers, SECRET, behaviour, plan.clockOffsetsMs);
  if (options.sabotage) sabotageObserver(options.sabotage, await arena.observer.broker());
  // Before a job can pass one.
  for (const fault of plan.faults) if (fault.kind === 'failpoint') crew.arm(fault.worker, fault);
  await crew.start();
  if (plan.awaitsWorkers) await crew.ready();
  await using relays = plan.outbox && (await Relays.start(plan.outbox, arena, crew));
  const injection = inject(plan.faults, arena, crew, relays);
  const [produced] = await Promise.all([
    produce(plan, arena),
    injection.done,
    plan.outbox && arena.desk?.produce(plan.outbox),
  ]);
  crew.heal();
  await arena.desk?.settle();
  const now = () => {
    const lagMs = Math.max(lag.max / 1_000_000, crew.stalledMs);
    const { crashes, stopped, limitedSteps, limitsSet } = crew;
    const { schedules } = produced;
    const seen = {
      lagMs,
      crashes,
      stopped,
      schedules,
      limitedSteps,
      limitsSet,
      service: [...crew.service.values()],
    };
    return collect(
      arena,
      plan,
      [...produced.accepted, ...crew.added, ...(arena.desk?.committed ?? [])],
      produced.cancelled,
      seen,
    );
  };
  const until = options.until ?? (options.sabotage ? FINAL_KINDS : undefined);
  const violations = until
    ? await provoked(arena, crew, plan, now, until)
    : await afterwards(arena, crew, plan, now);
  const evidence = await now();
  lag.disable();
  const known = new Set(violations.map(keyOf));
  violations.push(...violationsOf(evidence).filter((violation) => !known.has(keyOf(violation))));
  const faults = plan.jobs.reduce((sum, job) => sum + (job.kind === 'create' ? job.faults.length : 0), 0);
  const endpoints = plan.jobs.reduce((sum, { endpoint = [] }) => sum + Math.min(endpoint.length, 1), 0);
  await removeStreams(arena, plan);
  return {
    plan,
    jobs: evidence.histories.size,
    faultsInjected: injection.count + faults + endpoints + plan.cancels.length,
    violations,
    endedByOthers: plan.languages ? endedByOthers(evidence) : 0,
    handBackWaitsMs: plan.scenario === 'hand-back' ? handedBack(evidence).map(({ waitMs }) => waitMs) : [],
    ms: Math.round(performance.now() - startedAt),
  };
}

/** A worker begins a job early only where its id is a ULID of the minute, which a plan cannot hold. */
function withNewIds(plan: RunPlan): RunPlan {
  let text = JSON.stringify(plan);
  for (const job of plan.jobs) {
    if (job.kind === 'task' && job.isNew) text = text.replaceAll(`"${job.id}"`, `"${generateJobId()}"`);
  }
  return JSON.parse(text) as RunPlan;
}

/** What is left when all is quiet, and after the dead letters were redriven and sweepers have cleaned up. */
async function afterwards(
  arena: Arena,
  crew: Crew,
  plan: RunPlan,
  now: () => Promise<Evidence>,
): Promise<Violation[]> {
  const violations = await quiet(arena, crew);
  if (plan.redrive && violations.length === 0) {
    await arena.observer.retryAll();
    violations.push(...(await quiet(arena, crew)));
  }
  if (plan.keys && violations.length === 0) violations.push(...(await askedForKeys(arena, crew, plan.keys)));
  // A job that is lost stays lost: what the sweeper would mend is looked at before it runs.
  const before = violations.length === 0 ? [] : violationsOf(await now()).filter(isLoss);
  await allShown(arena, plan);
  if (plan.limitedTo) await allGivenBack(arena);
  return [...violations, ...before, ...(await reap(arena, crew, plan))];
}

/** Whatever a dead process has left undone is done by whoever asks for its key; then every key is free. */
async function askedForKeys(arena: Arena, crew: Crew, keys: number): Promise<Violation[]> {
  await keysTaken(arena.observer, keys, false);
  const before = await quiet(arena, crew);
  const taken = await keysTaken(arena.observer, keys, true);
  const stuck = taken.map((detail): Violation => ({ kind: 'key-stuck', about: 'unique', detail }));
  return [...before, ...stuck, ...(await quiet(arena, crew))];
}

/** Ends with the first violation of a kind that is asked for: before the end of the jobs where nothing can undo it. */
async function provoked(
  arena: Arena,
  crew: Crew,
  plan: RunPlan,
  now: () => Promise<Evidence>,
  until: ReadonlySet<ViolationKind>,
): Promise<Violation[]> {
  const seen = async () => violationsOf(await now()).filter(({ kind }) => until.has(kind));
  // To read all the evidence costs more than the run does, where its end alone can prove something.
  const isProvable = [...until].some((kind) => FINAL_KINDS.has(kind));
  const proof = async () => (isProvable ? (await seen()).filter(({ kind }) => FINAL_KINDS.has(kind)) : []);
  const violations = await quiet(arena, crew, proof);
  if (violations.length > 0) return violations;
  // What a sweeper would see to later is missing now.
  const unswept = await seen();
  return unswept.length > 0 ? unswept : reap(arena, crew, plan);
}

function isLoss({ kind }: Violation): boolean {
  return kind === 'lost';
}

function keyOf({ kind, about }: Violation): string {
  return `${kind} ${about}`;
}

/**
 * Waits until nothing is left to do: no message, and no timer, in either work stream. Once the consumers have handed out
 * everything and no timer is left, acknowledged messages are removed as a worker would that ends; what stays then is lost.
 * @param proof read at each look: what it gives ends the wait. With it, a timer that fires after the wait is as good as none.
 */
async function quiet(arena: Arena, crew: Crew, proof?: () => Promise<Violation[]>): Promise<Violation[]> {
  const looksUntilLost = proof ? LOOKS_UNTIL_PROVEN : LOOKS_UNTIL_LOST;
  let left: string[] = [];
  let looksWithoutWork = 0;
  let records = 0;
  const startedAt = Date.now();
  let recordAt = startedAt;
  const recordWithinMs = proof ? RECORD_WITHIN_MS : RESTED_WITHIN_MS;
  const quietWithinMs = QUIET_WITHIN_MS + arena.jobs * QUIET_FOR_EACH_MS;
  const isInTime = () => Date.now() < Math.min(recordAt + recordWithinMs, startedAt + quietWithinMs);
  // To look at the subjects of many jobs takes long.
  for (; isInTime(); await delay(Math.max(LOOK_EVERY_MS, arena.jobs))) {
    try {
      const proven = (await proof?.()) ?? [];
      if (proven.length > 0) return proven;
      left = await subjectsLeft(arena);
      const stored = await recordsStored(arena);
      const isMoving = stored !== records;
      // A job may move from one stream to the other between two reads; its record is written then.
      if (left.length === 0 && !isMoving) return [];
      if (isMoving) recordAt = Date.now();
      records = stored;
      // The lists of all consumers are long; while records come, there is work.
      const broker = await arena.observer.broker();
      const isAtWork = isMoving || crew.isStarting || (await hasWork(broker, left, proof && QUIET_WITHIN_MS));
      looksWithoutWork = isAtWork ? 0 : looksWithoutWork + 1;
      if (looksWithoutWork > looksUntilLost) break;
      if (looksWithoutWork > 1) await removeAllAcknowledged(broker);
    } catch {
      // The broker is still coming back.
    }
  }
  const detail = `after ${Date.now() - startedAt} ms: ${left.join(', ')}; ${await consumersOf(arena)}`;
  return [{ kind: 'left-over', about: 'quiescence', detail }];
}

async function recordsStored({ observer }: Arena): Promise<number> {
  const { state } = await (await observer.broker()).topology.streamInfo('events');
  return state.last_seq;
}

/** What the consumers with unfinished work say of it: whether it is held, handed out again, or asked for by nobody. */
async function consumersOf({ observer }: Arena): Promise<string> {
  const { topology } = await observer.broker();
  const all = [...(await topology.consumers('jobs')), ...(await topology.consumers('webhooks'))];
  return all
    .filter(({ num_ack_pending: held, num_pending: pending }) => held + pending > 0)
    .map(({ name, num_ack_pending, num_pending, num_redelivered, num_waiting, delivered, ack_floor }) =>
      JSON.stringify({
        name,
        num_ack_pending,
        num_pending,
        num_redelivered,
        num_waiting,
        delivered,
        ack_floor,
      }),
    )
    .join(' ');
}

/** A sweep comes minutes later than this; here it waits only until the provider hides nothing any more. */
async function allShown({ providers }: Arena, { jobs }: RunPlan): Promise<void> {
  if (!jobs.some((job) => job.kind === 'create' && job.mayCreateTwice)) return;
  const last = providers.ledger.findLast(({ action }) => action === 'create')?.at ?? 0;
  await delay(Math.max(new Date(last).getTime() + HIDDEN_MS - Date.now(), 0));
}

/** A worker that was frozen gives its permits back when it goes on and sees that its jobs are others'. */
async function allGivenBack({ observer }: Arena): Promise<void> {
  for (const end = Date.now() + GIVEN_BACK_WITHIN_MS; Date.now() < end; await delay(LOOK_EVERY_MS))
    if ((await observer.limits.list()).every(({ held }) => held.length === 0)) return;
}

/** What no job owns is found by one sweep and deleted by the next. What else it finds should not be there. */
async function reap(arena: Arena, crew: Crew, { keys }: RunPlan): Promise<Violation[]> {
  const { observer, provider, providers } = arena;
  providers.heal();
  const sweeper = new Sweeper({ queue: observer, resources: [sweptInstances(provider)], graceMs: 0 });
  const first = await sweeper.sweep();
  await sweeper.sweep();
  const stuck = await quiet(arena, crew);
  await sweeper.stop();
  // An adder that is killed while it runs jobs again leaves the failure of one behind, for the sweeper.
  const isOfAdder = ({ code }: Finding) => keys !== undefined && code === 'failure_left_over';
  const found = first.findings.filter((finding) => isUnexpected(finding) && !isOfAdder(finding));
  return [...stuck, ...found.map(asViolation)];
}

/** Instances may need the sweeper, as after a create that was carried out too late. Jobs never do. */
function isUnexpected({ code }: Finding): boolean {
  // A worker may have decided about a tick while its schedule was removed, or died between an object and its job.
  return !code.startsWith('instance_') && code !== 'ticks_left_over' && code !== 'object_left_over';
}

function asViolation({ code, target, message }: Finding): Violation {
  return { kind: 'finding', about: `${code} ${target}`, detail: message };
}
