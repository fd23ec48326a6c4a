import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { type CampaignOptions, runFaults, type Summary } from './campaign.js';
import { chartEdges } from './chart-edges.js';
import { DIRECTED } from './directed.js';
import { drawPlan } from './draw-plan.js';
import type { Violation } from './invariants.js';
import { runOne } from './run-one.js';
import { SABOTAGES, type Sabotage } from './sabotage.js';
import { scenariosFor } from './scenarios.js';
import { WorkerPool } from './worker-pool.js';

/** Another seed draws other jobs and faults; that of a failure stands in its message. */
const SEED = process.env.JETFLEET_FAULT_SEED || 'selection';

let pool: WorkerPool;
beforeAll(async () => {
  pool = await WorkerPool.open();
});
afterAll(() => pool[Symbol.asyncDispose]());

/** A campaign, and what it reported, for the message of a failure. */
async function campaign(options: Partial<CampaignOptions>): Promise<{ summary: Summary; lines: string[] }> {
  const lines: string[] = [];
  const defaults = { seed: SEED, runs: 4, lanes: 3, cluster: false, pool };
  const summary = await runFaults({ ...defaults, ...options, report: (line) => lines.push(line) });
  return { summary, lines };
}

/** For how long a run that is broken on purpose is tried again: on a busy machine a process can be late for the broken moment. */
const TRY_FOR_MS = 80_000;

const KINDS = ['lost', 'duplicatedInstances', 'orphanedInstances', 'undeliveredWebhooks'] as const;

describe('under faults', () => {
  it('nothing is lost and nothing is done twice, in every scenario', async () => {
    const runs = Object.keys(scenariosFor(false)).length;
    const { summary, lines } = await campaign({ runs });
    expect(summary, lines.join('\n')).toMatchObject({ runs, violations: 0 });
    for (const kind of KINDS) expect(summary[kind]).toBe(0);
    expect(summary.faultsInjected).toBeGreaterThan(runs);
    expect(summary.jobs).toBeGreaterThan(runs * 5);
  }, 300_000);
});

describe('a run that is directed at one safeguard', () => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function violations(namespace: string, sabotaged: Sabotage, isBroken: boolean): Promise<Violation[]> {
    const { plan: aimed, sound = aimed, sees: until } = DIRECTED[sabotaged];
    const plan = isBroken ? aimed : sound;
    const options = { broker: { kind: 'single', server } as const, pool, namespace };
    // A sound run has nothing to look for on the way: it is judged at its end.
    return (await runOne(plan, { ...options, ...(isBroken && { sabotage: sabotaged, until }) })).violations;
  }

  const cases = Object.keys(SABOTAGES) as Sabotage[];

  it.concurrent.each(cases)('sees %s', async (sabotage) => {
    const found: Violation[] = [];
    const isSeen = () => found.some(({ kind }) => DIRECTED[sabotage].sees.has(kind));
    const until = performance.now() + TRY_FOR_MS;
    for (let run = 1; !isSeen() && performance.now() < until; run++) {
      found.push(...(await violations(`broken_${cases.indexOf(sabotage)}_${run}`, sabotage, true)));
    }
    expect(isSeen(), JSON.stringify(found)).toBe(true);
  });

  it.concurrent.each(cases)('finds nothing where %s is not', async (sabotage) => {
    expect(await violations(`sound_${cases.indexOf(sabotage)}`, sabotage, false)).toEqual([]);
  });
});

describe('a plan', () => {
  it('is the same for the same seed and run, and another one for another', () => {
    const plan = drawPlan('a', 7, false);
    expect(drawPlan('a', 7, false)).toEqual(plan);
    expect(drawPlan('b', 7, false)).not.toEqual({ ...plan, name: 'b/7' });
    expect(drawPlan('a', 10, false)).not.toEqual({ ...plan, name: 'a/10' });
  });

  it('takes its turn at every scenario', () => {
    for (const cluster of [false, true]) {
      const names = Object.keys(scenariosFor(cluster));
      const drawn = Array.from(
        { length: names.length * 2 },
        (_, run) => drawPlan('a', run, cluster).scenario,
      );
      expect(new Set(drawn)).toEqual(new Set(names));
    }
  });
});

it('the path of a job is held against the chart itself', () => {
  const edges = chartEdges();
  for (const edge of [
    'queued -> running',
    'running -> waiting',
    'waiting -> running',
    'retrying -> cancelled',
  ]) {
    expect(edges).toContain(edge);
  }
  for (const edge of [
    'completed -> running',
    'cancelled -> queued',
    'queued -> waiting',
    'retrying -> waiting',
  ]) {
    expect(edges).not.toContain(edge);
  }
});
