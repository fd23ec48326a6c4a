import { ProviderApiOptions, SimulatorOptions, Simulator } from '../gpu.js';
import { GpuProvider, ProviderCapabilities, CreateSpec, Instance, OfferQuery, Offer, Template } from '../gpu.js';
import 'zod';
import '../shared/logger.js';
import '../shared/errors.js';
import '../shared/shown-limit.js';
import '../shared/vocabulary.js';

/** Pods in Jetfleet's terms, and requests in those of the API. */

/** The two tiers of machines. A price is quoted for each. */
declare const CLOUDS: readonly ['SECURE', 'COMMUNITY'];
type Cloud = (typeof CLOUDS)[number];

interface RunpodProviderOptions extends ProviderApiOptions {
    /** The tiers of machines that are rented. Defaults to both. */
    clouds?: readonly Cloud[];
}
/**
 * RunPod's GPU pods, API v2. A region is the id of a data center, such as `US-KS-2`; a product is a type of GPU, by its name
 * (`RTX 4090`) or its id. The API rents on demand only: it has no field for interruptible pods.
 * @throws ProviderError `auth` or `validation` for a key, a base URL or clouds that cannot be used
 */
declare function createRunpodProvider(options: RunpodProviderOptions): RunpodProvider;
/** {@link GpuProvider} over RunPod's API v2. It keeps no state: any number may share one account. */
declare class RunpodProvider implements GpuProvider {
    #private;
    readonly name = "runpod";
    readonly account: string;
    readonly capabilities: ProviderCapabilities;
    constructor(options: RunpodProviderOptions);
    create(spec: CreateSpec, signal?: AbortSignal): Promise<{
        providerInstanceId: string;
    }>;
    get(id: string, signal?: AbortSignal): Promise<Instance | null>;
    /** The API has no filter by name, and names may repeat. */
    findByName(name: string, signal?: AbortSignal): Promise<Instance[]>;
    list({ namePrefix }?: {
        namePrefix?: string;
    }, signal?: AbortSignal): AsyncGenerator<Instance>;
    delete(id: string, signal?: AbortSignal): Promise<void>;
    stop(id: string, signal?: AbortSignal): Promise<void>;
    start(id: string, signal?: AbortSignal): Promise<void>;
    restart(id: string, signal?: AbortSignal): Promise<void>;
    /** The catalogue orders candidates, and reserves nothing: a create can still fail for capacity. */
    listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]>;
    getTemplate(id: string, signal?: AbortSignal): Promise<Template>;
}

/**
 * Starts a simulated provider that speaks RunPod's API v2.
 * @throws Error when the port cannot be used
 */
declare function startRunpodSimulator(options?: SimulatorOptions): Promise<Simulator>;

export { RunpodProvider, createRunpodProvider, startRunpodSimulator };
export type { RunpodProviderOptions };
