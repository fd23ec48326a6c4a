import { relative } from 'node:path';
import type { Command } from 'commander';
import { type EmbeddedServer, startEmbeddedServer } from '../embedded/index.js';
import { createNovitaProvider, type Simulator, startSimulator } from '../gpu/index.js';
import type { HttpServer } from '../http/index.js';
import { gpuInstances } from '../instances/gpu-instances.js';
import type { RentalLimits } from '../instances/rental-limit.js';
import { defined } from '../jobs/defined.js';
import { packageVersion } from '../telemetry/version.js';
import { generateWebhookSecret, webhookPublicKeyOf } from '../webhooks/index.js';
import { webhooks } from '../webhooks/webhooks.js';
import { JobWorkerService } from '../worker/job-worker-service.js';
import { instance } from './demo-plan.js';
import { transitionLine } from './job-text.js';
import {
  cliLogger,
  type GlobalOptions,
  natsServerPath,
  openQueue,
  parsePort,
  shutdownTimeoutOption,
  withExamples,
  withOwnBroker,
} from './options.js';
import { note, paint, printJson } from './output.js';
import { shutdownSignal } from './signals.js';
import { keysOf } from './webhook.js';
import { rentalLimitsOf, withRentalLimits } from './worker.js';

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
      const released = await dev(command.optsWithGlobals<DevOptions>());
      note(released > 0 ? `stopped; ${released} running jobs went back to the queue` : 'stopped');
    });
  withRentalLimits(command);
  withExamples(withOwnBroker(command), 'dev', 'dev --nats-port 0 --store-dir /tmp/jetfleet --json');
}

/** Starts everything, and drains it with the first signal. Gives how many running jobs went back to the queue. */
async function dev(options: DevOptions): Promise<number> {
  const logger = cliLogger('warn');
  const given = process.env.JETFLEET_WEBHOOK_SECRET;
  const secrets = given ? keysOf(given) : [generateWebhookSecret()];
  // What is wrong with them is said before anything starts.
  const delivery = webhooks({ secret: secrets, guard: { allowPrivate: true } });
  const webhookPublicKeys = secrets.filter((each) => each.startsWith('whsk_')).map(webhookPublicKeyOf);
  const stopping = shutdownSignal(() => note('second signal: ending at once'));
  const { natsPort: port, storeDir, namespace } = options;
  await using server = await startEmbeddedServer({ binary: await natsServerPath(), port, storeDir, logger });
  await using simulator = await startSimulator({ timings: TIMINGS, logger });
  await using queue = openQueue(defined({ namespace }), logger, { servers: server.url, env: {} });
  const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url, logger });
  const worker = new JobWorkerService(queue, { name: 'dev', logger }).use(
    gpuInstances({ provider, pollIntervalMs: POLL_INTERVAL_MS, ...rentalLimitsOf(options) }),
    delivery,
  );
  await using _events = await queue.events({}, (record) => note(transitionLine(record, process.stderr)));
  // Other commands must not wait for a web server to load.
  const { startHttpServer } = await import('../http/index.js');
  await using http = await startHttpServer(queue, {
    ...{ port: options.httpPort, logger, webhookPublicKeys, provider },
  });
  await worker.start();
  const webhookSecret = given ? undefined : secrets[0];
  const urls = { natsUrl: server.url, httpUrl: http.url, simulatorUrl: simulator.url };
  const about = { ...urls, storeDir: server.storeDir, webhookSecret, version: packageVersion() };
  if (options.json) printJson(about);
  note(startScreen(server, simulator, http, options, webhookSecret));
  const end = await Promise.race([server.exited, stopping]);
  if (typeof end === 'object') {
    const reason = `nats-server ended with ${end.signal ?? `code ${end.code}`}`;
    logger.error({ reason }, 'the broker is gone; ending');
    note(`jetfleet: ${reason}; the jobs are safe in ${server.storeDir}, start again to go on`);
    await server.stop();
    process.exit(1);
  }
  note('draining: running jobs may end; a second Ctrl-C ends at once');
  await http.close();
  const { released } = await worker.shutdown(options.shutdownTimeout);
  return released;
}

function startScreen(
  server: EmbeddedServer,
  simulator: Simulator,
  http: HttpServer,
  options: DevOptions,
  secret: string | undefined,
): string {
  const storeDir = relative(process.cwd(), server.storeDir) || '.';
  const flags = [
    ...(server.port === 4222 ? [] : [`--nats-url ${server.url}`]),
    ...(options.namespace ? [`--namespace ${options.namespace}`] : []),
  ].join(' ');
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
    '  Add a job, then show it:',
    '',
    `    npx jetfleet job add create_instance --id my-first${flags && ` ${flags}`} --data '${JSON.stringify(instance('my-first'))}'`,
    `    npx jetfleet job get my-first-monitor${flags && ` ${flags}`}`,
    '',
    '  What happens appears here:',
    '',
  ].join('\n');
}
