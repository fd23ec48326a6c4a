import type { Command } from 'commander';
import { createNovitaProvider, type GpuProvider, ProviderError } from '../gpu/index.js';
import { DEFAULT_SIMULATOR_API_KEY } from '../gpu/simulator/simulator.js';
import { gpuInstances } from '../instances/gpu-instances.js';
import type { RentalLimits } from '../instances/rental-limit.js';
import { JobType } from '../jetfleet.js';
import type { Logger } from '../telemetry/logger.js';
import { parseWebhookSecret } from '../webhooks/index.js';
import { type WebhooksOptions, webhooks } from '../webhooks/webhooks.js';
import { JobWorkerService } from '../worker/job-worker-service.js';
import { usageError } from './exit-code.js';
import {
  cliLogger,
  durationOption,
  type GlobalOptions,
  openQueue,
  shutdownTimeoutOption,
  withExamples,
} from './options.js';
import { rentalLimitsOf, withRentalLimits } from './rental-limit-options.js';
import { shutdownSignal } from './signals.js';

const BUILT_IN: readonly string[] = Object.values(JobType);

type Environment = Record<string, string | undefined>;

interface WorkerCommandOptions extends GlobalOptions, RentalLimits {
  concurrency?: string[];
  shutdownTimeout: number;
  pollInterval: number;
}

const ENVIRONMENT = `
Environment:
  JETFLEET_PROVIDER        novita (default) or simulator
  NOVITA_API_KEY           the key of the account; needed for novita
  NOVITA_API_BASE_URL      where the API is (default: https://api.novita.ai); needed for simulator
  JETFLEET_MAX_INSTANCES   instances that may be rented at once (default: no limit)
  JETFLEET_MAX_GPUS        GPUs that may be rented at once (default: no limit)
  JETFLEET_WEBHOOK_SECRET  whsec_...; without it webhooks go out unsigned
  LOG_LEVEL                trace, debug, info (default), warn, error, silent`;

/** `jetfleet worker`. */
export function workerCommand(program: Command): void {
  const command = program
    .command('worker')
    .description('run jobs of the built-in types until SIGTERM or Ctrl-C, then drain; logs JSON on stderr')
    .option('--concurrency <type=n...>', 'jobs of a type that run at once')
    .addOption(shutdownTimeoutOption())
    .addOption(durationOption('--poll-interval <duration>', 'pause between two looks at an instance', '10s'))
    .action(() => work(command.optsWithGlobals<WorkerCommandOptions>()));
  withRentalLimits(command);
  withExamples(
    command,
    'worker',
    'worker --concurrency create_instance=20 send_webhook=50 --shutdown-timeout 40s',
  ).addHelpText('after', ENVIRONMENT);
}

async function work(options: WorkerCommandOptions): Promise<void> {
  const logger = cliLogger('info');
  const provider = providerFrom(process.env, logger);
  const extensions = [
    gpuInstances({ provider, pollIntervalMs: options.pollInterval, ...rentalLimitsOf(options) }),
    webhooks(webhooksFrom(process.env, logger)),
  ];
  const concurrency = parseConcurrency(options.concurrency ?? []);
  const stopping = shutdownSignal(() => logger.warn('second signal; ending at once'));
  await using queue = openQueue(options, logger);
  const worker = new JobWorkerService(queue, { concurrency, logger }).use(...extensions);
  await worker.start();
  logger.info({ signal: await stopping }, 'draining; a second signal ends at once');
  await worker.shutdown(options.shutdownTimeout);
}

/**
 * The provider that the environment names.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` that says what is missing
 */
export function providerFrom(env: Environment, logger?: Logger): GpuProvider {
  const { NOVITA_API_KEY: key, NOVITA_API_BASE_URL: baseUrl } = env;
  const provider = env.JETFLEET_PROVIDER || (key ? 'novita' : '');
  switch (provider) {
    case 'novita':
      if (key) return novita(key, baseUrl, logger);
      throw usageError('JETFLEET_PROVIDER is novita, so NOVITA_API_KEY must be set');
    case 'simulator':
      if (baseUrl) return novita(key || DEFAULT_SIMULATOR_API_KEY, baseUrl, logger);
      throw usageError(
        'JETFLEET_PROVIDER is simulator, so NOVITA_API_BASE_URL must say where it runs; "jetfleet dev" prints it',
      );
    case '':
      throw usageError(
        'no GPU provider is configured: set NOVITA_API_KEY, or JETFLEET_PROVIDER=simulator and NOVITA_API_BASE_URL; ' +
          'or try "jetfleet dev", which needs nothing',
      );
    default:
      throw usageError(`JETFLEET_PROVIDER ${JSON.stringify(provider)} must be novita or simulator`);
  }
}

function novita(apiKey: string, baseUrl: string | undefined, logger: Logger | undefined): GpuProvider {
  try {
    return createNovitaProvider({ apiKey, ...(baseUrl && { baseUrl }), ...(logger && { logger }) });
  } catch (error) {
    if (error instanceof ProviderError) throw usageError(error.message);
    throw error;
  }
}

function webhooksFrom(env: Environment, logger: Logger): WebhooksOptions {
  const secret = env.JETFLEET_WEBHOOK_SECRET;
  if (secret) {
    parseWebhookSecret(secret);
    return { secret };
  }
  logger.warn('JETFLEET_WEBHOOK_SECRET is not set: webhooks go out unsigned, so receivers cannot trust them');
  return {};
}

/**
 * `create_instance=20` and its like.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function parseConcurrency(pairs: readonly string[]): Record<string, number> {
  const entries = pairs.map((pair): [string, number] => {
    const [type = '', count = '', ...rest] = pair.split('=');
    if (BUILT_IN.includes(type) && /^[1-9]\d{0,3}$/.test(count) && rest.length === 0)
      return [type, Number(count)];
    throw usageError(
      `--concurrency ${JSON.stringify(pair)} must read type=n, with a type of ${BUILT_IN.join(', ')}`,
    );
  });
  return Object.fromEntries(entries);
}
