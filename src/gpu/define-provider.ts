import { defined } from '../jobs/defined.js';
import { invalidOption } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import { MAX_DELAY_MS } from '../jobs/limits.js';
import { checkInteger } from '../jobs/numbers.js';
import { assertFunction, assertOptions, checkBoolean, checkText, type OptionNames } from '../jobs/options.js';
import { checkAccount } from './api/call-rates.js';
import type { GpuProvider, ProviderCapabilities, StartScript } from './provider.js';
import { ProviderError } from './provider-error.js';

/** A provider as its author writes it: what it cannot do is left out. */
export interface ProviderDefinition extends Omit<GpuProvider, 'capabilities' | 'stop'> {
  /** Without `stop` and `start` instances cannot be stopped. */
  stop?: GpuProvider['stop'];
  /** What the calls do not show. Defaults to no spot instances, no exact look-up by name, and names of 60 characters. */
  capabilities?: Partial<
    Pick<ProviderCapabilities, 'spot' | 'exactNameLookup' | 'maxNameLength' | 'startScript' | 'billedMs'>
  >;
}

const DEFINITION: OptionNames<Required<ProviderDefinition>> = {
  name: true,
  account: true,
  capabilities: true,
  create: true,
  get: true,
  findByName: true,
  list: true,
  delete: true,
  stop: true,
  start: true,
  restart: true,
  migrate: true,
  listOffers: true,
  getTemplate: true,
};
const CAPABILITIES: OptionNames<Required<NonNullable<ProviderDefinition['capabilities']>>> = {
  spot: true,
  exactNameLookup: true,
  maxNameLength: true,
  startScript: true,
  billedMs: true,
};
const START_SCRIPT: OptionNames<Required<StartScript>> = { needsShebang: true, endCommand: true };
const REQUIRED = ['create', 'get', 'findByName', 'list', 'delete', 'listOffers', 'getTemplate'] as const;
const OPTIONAL = ['stop', 'start', 'restart', 'migrate'] as const;
/** Names of instances have at most so many characters. */
const MIN_NAME_LENGTH = 60;

/**
 * A provider of your own. {@link GpuProvider} says what each call has to do; a worker holds it to deadlines and to answers of
 * their kind. `ProviderApi` makes its HTTP calls as the adapters of the package do.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a name, a call or a capability that cannot be used
 */
export function defineProvider(definition: ProviderDefinition): GpuProvider {
  assertOptions('defineProvider', definition, DEFINITION);
  const { name, account, capabilities = {} } = definition;
  checkAccount(account);
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    throw invalidOption(`defineProvider: name ${excerptOf(name)} must be 1 to 32 of a-z, 0-9 and -`);
  }
  assertOptions('defineProvider: capabilities', capabilities, CAPABILITIES);
  const {
    spot = false,
    exactNameLookup = false,
    maxNameLength = MIN_NAME_LENGTH,
    startScript,
    billedMs,
  } = capabilities;
  checkInteger('defineProvider: billedMs', billedMs, 1, MAX_DELAY_MS);
  if (startScript !== undefined) {
    assertOptions('defineProvider: startScript', startScript, START_SCRIPT);
    checkBoolean('defineProvider: startScript.needsShebang', startScript.needsShebang);
    checkText('defineProvider: startScript.endCommand', startScript.endCommand);
  }
  checkBoolean('defineProvider: spot', spot);
  checkBoolean('defineProvider: exactNameLookup', exactNameLookup);
  if (!Number.isInteger(maxNameLength) || maxNameLength < MIN_NAME_LENGTH) {
    const least = `an integer from ${MIN_NAME_LENGTH}, the length of the names that Jetfleet gives`;
    throw invalidOption(`defineProvider: maxNameLength ${excerptOf(maxNameLength)} must be ${least}`);
  }
  for (const call of REQUIRED) assertFunction(`defineProvider: ${call}`, definition[call]);
  for (const call of OPTIONAL) {
    if (definition[call] !== undefined) assertFunction(`defineProvider: ${call}`, definition[call]);
  }
  if ((definition.stop === undefined) !== (definition.start === undefined)) {
    throw invalidOption('defineProvider takes stop and start together, or neither');
  }
  const { stop, start, restart, migrate } = definition;
  return {
    name,
    ...defined({ account }),
    capabilities: {
      stopStart: stop !== undefined,
      restart: restart !== undefined,
      migrate: migrate !== undefined,
      ...{ spot, exactNameLookup, maxNameLength },
      ...(startScript && { startScript: { ...startScript } }),
      ...defined({ billedMs }),
    },
    create: definition.create.bind(definition),
    get: definition.get.bind(definition),
    findByName: definition.findByName.bind(definition),
    list: definition.list.bind(definition),
    delete: definition.delete.bind(definition),
    listOffers: definition.listOffers.bind(definition),
    getTemplate: definition.getTemplate.bind(definition),
    stop:
      stop?.bind(definition) ??
      (async () => {
        throw new ProviderError('validation', `${name} cannot stop instances`);
      }),
    ...(start && { start: start.bind(definition) }),
    ...(restart && { restart: restart.bind(definition) }),
    ...(migrate && { migrate: migrate.bind(definition) }),
  };
}
