/** Many runs side by side, and their sum. */
import { startCluster } from '../support/cluster.js';
import { startNats } from '../support/nats.js';
import type { LaneBroker } from './arena.js';
import { drawPlan } from './draw-plan.js';
import type { ViolationKind } from './invariants.js';
import { type RunResult, runOne } from './run-one.js';
import type { Sabotage } from './sabotage.js';
import type { WorkerPool } from './worker-pool.js';

export interface CampaignOptions {
  seed: string;
  runs: number;
  /** Number of the first run, to repeat one of a campaign. Defaults to 0. */
  from?: number;
  /** Runs at a time, each with a broker of its own. */
  lanes: number;
  cluster: boolean;
  scenario?: string;
  sabotage?: Sabotage;
  /** Where the worker processes come from, and go back to. */
  pool: WorkerPool;
  /** Gets a line for each run, and after the line of one that went wrong a line for each of its violations. */
  report?: (line: string, violated: boolean) => void;
}

/** The last line of a campaign. */
export interface Summary {
  seed: string;
  runs: number;
  faultsInjected: number;
  jobs: number;
  violations: number;
  lost: number;
  duplicatedInstances: number;
  orphanedInstances: number;
  undeliveredWebhooks: number;
  /** Jobs that ended in the hands of workers in another language. */
  endedByOthers: number;
  /** How long jobs waited that workers handed back, while nothing else went wrong, in ms: how many, half of them, 99 of 100, and the longest. */
  handedBack: { count: number; p50Ms: number; p99Ms: number; maxMs: number };
}

export async function runFaults(options: CampaignOptions): Promise<Summary> {
  const { seed, runs, from = 0, lanes, pool, report = () => {} } = options;
  report(`seed ${seed}: ${runs} runs${options.cluster ? ' on three nodes' : ''}`, false);
  const results: RunResult[] = [];
  let next = from;
  const lane = async () => {
    await using broker = await openBroker(options.cluster);
    while (next < from + runs) {
      const result = await runGuarded(next++, broker.lane, pool, options);
      results.push(result);
      reportRun(result, report);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, runs) }, lane));
  return sum(seed, results);
}

async function openBroker(cluster: boolean): Promise<AsyncDisposable & { lane: LaneBroker }> {
  const opened = cluster ? await startCluster({ size: 3 }) : await startNats();
  const lane: LaneBroker =
    'nodes' in opened ? { kind: 'cluster', cluster: opened } : { kind: 'single', server: opened };
  return { lane, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}

/** A run that the harness itself cannot finish counts as a violation: silence would hide it. */
async function runGuarded(
  run: number,
  broker: LaneBroker,
  pool: WorkerPool,
  { seed, cluster, scenario, sabotage }: CampaignOptions,
): Promise<RunResult> {
  const plan = drawPlan(seed, run, cluster, scenario);
  try {
    return await runOne(plan, { broker, pool, namespace: `run${run}`, ...(sabotage && { sabotage }) });
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const violations = [{ kind: 'harness', about: plan.name, detail }] as const;
    return {
      plan,
      jobs: plan.jobs.length,
      faultsInjected: 0,
      violations: [...violations],
      endedByOthers: 0,
      handBackWaitsMs: [],
      ms: 0,
    };
  }
}

function reportRun(
  { plan, jobs, faultsInjected, violations, ms }: RunResult,
  report: (line: string, violated: boolean) => void,
): void {
  const violated = violations.length > 0;
  const verdict = violated ? `${violations.length} VIOLATIONS` : 'ok';
  const figures = `${jobs} jobs, ${faultsInjected} faults, ${ms} ms`;
  report(`${plan.name} ${plan.scenario}: ${figures}, ${verdict}`, violated);
  for (const { kind, about, detail } of violations) report(`  ${kind}: ${about}: ${detail}`, true);
}

function sum(seed: string, results: readonly RunResult[]): Summary {
  const violations = results.flatMap((result) => result.violations);
  const waitsMs = results.flatMap(({ handBackWaitsMs }) => handBackWaitsMs).sort((a, b) => a - b);
  const at = (share: number) =>
    waitsMs[Math.min(Math.floor(waitsMs.length * share), waitsMs.length - 1)] ?? 0;
  const of = (...kinds: ViolationKind[]) => violations.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    seed,
    runs: results.length,
    faultsInjected: results.reduce((total, { faultsInjected }) => total + faultsInjected, 0),
    jobs: results.reduce((total, { jobs }) => total + jobs, 0),
    violations: violations.length,
    lost: of('lost'),
    duplicatedInstances: of('duplicated-instance'),
    orphanedInstances: of('orphaned-instance'),
    undeliveredWebhooks: of('undelivered-webhook'),
    endedByOthers: results.reduce((total, { endedByOthers }) => total + endedByOthers, 0),
    handedBack: { count: waitsMs.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) },
  };
}
