import { SimulatorOptions, Simulator, ProviderApiOptions } from '../gpu.js';
import { GpuProvider, ProviderCapabilities, CreateSpec, Instance, OfferQuery, Offer, Template } from '../gpu.js';
import 'zod';
import '../shared/logger.js';
import '../shared/errors.js';
import '../shared/shown-limit.js';
import '../shared/vocabulary.js';

/**
 * Starts a simulated provider that speaks Vast.ai's API.
 * @throws Error when the port cannot be used
 */
declare function startVastSimulator(options?: SimulatorOptions): Promise<Simulator>;

type VastProviderOptions = ProviderApiOptions;
/**
 * Vast.ai's marketplace. A region is a country (`US`), a product a GPU by its name (`RTX 4090`), and each offer one machine of a
 * host. A template is named by its `hash_id`. Spot instances are bids at the lowest price that the offer takes.
 * @throws ProviderError `auth` or `validation` for a key or base URL that cannot be used
 */
declare function createVastProvider(options: VastProviderOptions): VastProvider;
/** {@link GpuProvider} over Vast.ai's API. It keeps no state: any number may share one account. */
declare class VastProvider implements GpuProvider {
    #private;
    readonly name = "vast";
    readonly account: string;
    readonly capabilities: ProviderCapabilities;
    constructor(options: VastProviderOptions);
    create(spec: CreateSpec, signal?: AbortSignal): Promise<{
        providerInstanceId: string;
    }>;
    /** Where the single read shows nothing in place of the instance, the list filtered by its id decides. */
    get(id: string, signal?: AbortSignal): Promise<Instance | null>;
    /** A name is the label, which the list filters exactly. */
    findByName(name: string, signal?: AbortSignal): Promise<Instance[]>;
    list({ namePrefix }?: {
        namePrefix?: string;
    }, signal?: AbortSignal): AsyncGenerator<Instance>;
    delete(id: string, signal?: AbortSignal): Promise<void>;
    stop(id: string, signal?: AbortSignal): Promise<void>;
    /** A stopped instance starts only while its GPU is free: it may wait in its stopped state. */
    start(id: string, signal?: AbortSignal): Promise<void>;
    /** Stops and starts the container without giving the GPU away. */
    restart(id: string, signal?: AbortSignal): Promise<void>;
    listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]>;
    getTemplate(id: string, signal?: AbortSignal): Promise<Template>;
}

export { VastProvider, createVastProvider, startVastSimulator };
export type { VastProviderOptions };
