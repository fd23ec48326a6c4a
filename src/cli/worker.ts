import { type Command, InvalidArgumentError, Option } from 'commander';
import { type GpuProvider, providersFromEnvironment } from '../gpu/index.js';
import { gpuInstances } from '../instances/gpu-instances.js';
import { MAX_RENTAL_LIMIT, type RentalLimits } from '../instances/rental-limit.js';
import { JobType } from '../jetfleet.js';
import { defined } from '../jobs/defined.js';
import { JetfleetError } from '../jobs/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { type WebhooksOptions, webhooks } from '../webhooks/webhooks.js';
import type { WorkerExtension } from '../worker/extension.js';
import { logAttempts } from '../worker/hooks/attempt-log.js';
import { JobWorkerService } from '../worker/job-worker-service.js';
import { usageError } from './exit-code.js';
import { loadHandlers } from './handler-files.js';
import {
  cliLogger,
  durationOption,
  type GlobalOptions,
  integer,
  openQueue,
  shutdownTimeoutOption,
  withExamples,
} from './options.js';
import { shutdownSignal } from './signals.js';
import { registeredTracing } from './tracing.js';
import { reachWithin, waitForBrokerOption } from './wait-for-broker.js';
import { keysOf } from './webhook.js';
import { type HealthOptions, serveHealth, withHealthOptions } from './worker-health.js';

const BUILT_IN = ['instances', 'webhooks'] as const;
type BuiltIn = (typeof BUILT_IN)[number];
const BUILT_IN_TYPES: readonly string[] = Object.values(JobType);

type Environment = Record<string, string | undefined>;

interface WorkerCommandOptions extends GlobalOptions, RentalLimits, HealthOptions {
  concurrency?: string[];
  logAttempts?: boolean;
  handlers?: string[];
  builtIn?: BuiltIn[];
  waitForBroker: number;
  shutdownTimeout: number;
  pollInterval: number;
  keepLedger?: number;
}

const ENVIRONMENT = `
Environment:
  JETFLEET_PROVIDER        novita (default), runpod, lambda, vast or simulator; several with commas
  NOVITA_API_KEY           the key of the account; needed for novita; RUNPOD_API_KEY, LAMBDA_API_KEY, VAST_API_KEY likewise
  NOVITA_API_BASE_URL      where the API is (default: https://api.novita.ai); needed for simulator; likewise for the others
  NOVITA_RATE_LIMITS       other rates than the published ones, such as create=1/12s,all=none, or none; likewise for the others
  NOVITA_ACCOUNT           name of the account among limits (default: a digest of the key); likewise for the others
  LAMBDA_SSH_KEY_NAME      the SSH key of new instances; needed for lambda
  JETFLEET_MAX_INSTANCES   instances that may be rented at once (default: no limit)
  JETFLEET_MAX_GPUS        GPUs that may be rented at once (default: no limit)
  JETFLEET_LEASE_URL       where instances reach jetfleet server, to ask for their lease; with its JETFLEET_CALLBACK_SECRET
  JETFLEET_WEBHOOK_SECRET  whsec_... or whsk_..., several with spaces between; without it webhooks go out unsigned
  JETFLEET_WEBHOOK_LEGACY_SECRET  any text; adds X-Webhook-Signature, as the in-memory queue sent it
  LOG_LEVEL                trace, debug, info (default), warn, error, silent`;

export function workerCommand(program: Command): void {
  const command = program
    .command('worker')
    .description(
      'run jobs of the built-in types, or of your own, until SIGTERM or Ctrl-C, then drain; logs JSON on stderr',
    )
    .option(
      '--handlers <file...>',
      'modules whose default export is a list of what handled(job, run) makes, of extensions and of hooks',
    )
    .option(
      '--built-in <names>',
      'which types of its own it runs: instances, webhooks, both with a comma, or none (default: both, with --handlers none)',
      parseBuiltIn,
    )
    .option('--concurrency <type=n...>', 'jobs of a type that run at once')
    .option('--log-attempts', 'log one line for each attempt; see docs/guides/tracing.md')
    .addOption(waitForBrokerOption())
    .addOption(shutdownTimeoutOption())
    .addOption(
      durationOption('--poll-interval <duration>', 'pause between two polls of an instance', {
        byDefault: '10s',
      }),
    )
    .addOption(
      durationOption(
        '--keep-ledger <duration>',
        'how long the ledger keeps an instance that has ended (default: 400d)',
        { minMs: 1_000, isTimer: false },
      ),
    )
    .action(() => work(command.optsWithGlobals<WorkerCommandOptions>()));
  withRentalLimits(command);
  withHealthOptions(command);
  withExamples(
    command,
    'worker',
    'worker --concurrency create_instance=20 send_webhook=50 --shutdown-timeout 40s',
    'worker --handlers ./handlers.js --wait-for-broker 30s',
    'worker --built-in webhooks',
  ).addHelpText('after', ENVIRONMENT);
}

