/**
 * Runs the product under faults and checks that nothing is lost and nothing is done twice.
 *
 *     npm run fault -- --seed N --runs N [--cluster] [--scenario NAME] [--break NAME] [--from N] [--lanes N] [--jobs N] [--sealed] [--json]
 *
 * `--jobs` is how many instances each run of `fleet` and `fleet-orders` creates, 6 by default. The scenario `languages` has workers in Go beside ours, and needs what `npm run test:parity` installs. With `--sealed` all queues have a codec that compresses and encrypts. The same seed draws the same jobs and faults; what a machine makes of them in time differs. It ends with 1 when an
 * invariant was violated. The last line on stdout is JSON.
 */
import { parseArgs } from 'node:util';
import { findNatsServer } from '../../src/embedded/find-binary.js';
import { buildGo } from '../support/go.js';
import { runFaults } from './campaign.js';
import { LANGUAGES } from './language-scenario.js';
import { SABOTAGES, type Sabotage } from './sabotage.js';
import { scenariosFor } from './scenarios.js';
import { WorkerPool } from './worker-pool.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string', default: '20' },
    from: { type: 'string', default: '0' },
    lanes: { type: 'string' },
    jobs: { type: 'string', default: '6' },
    cluster: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    break: { type: 'string' },
    sealed: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

function usage(problem: string): never {
  process.stderr.write(`fault: ${problem}\n`);
  process.exit(2);
}

function count(name: 'runs' | 'from' | 'lanes' | 'jobs', fallback?: number): number {
  const text = values[name];
  if (text === undefined && fallback !== undefined) return fallback;
  const number = Number(text);
  if (!/^\d{1,6}$/.test(text ?? '')) usage(`--${name} ${text} must be a whole number`);
  return number;
}

const { cluster, scenario, break: broken, json } = values;
const scenarios = [...Object.keys(scenariosFor(cluster)), LANGUAGES];
if (scenario !== undefined && !scenarios.includes(scenario)) {
  usage(`--scenario ${scenario} must be one of ${scenarios.join(', ')}`);
}
if (broken !== undefined && !Object.hasOwn(SABOTAGES, broken)) {
  usage(`--break ${broken} must be one of ${Object.keys(SABOTAGES).join(', ')}`);
}
if (values.sealed) process.env.FAULT_SEALED = '1';
process.env.FAULT_JOBS = String(count('jobs'));
process.env.NATS_SERVER_BIN = (await findNatsServer()).path;
await using go = scenario === LANGUAGES ? await buildGo() : undefined;
await using pool = await WorkerPool.open(go?.path);
const summary = await runFaults({
  pool,
  seed: values.seed ?? String(Math.floor(Math.random() * 1e9)),
  runs: count('runs'),
  from: count('from'),
  lanes: count('lanes', cluster ? 2 : 5),
  cluster,
  ...(scenario !== undefined && { scenario }),
  ...(broken !== undefined && { sabotage: broken as Sabotage }),
  report: (line, violated) => {
    if (violated || !json) process.stderr.write(`${line}\n`);
  },
});
process.stdout.write(`${JSON.stringify(summary)}\n`);
// A worker that takes nothing loses nothing either.
const isIdle = scenario === LANGUAGES && summary.endedByOthers === 0;
process.exitCode = summary.violations === 0 && !isIdle ? 0 : 1;
