import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { type EmbeddedServer, startEmbeddedServer } from '../embedded/index.js';
import { createNovitaProvider, type Simulator, startSimulator } from '../gpu/index.js';
import { instanceNameStem } from '../gpu/instance-name.js';
import { gpuInstances } from '../instances/gpu-instances.js';
import type { JobQueueService } from '../jetfleet.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import type { Logger } from '../telemetry/logger.js';
import { generateWebhookSecret } from '../webhooks/index.js';
import { webhooks } from '../webhooks/webhooks.js';
import { JobWorkerService } from '../worker/job-worker-service.js';
import { addJobs, injectFaults, type Plan, planFor, registerReport } from './demo-plan.js';
import { startWebhookReceiver, type WebhookReceiver } from './demo-receiver.js';
import { DemoScreen } from './demo-screen.js';
import { judge, type Verdict } from './demo-verdict.js';
import { ExitCode } from './exit-code.js';
import {
  cliLogger,
  type GlobalOptions,
  hideBrokerFlags,
  natsServerPath,
  openQueue,
  refuseBrokerFlags,
  withExamples,
} from './options.js';
import { note, paint, printJson } from './output.js';
import { connectRawProducer } from './raw-producer.js';

/** It takes about ten seconds, and several times as long on a busy machine. */
const DEADLINE_MS = 90_000;
const HISTORY_MS = 10_000;
/** Nothing may keep the demo from ending. */
const CLEAN_UP_MS = 15_000;
const POLL_INTERVAL_MS = 500;
const TIMINGS = {
  creatingAfterMs: 100,
  pullingAfterMs: 200,
  runningAfterMs: 700,
  stoppedAfterMs: 100,
  removedAfterMs: 200,
  forgottenAfterMs: 400,
};

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
      refuseBrokerFlags(command);
      const { json = false } = command.optsWithGlobals<GlobalOptions>();
      const startedAt = performance.now();
      const verdict = await runDemo(json ? process.stderr : process.stdout);
      const durationMs = Math.round(performance.now() - startedAt);
      const { ok, rows } = verdict;
      if (json) printJson({ ok, durationMs, rows });
      if (!ok) process.exitCode = ExitCode.FAILURE;
    });
  withExamples(hideBrokerFlags(command), 'demo', 'demo --json | jq .ok');
}

/** Runs the demo and shows it on a stream. Everything it started has ended when it resolves. */
async function runDemo(stream: NodeJS.WriteStream): Promise<Verdict> {
  const logger = quietLogger();
  const secret = generateWebhookSecret();
  const binary = await natsServerPath();
  const startedAt = performance.now();
  const deadline = delay(DEADLINE_MS, undefined, { ref: false });
  await using server = await startEmbeddedServer({ binary, logger });
  const ending = endWithBroker(server);
  await using simulator = await startSimulator({ timings: TIMINGS, logger });
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
    const screen = new DemoScreen(stream, planFor('').jobs.length);
    screen.line(introduction(server, simulator, receiver));
    const seen = await follow(queue, screen);
    await using raw = await connectRawProducer(server.url);
    const plan = await addJobs(queue, raw, receiver.url);
    await worker.start();
    await Promise.race([seen.allEnded(plan), deadline]);
    await seen.close();
    const history = await readHistory(queue, seen.lastSeq());
    const live = simulator.live().map(({ name }) => name);
    const verdict = judge(plan, { history, webhooks: receiver.received, ledger: simulator.ledger, live });
    screen.summary(verdict);
    screen.line(conclusion(verdict, performance.now() - startedAt, stream));
    return verdict;
  } finally {
    ending.expected();
    setTimeout(() => void giveUp(server, 'cleaning up takes too long'), CLEAN_UP_MS).unref();
    await worker.shutdown(1_000);
  }
}

/** Without its broker the demo can neither go on nor clean up, for everything in it waits for the broker to return. */
function endWithBroker(server: EmbeddedServer): { expected(): void } {
  let isExpected = false;
  void server.exited.then(({ code, signal }) => {
    if (!isExpected) void giveUp(server, `nats-server ended with ${signal ?? `code ${code}`}`);
  });
  return {
    expected: () => {
      isExpected = true;
    },
  };
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

async function follow(queue: JobQueueService, screen: DemoScreen) {
  const ended = new Set<string>();
  let lastSeq = 0;
  let check: () => void = () => {};
  const events = await queue.events({ from: 'all' }, (record, { seq }) => {
    lastSeq = seq;
    screen.transition(record);
    if (!isTerminal(record.status)) return;
    ended.add(record.id);
    check();
  });
  return {
    /** Resolves when every job of the plan has ended. */
    allEnded: ({ jobs }: Plan) =>
      new Promise<void>((resolve) => {
        check = () => {
          const done = jobs.filter(({ id }) => ended.has(id)).length;
          screen.progress(done);
          if (done === jobs.length) resolve();
        };
        check();
      }),
    /** Sequence of the last event. */
    lastSeq: () => lastSeq,
    close: () => events.close(),
  };
}

/** What EVENTS keeps, read afresh: as a consumer sees it that comes later. */
async function readHistory(queue: JobQueueService, lastSeq: number): Promise<JobRecord[]> {
  const history: JobRecord[] = [];
  if (lastSeq === 0) return history;
  const feed = await queue.feed({ fromSeq: 1 });
  const timer = setTimeout(() => void feed.close(), HISTORY_MS);
  for await (const { seq, record } of feed) {
    history.push(record);
    if (seq >= lastSeq) break;
  }
  clearTimeout(timer);
  await feed.close();
  return history;
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
