import { defined } from '../jobs/defined.js';
import { invalidOption } from '../jobs/errors.js';
import { quoted } from '../jobs/excerpt.js';
import type { Logger } from '../telemetry/logger.js';
import { parseRates } from './api/call-rates.js';
import type { ProviderApiOptions } from './api/provider-api.js';
import { createLambdaProvider } from './lambda/lambda-provider.js';
import { createNovitaProvider } from './novita/novita-provider.js';
import type { GpuProvider } from './provider.js';
import { createRunpodProvider } from './runpod/runpod-provider.js';
import { DEFAULT_SIMULATOR_API_KEY } from './simulator/simulator.js';
import { createVastProvider } from './vast/vast-provider.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The providers that `JETFLEET_PROVIDER` can name, each with what the variables beside its key are needed for. */
const MAKERS: Readonly<Record<string, (options: ProviderApiOptions, env: Environment) => GpuProvider>> = {
  novita: (options) => createNovitaProvider(options),
  runpod: (options) => createRunpodProvider(options),
  lambda: (options, { LAMBDA_SSH_KEY_NAME: sshKeyName }) => {
    if (sshKeyName) return createLambdaProvider({ ...options, sshKeyName });
    throw invalidOption(
      'JETFLEET_PROVIDER is lambda, so LAMBDA_SSH_KEY_NAME must name an SSH key of the account',
    );
  },
  vast: (options) => createVastProvider(options),
};
/** What `JETFLEET_PROVIDER` may be. `simulator` speaks Novita's API. */
export const PROVIDER_NAMES: readonly string[] = [...Object.keys(MAKERS), 'simulator'];

/** Whether the environment names a provider. */
export function namesProvider({ JETFLEET_PROVIDER, NOVITA_API_KEY }: Environment): boolean {
  return Boolean(JETFLEET_PROVIDER || NOVITA_API_KEY);
}

/**
 * The providers that the environment names: `JETFLEET_PROVIDER`, one or several with commas, with `NOVITA_API_KEY`, `RUNPOD_API_KEY`, `LAMBDA_API_KEY` or
 * `VAST_API_KEY`, `..._API_BASE_URL` for another address, `..._ACCOUNT` for the name of the account among limits, and `..._RATE_LIMITS` for other limits than
 * the published ones (`create=1/12s, all=none`, or `none`). Without `JETFLEET_PROVIDER` a `NOVITA_API_KEY` names Novita.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` that says what is missing; ProviderError for a value that cannot be used
 */
export function providersFromEnvironment(env: Environment, logger?: Logger): GpuProvider[] {
  const text = env.JETFLEET_PROVIDER || (env.NOVITA_API_KEY ? 'novita' : '');
  const names = text.split(',').map((name) => name.trim());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalidOption(`JETFLEET_PROVIDER names ${twice} twice`);
  return names.map((name) => providerOf(name, env, logger));
}

function providerOf(name: string, env: Environment, logger: Logger | undefined): GpuProvider {
  if (name === '') {
    throw invalidOption(
      'no GPU provider is configured: set NOVITA_API_KEY, or JETFLEET_PROVIDER=simulator and NOVITA_API_BASE_URL; ' +
        'or try "jetfleet dev", which needs nothing',
    );
  }
  if (!PROVIDER_NAMES.includes(name)) {
    const names = `${PROVIDER_NAMES.slice(0, -1).join(', ')} or ${PROVIDER_NAMES.at(-1)}`;
    throw invalidOption(`JETFLEET_PROVIDER ${quoted(name)} must be ${names}`);
  }
  const isSimulator = name === 'simulator';
  const variables = isSimulator ? 'NOVITA' : name.toUpperCase();
  const key = env[`${variables}_API_KEY`];
  const baseUrl = env[`${variables}_API_BASE_URL`] || undefined;
  if (!key && !isSimulator) {
    throw invalidOption(`JETFLEET_PROVIDER is ${name}, so ${variables}_API_KEY must be set`);
  }
  if (!baseUrl && isSimulator) {
    throw invalidOption(
      'JETFLEET_PROVIDER is simulator, so NOVITA_API_BASE_URL must say where it runs; "jetfleet dev" prints it',
    );
  }
  const apiKey = key || DEFAULT_SIMULATOR_API_KEY;
  const make = MAKERS[isSimulator ? 'novita' : name] as (typeof MAKERS)[string];
  const account = env[`${variables}_ACCOUNT`] || undefined;
  const rates = env[`${variables}_RATE_LIMITS`];
  const rateLimits = rates ? parseRates(`${variables}_RATE_LIMITS`, rates) : undefined;
  return make(defined({ apiKey, baseUrl, account, rateLimits, logger }), env);
}
