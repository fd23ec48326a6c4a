import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Finding } from '../../src/doctor/finding.js';
import { Sweeper } from '../../src/doctor/sweeper.js';
import { generateJobId } from '../../src/jobs/job-id.js';
import { byRemoval, coveringConsumers, floorOfAll, removeSettled } from '../../src/queue/settled-messages.js';
import { WORK_KINDS } from '../../src/wire/subjects.js';
import { type Arena, type LaneBroker, openArena } from './arena.js';
import { removeStreams } from './broker-admin.js';
import { Crew } from './crew.js';
import { collect, subjectsLeft } from './evidence.js';
import { inject } from './inject.js';
import { type Violation, violationsOf } from './invariants.js';
import type { RunPlan } from './plan.js';
import { produce } from './produce.js';
import type { Sabotage } from './sabotage.js';
import { handedBack } from './time-invariants.js';
import type { WorkerPool } from './worker-pool.js';
import { HIDDEN_MS } from './workload.js';

export interface RunResult {
  plan: RunPlan;
  jobs: number;
  faultsInjected: number;
  violations: Violation[];
  /** Of runs in which workers are stopped and nothing else goes wrong. */
  handBackWaitsMs: number[];
  ms: number;
}

export interface RunOptions {
  broker: LaneBroker;
  pool: WorkerPool;
  namespace: string;
  sabotage?: Sabotage;
}

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
/** From the last fault on, this long a fleet may take to finish everything. */
const QUIET_WITHIN_MS = 45_000;
const LOOK_EVERY_MS = 60;
/** A replica may lag behind for some of these. */
const LOOKS_UNTIL_LOST = 50;

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
    ...(options.sabotage && { sabotage: options.sabotage }),
  };
  await using crew = new Crew(arena, options.pool, plan.workers, SECRET, behaviour, plan.clockOffsetsMs);
  await crew.start();
  const injection = inject(plan.faults, arena, crew);
  const [produced] = await Promise.all([produce(plan, arena), injection.done]);
  crew.heal();
  const violations: Violation[] = await quiet(arena);
  if (plan.redrive && violations.length === 0) {
    await arena.observer.retryAll();
    violations.push(...(await quiet(arena)));
  }
  // A job that is lost stays lost: what the sweeper would mend is looked at before it runs.
  const before = violations.length === 0 ? [] : (await collectNow(arena, plan, produced)).filter(isLoss);
  await allShown(arena, plan);
  violations.push(...before, ...(await reap(arena)));
  lag.disable();
  const lagMs = Math.max(lag.max / 1_000_000, crew.stalledMs);
  const seen = { lagMs, crashes: crew.crashes };
  const evidence = await collect(arena, plan, produced.accepted, produced.cancelled, seen);
  const known = new Set(violations.map(keyOf));
  violations.push(...violationsOf(evidence).filter((violation) => !known.has(keyOf(violation))));
  const faults = plan.jobs.reduce((sum, job) => sum + (job.kind === 'create' ? job.faults.length : 0), 0);
  const endpoints = plan.jobs.reduce((sum, { endpoint = [] }) => sum + Math.min(endpoint.length, 1), 0);
  await removeStreams(arena);
  return {
    plan,
    jobs: evidence.histories.size,
    faultsInjected: injection.count + faults + endpoints + plan.cancels.length,
    violations,
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

function isLoss({ kind }: Violation): boolean {
  return kind === 'lost';
}

function keyOf({ kind, about }: Violation): string {
  return `${kind} ${about}`;
}

async function collectNow(
  arena: Arena,
  plan: RunPlan,
  { accepted, cancelled }: { accepted: string[]; cancelled: string[] },
): Promise<Violation[]> {
  return violationsOf(await collect(arena, plan, accepted, cancelled, { lagMs: 0, crashes: [] }));
}

/**
 * Waits until nothing is left to do: no message, and no timer, in either work stream. Once the consumers have handed out
 * everything and no timer is left, settled messages are removed as a worker would that ends; what stays then is lost.
 */
async function quiet(arena: Arena): Promise<Violation[]> {
  let left: string[] = [];
  let looksWithoutWork = 0;
  for (const end = Date.now() + QUIET_WITHIN_MS; Date.now() < end; await delay(LOOK_EVERY_MS)) {
    try {
      left = await subjectsLeft(arena);
      if (left.length === 0) return [];
      looksWithoutWork = (await hasWork(arena, left)) ? 0 : looksWithoutWork + 1;
      if (looksWithoutWork > LOOKS_UNTIL_LOST) break;
      if (looksWithoutWork > 1) await removeAllSettled(arena);
    } catch {
      // The broker is still coming back.
    }
  }
  const detail = `after ${QUIET_WITHIN_MS} ms: ${left.join(', ')}; ${await consumersOf(arena)}`;
  return [{ kind: 'left-over', about: 'quiescence', detail }];
}

async function hasWork({ observer }: Arena, left: readonly string[]): Promise<boolean> {
  if (left.some((subject) => /(schedules|due)\./.test(subject))) return true;
  const broker = await observer.broker();
  const consumers = await Promise.all(WORK_KINDS.map((kind) => coveringConsumers(broker, kind)));
  return consumers.flat().some(({ counts }) => counts.num_pending + counts.num_ack_pending > 0);
}

async function removeAllSettled({ observer }: Arena): Promise<void> {
  const broker = await observer.broker();
  for (const kind of WORK_KINDS) {
    const { state } = await broker.topology.streamInfo(kind);
    for (const group of byRemoval(await coveringConsumers(broker, kind))) {
      const floor = floorOfAll(
        group.map(({ counts }) => counts),
        state.last_seq,
      );
      await removeSettled(
        broker,
        group.map((consumer) => ({ ...consumer, known: new Set<number>() })),
        floor,
      );
    }
  }
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
async function allShown({ simulator }: Arena, { jobs }: RunPlan): Promise<void> {
  if (!jobs.some((job) => job.kind === 'create' && job.mayCreateTwice)) return;
  const last = simulator.ledger.findLast(({ action }) => action === 'create')?.at ?? 0;
  await delay(Math.max(new Date(last).getTime() + HIDDEN_MS - Date.now(), 0));
}

/** What no job owns is found by one sweep and deleted by the next. What else it finds should not be there. */
async function reap(arena: Arena): Promise<Violation[]> {
  const { observer, provider } = arena;
  const sweeper = new Sweeper({ queue: observer, provider, graceMs: 0 });
  const first = await sweeper.sweep();
  await sweeper.sweep();
  const stuck = await quiet(arena);
  await sweeper.stop();
  return [...stuck, ...first.findings.filter(isUnexpected).map(asViolation)];
}

/** Instances may need the sweeper, as after a create that was carried out too late. Jobs never do. */
function isUnexpected({ code }: Finding): boolean {
  return !code.startsWith('instance_');
}

function asViolation({ code, target, message }: Finding): Violation {
  return { kind: 'finding', about: `${code} ${target}`, detail: message };
}
