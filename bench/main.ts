/** Measures Jetfleet, the bare client below it and its peers, each with a server of its own on this machine. */
import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { runCampaign } from './campaign.js';
import { thisMachine } from './machine.js';
import { clientNode, installPeers, peerVersions } from './peers/peers.js';
import { unitsOfRound } from './plan.js';
import { ratiosOf } from './ratios.js';
import { renderStoredPage, writePage, writePart } from './report/page-files.js';
import { resultTable } from './report/table.js';
import type { BenchResult } from './result.js';
import { assertWholeMeasures, selectUnits } from './selection.js';
import { SIZES } from './sizes.js';

const NEEDS_PEERS = ['bullmq', 'graphile-worker', 'pg-boss'];

const HELP = `Usage: npm run bench [-- --quick] [--only NAME]... [--rounds N] [--json] [--write] [--render]

  --quick      small sizes, one round
  --only NAME  one system, measure or durability; may be repeated
  --rounds N   rounds of each measure, 1 to 999
  --json       print the result as JSON
  --write      store the figures of a part too, which must be whole measures
  --render     measure nothing; write docs/benchmarks.md from docs/benchmarks.json

A full run, and --write, store the figures in docs/benchmarks.json and docs/benchmarks.md.
`;

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] as string[] },
  rounds: { type: 'string' },
  json: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  render: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const values = parseFlags();

function parseFlags() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    return usage((error as Error).message);
  }
}

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}

function usage(problem: string): never {
  report(`bench: ${problem}\n\n${HELP}`);
  process.exit(2);
}

function roundsFrom(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^[1-9]\d{0,2}$/.test(text)) usage(`--rounds ${text} must be a whole number from 1 to 999`);
  return Number(text);
}

async function measure(signal: AbortSignal): Promise<BenchResult> {
  const { only } = values;
  const mode = values.quick ? 'quick' : 'full';
  const sizes = SIZES[mode];
  const rounds = roundsFrom(values.rounds, sizes.rounds);
  const all = unitsOfRound(0, sizes);
  const units = selectUnits(all, only);
  if (values.write) assertWholeMeasures(units, all);
  if (values.write && values.quick && only.length > 0) usage('--quick --write stores no part of a full run');
  if (units.length === 0) usage(`nothing is measured of ${only.join(' and ')}`);
  if (units.some(({ system }) => NEEDS_PEERS.includes(system))) await installPeers(report);
  const node = clientNode(report);
  const { figures, failures, versions } = await runCampaign({ mode, rounds, only, node, signal, report });
  return {
    mode,
    date: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    versions: { jetfleet: packageJson.version, ...versions, ...peerVersions() },
    rounds,
    sizes,
    figures,
    ratios: ratiosOf(figures, sizes),
    failures,
  };
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.render) {
    await renderStoredPage();
    return 0;
  }
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // Not once: a second signal would end the harness before its servers have ended.
    process.on(name, () => interrupted.abort(new Error(`ended by ${name}`)));
  }
  const result = await measure(interrupted.signal);
  const isWhole = values.only.length === 0;
  if (isWhole && (!values.quick || values.write)) await writePage(result);
  else if (values.write) await writePart(result);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : resultTable(result));
  return result.failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof RangeError) usage(error.message);
  report(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
