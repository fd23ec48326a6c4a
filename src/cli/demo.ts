import type { Command } from 'commander';
import { type EmbeddedServer, startEmbeddedServer } from '../embedded/index.js';
import { createNovitaProvider, type Simulator, startSimulator } from '../gpu/index.js';
import { instanceNameStem } from '../gpu/instance-name.js';
import { gpuInstances } from '../instances/gpu-instances.js';
import { atMost } from '../jobs/deadline.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import type { Logger } from '../telemetry/logger.js';
import { generateWebhookSecret } from '../webhooks/index.js';
import { webhooks } from '../webhooks/webhooks.js';
import { JobWorkerService } from '../worker/job-worker-service.js';
import { addJobs, injectFaults, planFor, registerReport } from './demo-plan.js';
import { startWebhookReceiver, type WebhookReceiver } from './demo-receiver.js';
import { DemoScreen } from './demo-screen.js';
import { judge, type Verdict } from './demo-verdict.js';
import { ExitCode } from './exit-code.js';
import {
  cliLogger,
  type GlobalOptions,
  natsServerPath,
  openQueue,
  withExamples,
  withOwnBroker,
} from './options.js';
import { note, paint, printJson } from './output.js';

/** It takes about ten seconds, and several times as long on a busy machine. */
const DEADLINE_MS = 90_000;
/** Nothing may keep the demo from ending. */
const CLEAN_UP_MS = 15_000;
const POLL_INTERVAL_MS = 500;

export function demoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'run jobs of every kind end to end on free ports and a temporary folder, and check what came of them',
    )
    .addHelpText(
      'after',
      `\nIt needs no server and no account, takes about ten seconds, and leaves nothing behind.\nIt ends with 0 when all happened as expected, else with 1 and what was missing.`,
    )
    .action(async () => {
      const { json = false } = command.optsWithGlobals<GlobalOptions>();
      const startedAt = performance.now();
      const verdict = await runDemo(json ? process.stderr : process.stdout);
      const durationMs = Math.round(performance.now() - startedAt);
      const { ok, rows } = verdict;
      if (json) printJson({ ok, durationMs, rows });
      if (!ok) process.exitCode = ExitCode.FAILURE;
    });
  withExamples(withOwnBroker(command), 'demo', 'demo --json | jq .ok');
}

/** Runs the demo and shows it on a stream. Everything it started has ended when it resolves. */
async function runDemo(stream: NodeJS.WriteStream): Promise<Verdict> {
  const logger = quietLogger();
  const secret = generateWebhookSecret();
  const binary = await natsServerPath();
  const startedAt = performance.now();
  await using server = await startEmbeddedServer({ binary, logger });
  let isEnding = false;
  // Without its broker the demo can neither go on nor clean up, for everything in it waits for the broker to return.
  void server.exited.then(({ code, signal }) => {
    if (!isEnding) void giveUp(server, `nats-server ended with ${signal ?? `code ${code}`}`);
  });
  await using simulator = await startSimulator({ logger });
  await using receiver = await startWebhookReceiver(secret);
  await using queue = openQueue({}, logger, { servers: server.url, env: {} });
  const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url });
  const worker = new JobWorkerService(queue, { name: 'demo', logger }).use(
    gpuInstances({ provider, pollIntervalMs: POLL_INTERVAL_MS, settleDelayMs: 300 }),
    webhooks({ secret, guard: { allowPrivate: true } }),
  );
  registerReport(worker);
  try {
    injectFaults(simulator);
    const total = planFor('').jobs.length;
    const screen = new DemoScreen(stream, total);
    screen.line(introduction(server, simulator, receiver));
    const history: JobRecord[] = [];
    let onAllEnded: () => void = () => {};
    const allEnded = new Promise<void>((resolve) => {
      onAllEnded = resolve;
    });
    const ended = new Set<string>();
    const events = await queue.events({ from: 'all' }, (record) => {
      history.push(record);
      screen.transition(record);
      if (!isTerminal(record.status)) return;
      screen.progress(ended.add(record.id).size);
      if (ended.size === total) onAllEnded();
    });
    const plan = await addJobs(queue, receiver.url);
    await worker.start();
    await atMost(DEADLINE_MS, allEnded);
    await events.close();
    const live = simulator.live().map(({ name }) => name);
    const verdict = judge(plan, { history, webhooks: receiver.received, ledger: simulator.ledger, live });
    screen.summary(verdict);
    screen.line(conclusion(verdict, performance.now() - startedAt, stream));
    return verdict;
  } finally {
    isEnding = true;
    setTimeout(() => void giveUp(server, 'cleaning up takes too long'), CLEAN_UP_MS).unref();
    await worker.shutdown(1_000);
  }
}

async function giveUp(server: EmbeddedServer, reason: string): Promise<never> {
  note(`jetfleet: the demo cannot go on: ${reason}`);
  await server.stop();
  process.exit(ExitCode.FAILURE);
}

/** What the library has to say would drown the demo; for debugging its warnings are wanted. */
function quietLogger(): Logger {
  const logger = cliLogger('silent');
  logger.level = ['debug', 'trace'].includes(logger.level) ? 'warn' : 'silent';
  return logger;
}

function introduction(server: EmbeddedServer, simulator: Simulator, receiver: WebhookReceiver): string {
  return [
    `broker       ${server.url}  (nats-server ${server.version}, temporary store)`,
    `GPU provider ${simulator.url}  (simulated: ${instanceNameStem('stuck')}… never starts,`,
    `             and the answer to the create of ${instanceNameStem('notebook')}… gets lost)`,
    `webhooks     ${receiver.url}`,
    '',
  ].join('\n');
}

function conclusion({ ok, rows }: Verdict, tookMs: number, stream: NodeJS.WriteStream): string {
  const time = `${(tookMs / 1000).toFixed(1)} s`;
  if (ok) return `\n${paint('green', `All ${rows.length} checks passed`, stream)} in ${time}.`;
  const missing = rows.filter((row) => !row.ok);
  for (const { what, expected, got } of missing) note(`jetfleet: ${what}: expected ${expected}, got ${got}`);
  return `\n${paint('red', `${missing.length} of ${rows.length} checks failed`, stream)} after ${time}.`;
}
