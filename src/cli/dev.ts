import { relative } from 'node:path';
import type { Command } from 'commander';
import type { EventSubscription } from '../broker/consume/event-consumer.js';
import { type EmbeddedServer, startEmbeddedServer } from '../embedded/index.js';
import { createNovitaProvider, type Simulator, startSimulator } from '../gpu/index.js';
import type { HttpServer } from '../http/index.js';
import { gpuInstances } from '../instances/gpu-instances.js';
import type { RentalLimits } from '../instances/rental-limit.js';
import type { JobQueueService } from '../jetfleet.js';
import type { Logger } from '../telemetry/logger.js';
import { packageVersion } from '../telemetry/version.js';
import { generateWebhookSecret, parseWebhookSecret } from '../webhooks/index.js';
import { webhooks } from '../webhooks/webhooks.js';
import { JobWorkerService } from '../worker/job-worker-service.js';
import { hideBrokerFlags, refuseBrokerFlags } from './broker-options.js';
import { transitionLine } from './job-text.js';
import { natsServerPath } from './nats-server.js';
import {
  cliLogger,
  type GlobalOptions,
  openQueue,
  parsePort,
  shutdownTimeoutOption,
  withExamples,
} from './options.js';
import { note, paint, printJson } from './output.js';
import { rentalLimitsOf, withRentalLimits } from './rental-limit-options.js';
import { shutdownSignal } from './signals.js';

interface DevOptions extends GlobalOptions, RentalLimits {
  natsPort: number;
  httpPort: number;
  storeDir: string;
  shutdownTimeout: number;
}

const POLL_INTERVAL_MS = 1_000;
/** A creation takes about three seconds: long enough to watch, short enough to wait for. */
const TIMINGS = {
  creatingAfterMs: 300,
  pullingAfterMs: 1_000,
  runningAfterMs: 3_000,
  stoppedAfterMs: 1_000,
  removedAfterMs: 1_000,
  forgottenAfterMs: 2_000,
};

/** `jetfleet dev`. */
export function devCommand(program: Command): void {
  const command = program
    .command('dev')
    .description(
      'run everything in one process: broker, simulated GPU provider, worker, webhooks, dashboard; without passwords, for this machine alone',
    )
    .option('--nats-port <port>', 'port of the broker; 0 takes a free one', parsePort, 4222)
    .option(
      '--http-port <port>',
      'port of the dashboard and the HTTP API; 0 takes a free one',
      parsePort,
      8080,
    )
    .option('--store-dir <folder>', 'where the broker keeps its streams', '.jetfleet')
    .addOption(shutdownTimeoutOption())
    .addHelpText(
      'after',
      '\nThe signing secret of webhooks is JETFLEET_WEBHOOK_SECRET, or a new one that is shown.\n' +
        'With --json it prints one line: {"natsUrl","httpUrl","simulatorUrl","storeDir","webhookSecret"?,"version"}.',
    )
    .action(async () => {
      refuseBrokerFlags(command);
      await dev(command.optsWithGlobals<DevOptions>());
    });
  withRentalLimits(command);
  withExamples(hideBrokerFlags(command), 'dev', 'dev --nats-port 0 --store-dir /tmp/jetfleet --json');
}

/** What runs, in the order in which it was started. */
interface Running {
  server: EmbeddedServer;
  simulator: Simulator;
  queue: JobQueueService;
  worker: JobWorkerService;
  events: EventSubscription;
  http: HttpServer;
}

async function dev(options: DevOptions): Promise<void> {
  const logger = cliLogger('warn');
  const given = process.env.JETFLEET_WEBHOOK_SECRET;
  if (given) parseWebhookSecret(given);
  const secret = given || generateWebhookSecret();
  const stopping = shutdownSignal(() => note('second signal: ending at once'));
  const running = await start(options, secret, logger);
  const { server, simulator } = running;
  const generated = given ? {} : { webhookSecret: secret };
  if (options.json) {
    const { url: natsUrl, storeDir } = server;
    const urls = { natsUrl, httpUrl: running.http.url, simulatorUrl: simulator.url };
    printJson({ ...urls, storeDir, ...generated, version: packageVersion() });
  }
  note(startScreen(running, options, generated.webhookSecret));
  const ended = server.exited.then(
    ({ code, signal }) => `nats-server ended with ${signal ?? `code ${code}`}`,
  );
  const reason = await Promise.race([ended, stopping.then(() => undefined)]);
  if (reason === undefined) return drain(running, options);
  logger.error({ reason }, 'the broker is gone; ending');
  note(`jetfleet: ${reason}; the jobs are safe in ${server.storeDir}, start again to go on`);
  await server.stop();
  process.exit(1);
}

