import { describe, expect, it } from 'vitest';
import { type CampaignOptions, runFaults, type Summary } from './campaign.js';
import { chartEdges } from './chart-edges.js';
import type { Sabotage } from './sabotage.js';
import { drawPlan, scenariosFor } from './scenarios.js';

/** Another seed draws other jobs and faults; that of a failure stands in its message. */
const SEED = process.env.JETFLEET_FAULT_SEED || 'selection';

/** A campaign, and what it reported, for the message of a failure. */
async function campaign(options: Partial<CampaignOptions>): Promise<{ summary: Summary; lines: string[] }> {
  const lines: string[] = [];
  const defaults = { seed: SEED, runs: 4, lanes: 5, cluster: false };
  const summary = await runFaults({ ...defaults, ...options, report: (line) => lines.push(line) });
  return { summary, lines };
}

const KINDS = ['lost', 'duplicatedInstances', 'orphanedInstances', 'undeliveredWebhooks'] as const;

describe('under faults', () => {
  it('nothing is lost and nothing is done twice, in every scenario', async () => {
    const runs = Object.keys(scenariosFor(false)).length;
    const { summary, lines } = await campaign({ runs });
    expect(summary, lines.join('\n')).toMatchObject({ runs, violations: 0 });
    for (const kind of KINDS) expect(summary[kind]).toBe(0);
    expect(summary.faultsInjected).toBeGreaterThan(runs);
    expect(summary.jobs).toBeGreaterThan(runs * 5);
  });
});

describe('the harness sees a product that is broken on purpose', () => {
  // More lanes make the machine slow, which excuses a second create, and what runs beside a run that proves it is waste.
  const cases: [Sabotage, scenario: string, lanes: number, sees: RegExp][] = [
    ['no-cas', 'stale-owner', 3, /(ended-twice|path|attempts): /],
    ['blind-create', 'provider', 3, /duplicated-instance: /],
    ['early-ack', 'worker-kill', 2, /lost: /],
    ['no-intent', 'dies-while-creating', 2, /orphaned-instance: /],
    ['local-clock', 'clocks', 2, /clock: /],
    ['purge-under-consumer', 'hand-back', 2, /held-up: /],
  ];
  it.each(cases)('%s, in %s', async (sabotage, scenario, lanes, sees) => {
    // A fault need not meet the broken moment in each run, and one violation is proof enough.
    const { summary, lines } = await campaign({
      seed: 'sabotage',
      runs: 30,
      lanes,
      scenario,
      sabotage,
      bail: true,
    });
    expect(summary.violations).toBeGreaterThan(0);
    expect(lines.join('\n')).toMatch(sees);
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