async function work(options: WorkerCommandOptions): Promise<void> {
  const logger = cliLogger('info');
  const { handlers: files = [], builtIn = files.length > 0 ? [] : BUILT_IN } = options;
  const made: Record<BuiltIn, () => WorkerExtension> = {
    instances: () => {
      const provider = providersFrom(process.env, logger);
      const limits = rentalLimitsOf(options);
      const lease = leaseFrom(process.env);
      return gpuInstances({
        provider,
        pollIntervalMs: options.pollInterval,
        ...limits,
        ...defined({ lease, keepLedgerMs: options.keepLedger }),
      });
    },
    webhooks: () => webhooks(webhooksFrom(process.env, logger)),
  };
  const extensions = [...builtIn.map((name) => made[name]()), ...(await loadHandlers(files))];
  const concurrency = parseConcurrency(options.concurrency ?? [], files.length > 0);
  const stopping = shutdownSignal(() => logger.warn('second signal; ending at once'));
  await using queue = openQueue(options, logger, await registeredTracing());
  const hooks = options.logAttempts ? [logAttempts(logger)] : [];
  const worker = new JobWorkerService(queue, { concurrency, logger }).use(...extensions, ...hooks);
  const isConnected = () => queue.isConnected === true;
  // From the start on: a worker that waits for the broker lives, and is not ready.
  await using health = await serveHealth(options, worker, isConnected);
  if (health.url) logger.info({ url: health.url }, 'serving /livez and /readyz');
  const connect = () => queue.connect().then(() => true);
  if (!(await reachWithin(connect, options, logger, stopping))) return;
  await worker.start();
  logger.info({ signal: await stopping }, 'draining; a second signal ends at once');
  await worker.shutdown(options.shutdownTimeout);
}

/** Where instances ask for their lease, if they are to have any. */
function leaseFrom({ JETFLEET_LEASE_URL: url, JETFLEET_CALLBACK_SECRET: secret = '' }: Environment) {
  return url ? { url, secret } : undefined;
}

/** `instances,webhooks`, or `none`. */
function parseBuiltIn(text: string): BuiltIn[] {
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const found = BUILT_IN.find((each) => each === name.trim());
    if (found) return found;
    throw new InvalidArgumentError(`It must be ${BUILT_IN.join(', ')}, both with a comma between, or none.`);
  });
}

/**
 * The providers that the environment names.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` that says what is missing
 */
export function providersFrom(env: Environment, logger?: Logger): GpuProvider[] {
  try {
    return providersFromEnvironment(env, logger);
  } catch (error) {
    if (JetfleetError.is(error)) throw usageError(error.message);
    throw error;
  }
}

function webhooksFrom(env: Environment, logger: Logger): WebhooksOptions {
  const secret = keysOf(env.JETFLEET_WEBHOOK_SECRET);
  const legacySecret = env.JETFLEET_WEBHOOK_LEGACY_SECRET || undefined;
  if (secret.length === 0)
    logger.warn(
      'JETFLEET_WEBHOOK_SECRET is not set: webhooks go out unsigned, so receivers cannot trust them',
    );
  return { secret, ...defined({ legacySecret }) };
}

/**
 * `create_instance=20` and its like.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
function parseConcurrency(pairs: readonly string[], hasOwnTypes: boolean): Record<string, number> {
  const entries = pairs.map((pair): [string, number] => {
    const [type = '', count = '', ...rest] = pair.split('=');
    if ((hasOwnTypes || BUILT_IN_TYPES.includes(type)) && /^[1-9]\d{0,3}$/.test(count) && rest.length === 0)
      return [type, Number(count)];
    const types = hasOwnTypes ? '' : `, with a type of ${BUILT_IN_TYPES.join(', ')}`;
    throw usageError(`--concurrency ${JSON.stringify(pair)} must read type=n${types}`);
  });
  return Object.fromEntries(entries);
}

const limit = integer(0, MAX_RENTAL_LIMIT);
/** An environment variable that is set to nothing sets nothing; the parser then keeps the empty text. */
const parseLimit = (text: string) => (text === '' ? undefined : limit(text));

/** `--max-instances` and `--max-gpus`, of the commands that rent. */
export function withRentalLimits(command: Command): Command {
  const option = (flags: string, what: string, variable: string) =>
    new Option(flags, `${what} that may be rented at once; creates beyond are refused`)
      .env(variable)
      .argParser(parseLimit);
  return command
    .addOption(option('--max-instances <n>', 'instances', 'JETFLEET_MAX_INSTANCES'))
    .addOption(option('--max-gpus <n>', 'GPUs', 'JETFLEET_MAX_GPUS'));
}

export function rentalLimitsOf({ maxInstances, maxGpus }: RentalLimits): RentalLimits {
  return {
    ...(typeof maxInstances === 'number' && { maxInstances }),
    ...(typeof maxGpus === 'number' && { maxGpus }),
  };
}