async function start(options: DevOptions, secret: string, logger: Logger): Promise<Running> {
  await using undo = new AsyncDisposableList();
  const { natsPort: port, storeDir } = options;
  const binary = await natsServerPath();
  const server = undo.add(await startEmbeddedServer({ binary, port, storeDir, logger }));
  const simulator = undo.add(await startSimulator({ timings: TIMINGS, logger }));
  const { namespace } = options;
  const queue = undo.add(openQueue({ ...(namespace && { namespace }) }, logger, server));
  const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url, logger });
  const worker = new JobWorkerService(queue, { name: 'dev', logger }).use(
    gpuInstances({ provider, pollIntervalMs: POLL_INTERVAL_MS, ...rentalLimitsOf(options) }),
    webhooks({ secret, guard: { allowPrivate: true } }),
  );
  const events = undo.add(await queue.events({}, (record) => note(transitionLine(record, process.stderr))));
  // Other commands shall not wait for a web server to load.
  const { startHttpServer } = await import('../http/index.js');
  const http = undo.add(await startHttpServer(queue, { port: options.httpPort, logger }));
  await worker.start();
  undo.keep();
  return { server, simulator, queue, worker, events, http };
}

async function drain(
  { http, worker, events, queue, simulator, server }: Running,
  { shutdownTimeout }: DevOptions,
): Promise<void> {
  note('draining: running jobs may end; a second Ctrl-C ends at once');
  await http.close();
  const { released } = await worker.shutdown(shutdownTimeout);
  await events.close();
  await queue.close();
  await simulator.stop();
  await server.stop();
  note(released > 0 ? `stopped; ${released} running jobs went back to the queue` : 'stopped');
}

function startScreen(
  { server, simulator, http }: Running,
  options: DevOptions,
  secret: string | undefined,
): string {
  const storeDir = relative(process.cwd(), server.storeDir) || '.';
  const flags = [
    ...(server.port === 4222 ? [] : [`--nats-url ${server.url}`]),
    ...(options.namespace ? [`--namespace ${options.namespace}`] : []),
  ].join(' ');
  const payload = JSON.stringify({
    instanceId: 'my-first',
    name: 'my-first',
    productName: 'RTX 4090 24GB',
    templateId: 'template-123',
    gpuNum: 1,
    rootfsSize: 60,
    region: 'CN-HK-01',
  });
  const rows = [
    ['dashboard', `${http.url}  (HTTP API: ${http.url}/openapi.json)`],
    [
      'broker',
      `${server.url}  (nats-server ${server.version}, process ${server.pid}; open, to this machine alone)`,
    ],
    ['store', `${storeDir.startsWith('..') ? server.storeDir : storeDir}  (jobs survive a restart)`],
    ['GPU provider', `${simulator.url}  (simulated, key ${simulator.apiKey})`],
    ['worker', 'create_instance, monitor_instance, send_webhook'],
    ['webhooks', `signed with ${secret ?? 'JETFLEET_WEBHOOK_SECRET'}; private addresses allowed`],
  ] as const;
  return [
    '',
    `  ${paint('bold', `Jetfleet ${packageVersion()}`, process.stderr)}  everything in one process; Ctrl-C drains and stops`,
    '',
    ...rows.map(([name, text]) => `  ${paint('dim', name.padEnd(13), process.stderr)} ${text}`),
    '',
    '  Add a job, then look at it:',
    '',
    `    npx jetfleet job add create_instance --id my-first${flags && ` ${flags}`} --data '${payload}'`,
    `    npx jetfleet job get my-first-monitor${flags && ` ${flags}`}`,
    '',
    '  What happens appears here:',
    '',
  ].join('\n');
}

/** Closes what was started, last first, unless all of it is kept. `AsyncDisposableStack` needs Node 24. */
class AsyncDisposableList implements AsyncDisposable {
  #opened: AsyncDisposable[] = [];

  add<T extends AsyncDisposable>(resource: T): T {
    this.#opened.push(resource);
    return resource;
  }

  keep(): void {
    this.#opened = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#opened.reverse()) await resource[Symbol.asyncDispose]();
  }
}
