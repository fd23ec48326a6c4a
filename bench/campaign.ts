import { measureInProcess } from './client-process.js';
import { unitsOfRound } from './plan.js';
import type { BenchResult } from './result.js';
import { selectUnits } from './selection.js';
import { MissingServer } from './servers/server.js';
import { SERVER_OF, startServer } from './servers/start-server.js';
import { SIZES } from './sizes.js';
import { summarise } from './statistics.js';
import { type Figures, type Mode, nameOf, type Unit } from './unit.js';

export interface CampaignOptions {
  mode: Mode;
  rounds: number;
  only: readonly string[];
  /** The Node binary that clients run on. */
  node: string;
  /** Ends the campaign, and the servers and clients that run. */
  signal: AbortSignal;
  report: (line: string) => void;
}

export type Findings = Pick<BenchResult, 'figures' | 'failures' | 'versions'>;

/**
 * Measures every selected unit once a round, each with an empty server of its own. One that fails is reported
 * and the others go on.
 * @throws MissingServer, and the reason of `signal`
 */
export async function runCampaign(options: CampaignOptions): Promise<Findings> {
  const { mode, rounds, only, signal, report } = options;
  const values = new Map<string, number[]>();
  const versions: Record<string, string> = {};
  const failures: BenchResult['failures'] = [];
  for (let round = 0; round < rounds; round++) {
    for (const unit of selectUnits(unitsOfRound(round, SIZES[mode]), only)) {
      const name = nameOf(unit);
      try {
        const figures = await measureUnit(unit, options, versions);
        report(`round ${round + 1} of ${rounds}: ${name}: ${inWords(figures)}`);
        for (const [figure, value] of Object.entries(figures)) {
          const key = `${name}.${figure}`;
          values.set(key, [...(values.get(key) ?? []), value]);
        }
      } catch (error) {
        if (signal.aborted || error instanceof MissingServer) throw error;
        const message = error instanceof Error ? error.message : String(error);
        report(`round ${round + 1} of ${rounds}: ${name} FAILED: ${message}`);
        failures.push({ unit: name, message });
      }
    }
  }
  const figures = Object.fromEntries([...values].map(([key, samples]) => [key, summarise(samples)]));
  return { figures, failures, versions };
}

async function measureUnit(
  unit: Unit,
  { mode, node, signal }: CampaignOptions,
  versions: Record<string, string>,
): Promise<Figures> {
  await using server = await startServer(unit);
  versions[SERVER_OF[unit.system]] = server.version;
  const { url, pid } = server;
  const answer = await measureInProcess(node, { unit, mode, server: { url, pid } }, signal);
  versions.node = answer.node;
  return answer.figures;
}

function inWords(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value.toLocaleString('en', { maximumSignificantDigits: 4 })}`)
    .join(', ');
}
