import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { namesProvider } from '../gpu/from-environment.js';
import {
  cliLogger,
  durationOption,
  type GlobalOptions,
  openQueue,
  parsePort,
  withExamples,
} from './options.js';
import { printJson } from './output.js';
import { shutdownSignal } from './signals.js';
import { registeredTracing } from './tracing.js';
import { reachWithin, waitForBrokerOption } from './wait-for-broker.js';
import { keysOf } from './webhook.js';
import { providersFrom } from './worker.js';

interface ServerCommandOptions extends GlobalOptions {
  httpHost: string;
  httpPort: number;
  environment?: string;
  drainDelay: number;
  waitForBroker: number;
}

const ENVIRONMENT = `
Environment:
  JETFLEET_HTTP_TOKEN   who may do what: one token, which is an admin's, or observer:...,operator:...,admin:...
                        Without it only this machine is served, and everybody on it may do everything.
  JETFLEET_ENVIRONMENT  as --environment
  JETFLEET_WEBHOOK_PUBLIC_KEY  whpk_..., several with spaces between: served at /.well-known/webhooks.json
  JETFLEET_PROVIDER     as of the workers, with its key: /api/v1/orphans and /api/v1/ledger/reconcile ask it
  JETFLEET_CALLBACK_SECRET  16 characters or more: takes callbacks of providers at /callbacks/instances/<job>
  LOG_LEVEL             trace, debug, info (default), warn, error, silent

With --json it prints one line once it listens: {"httpUrl"}.`;

export function serverCommand(program: Command): void {
  const command = program
    .command('server')
    .description('serve the HTTP API and the dashboard until SIGTERM or Ctrl-C; logs JSON on stderr')
    .option(
      '--http-host <address>',
      "address to listen at; any but this machine's own needs a token",
      '127.0.0.1',
    )
    .option('--http-port <port>', 'port to listen at; 0 takes a free one', parsePort, 8080)
    .addOption(
      new Option('--environment <name>', 'what the dashboard calls this queue: production').env(
        'JETFLEET_ENVIRONMENT',
      ),
    )
    .addOption(
      durationOption('--drain-delay <duration>', 'how long /readyz answers 503 before it stops listening', {
        byDefault: '0s',
      }),
    )
    .addOption(waitForBrokerOption())
    .action(() => serve(command.optsWithGlobals<ServerCommandOptions>()));
  withExamples(command, 'server', 'server --http-host 0.0.0.0 --http-port 80 --drain-delay 5s').addHelpText(
    'after',
    ENVIRONMENT,
  );
}

async function serve(options: ServerCommandOptions): Promise<void> {
  const logger = cliLogger('info');
  const { httpHost: host, httpPort: port, environment, drainDelay } = options;
  // Loaded here, so that other commands do not wait for a web server.
  const { parseTokens, startHttpServer } = await import('../http/index.js');
  const tokens = parseTokens(process.env.JETFLEET_HTTP_TOKEN);
  const { JETFLEET_CALLBACK_SECRET: callbackSecret } = process.env;
  const stopping = shutdownSignal(() => logger.warn('second signal; ending at once'));
  await using queue = openQueue(options, logger, await registeredTracing());
  const connect = () => queue.connect().then(() => true);
  if (!(await reachWithin(connect, options, logger, stopping))) return;
  const server = await startHttpServer(queue, {
    host,
    port,
    tokens,
    logger,
    webhookPublicKeys: keysOf(process.env.JETFLEET_WEBHOOK_PUBLIC_KEY),
    ...(environment && { environment }),
    ...(callbackSecret && { callbackSecret }),
    ...(namesProvider(process.env) && { provider: providersFrom(process.env, logger) }),
  });
  if (options.json) printJson({ httpUrl: server.url });
  logger.info({ url: server.url, isOpen: tokens.length === 0 }, 'serving the API and the dashboard');
  logger.info({ signal: await stopping }, 'draining; a second signal ends at once');
  server.drain();
  await delay(drainDelay);
  await server.close();
}
