export { ApiCall, ApiDialect, ApiErrors, ApiErrorsOptions, CallKind, CallRates, Fault, FaultInput, FaultKind, Faults, GivenCallRates, LedgerAction, LedgerEntry, Operation, Operations, ProvenClass, ProviderApi, ProviderApiOptions, ProviderError, ProviderErrorClass, PublishedRates, RequestLog, RequestRecord, Simulator, SimulatorOptions, SimulatorTimings } from './shared/simulator.js';
import { GpuProvider, ProviderCapabilities } from './shared/provider.js';
export { BillingMode, CreateSpec, Instance, InstanceStatus, Offer, OfferQuery, StartScript, Template } from './shared/provider.js';
import { Logger } from './jetfleet.js';
export { NovitaProvider, NovitaProviderOptions, createNovitaProvider, startSimulator } from './gpu/novita.js';
import 'zod';
import './shared/errors.js';
import './shared/shown-limit.js';
import './shared/vocabulary.js';

/** Several providers as one. Ids of instances begin with the name of their provider: `runpod:7h9k2m4n6p`. */
interface CombinedProvider extends GpuProvider {
    /** Each of them, with ids as they are here. */
    readonly parts: readonly GpuProvider[];
}
/**
 * Several providers as one: what is asked of one instance goes to its provider, and lists are those of all. A provider that fails
 * keeps no other from being listed: its error comes last. All are asked for an id that names none of them, so that instances
 * of a worker that had one provider alone are still known, and nobody is gone because the wrong one was asked.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for none, and for two of one name
 */
declare function combinedProvider(providers: readonly GpuProvider[]): CombinedProvider;

/** A provider as its author writes it: what it cannot do is left out. */
interface ProviderDefinition extends Omit<GpuProvider, 'capabilities' | 'stop'> {
    /** Without `stop` and `start` instances cannot be stopped. */
    stop?: GpuProvider['stop'];
    /** What the calls do not show. Defaults to no spot instances, no exact look-up by name, and names of 60 characters. */
    capabilities?: Partial<Pick<ProviderCapabilities, 'spot' | 'exactNameLookup' | 'maxNameLength' | 'startScript' | 'billedMs'>>;
}
/**
 * A provider of your own. {@link GpuProvider} says what each call has to do; a worker holds it to deadlines and to answers of
 * their kind. `ProviderApi` makes its HTTP calls as the adapters of the package do.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a name, a call or a capability that cannot be used
 */
declare function defineProvider(definition: ProviderDefinition): GpuProvider;

type Environment = Readonly<Record<string, string | undefined>>;
/** What `JETFLEET_PROVIDER` may be. `simulator` speaks Novita's API. */
declare const PROVIDER_NAMES: readonly string[];
/**
 * The providers that the environment names: `JETFLEET_PROVIDER`, one or several with commas, with `NOVITA_API_KEY`, `RUNPOD_API_KEY`, `LAMBDA_API_KEY` or
 * `VAST_API_KEY`, `..._API_BASE_URL` for another address, `..._ACCOUNT` for the name of the account among limits, and `..._RATE_LIMITS` for other limits than
 * the published ones (`create=1/12s, all=none`, or `none`). Without `JETFLEET_PROVIDER` a `NOVITA_API_KEY` names Novita.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` that says what is missing; ProviderError for a value that cannot be used
 */
declare function providersFromEnvironment(env: Environment, logger?: Logger): GpuProvider[];

/** Every instance that Jetfleet rents has a name that begins so; nothing else is ever touched. */
declare const INSTANCE_NAME_PREFIX = "jetfleet-";
/** The job that an instance is rented for, as far as its name goes. */
interface NamedJob {
    id: string;
    /** Tells a job from an earlier one of the same id, whose instance may still run. */
    createdAt: string;
    /** A job that is tried anew never adopts what its failed life left behind. */
    redrives?: number;
}
/**
 * The provider's name for the instance of a job: readable, at most 60 of `[a-z0-9-]`, and the same for every
 * attempt. The hash keeps jobs apart that differ only in case, in characters which names cannot have, in their
 * namespace, or in their time.
 */
declare function instanceNameFor({ id, createdAt, redrives }: NamedJob, namespace?: string): string;
/** How the name of a job's instance begins, whatever its namespace and time. */
declare function instanceNameStem(jobId: string): string;

export { GpuProvider, INSTANCE_NAME_PREFIX, PROVIDER_NAMES, ProviderCapabilities, combinedProvider, defineProvider, instanceNameFor, instanceNameStem, providersFromEnvironment };
export type { CombinedProvider, NamedJob, ProviderDefinition };
