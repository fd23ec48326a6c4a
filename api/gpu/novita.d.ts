import * as z from 'zod';
import { Logger } from '../jetfleet.js';
import { ProviderApi, ProviderApiOptions, SimulatorOptions, Simulator } from '../gpu.js';
import { OfferQuery, Offer, GpuProvider, ProviderCapabilities, CreateSpec, Instance, Template } from '../gpu.js';
import '../shared/errors.js';
import '../shared/shown-limit.js';
import '../shared/vocabulary.js';

/** What the answers of the API hold, as far as Jetfleet reads them. */

declare const novitaProductSchema: z.ZodObject<{
    id: z.ZodPipe<z.ZodUnion<readonly [z.ZodString, z.ZodNumber]>, z.ZodTransform<string, string | number>> & z.ZodType<string, string | number, z.core.$ZodTypeInternals<string, string | number>>;
    name: z.ZodString;
    availableDeploy: z.ZodCatch<z.ZodPipe<z.ZodOptional<z.ZodNullable<z.ZodBoolean>>, z.ZodTransform<boolean | undefined, boolean | null | undefined>>>;
    inventoryState: z.ZodCatch<z.ZodPipe<z.ZodOptional<z.ZodNullable<z.ZodString>>, z.ZodTransform<string | undefined, string | null | undefined>>>;
    regions: z.ZodCatch<z.ZodOptional<z.ZodNullable<z.ZodArray<z.ZodString>>>>;
    price: z.ZodCatch<z.ZodPipe<z.ZodOptional<z.ZodNullable<z.ZodPipe<z.ZodUnion<readonly [z.ZodNumber, z.ZodString]>, z.ZodTransform<number, string | number>>>>, z.ZodTransform<number | undefined, number | null | undefined>>>;
    spotPrice: z.ZodCatch<z.ZodPipe<z.ZodOptional<z.ZodNullable<z.ZodPipe<z.ZodUnion<readonly [z.ZodNumber, z.ZodString]>, z.ZodTransform<number, string | number>>>>, z.ZodTransform<number | undefined, number | null | undefined>>>;
}, z.core.$loose>;
type NovitaProduct = z.output<typeof novitaProductSchema>;
declare const novitaClusterListSchema: z.ZodObject<{
    data: z.ZodPipe<z.ZodNullable<z.ZodArray<z.ZodUnknown>>, z.ZodTransform<{
        [x: string]: unknown;
        id: string;
        name: string | undefined;
        availableGpuType: string[] | undefined;
        supportNetworkStorage: boolean | undefined;
    }[], unknown[] | null>>;
}, z.core.$loose>;
/** `GET /templates`: the list calls a template's id `Id`, as the single read does. */
declare const novitaTemplateListSchema: z.ZodObject<{
    template: z.ZodPipe<z.ZodNullable<z.ZodArray<z.ZodUnknown>>, z.ZodTransform<{
        [x: string]: unknown;
        Id: string;
        name: string | undefined;
        image: string | undefined;
        channel: string | undefined;
    }[], unknown[] | null>>;
    total: z.ZodCatch<z.ZodPipe<z.ZodOptional<z.ZodNullable<z.ZodPipe<z.ZodUnion<readonly [z.ZodNumber, z.ZodString]>, z.ZodTransform<number, string | number>>>>, z.ZodTransform<number | undefined, number | null | undefined>>>;
}, z.core.$loose>;

/** What `GET /products` may be narrowed by. The name is matched fuzzily. */
interface NovitaProductFilter {
    clusterId?: string | undefined;
    productName?: string | undefined;
    gpuNum?: number | undefined;
    billingMethod?: 'spot' | 'onDemand' | undefined;
}
type ClusterListed = z.output<typeof novitaClusterListSchema>['data'][number];
type TemplateListed = z.output<typeof novitaTemplateListSchema>['template'][number];
/** What Novita has for rent, as the API lists it; unknown fields are passed on. */
declare class NovitaCatalogue {
    #private;
    constructor(api: ProviderApi, clusterByRegion: ReadonlyMap<string, string>, logger: Logger);
    /** Products with their prices in 1/100,000 USD per hour. */
    products(filter?: NovitaProductFilter, signal?: AbortSignal): Promise<NovitaProduct[]>;
    clusters(signal?: AbortSignal): Promise<ClusterListed[]>;
    /** The templates that the account may use, optionally those whose name contains `name`, page by page. */
    templates(name?: string, signal?: AbortSignal): AsyncGenerator<TemplateListed>;
    /** In every cluster of the region; without one the products of all regions come, and their `regions` decide. */
    offers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]>;
}

interface NovitaProviderOptions extends ProviderApiOptions {
    /** Cluster ids by region, for regions that the API's list of clusters does not show. Defaults to none. */
    clusterByRegion?: Readonly<Record<string, string>>;
}
/**
 * Novita's GPU instances, API v1.
 * @throws ProviderError `auth` or `validation` for a key or base URL that cannot be used
 */
declare function createNovitaProvider(options: NovitaProviderOptions): NovitaProvider;
/** {@link GpuProvider} over Novita's API v1. It keeps no state: any number may share one account. */
declare class NovitaProvider implements GpuProvider {
    #private;
    readonly name = "novita";
    readonly account: string;
    readonly capabilities: ProviderCapabilities;
    /** Products, clusters and templates, as the account may rent them. */
    readonly catalogue: NovitaCatalogue;
    constructor(options: NovitaProviderOptions);
    create(spec: CreateSpec, signal?: AbortSignal): Promise<{
        providerInstanceId: string;
    }>;
    get(id: string, signal?: AbortSignal): Promise<Instance | null>;
    findByName(name: string, signal?: AbortSignal): Promise<Instance[]>;
    list({ namePrefix }?: {
        namePrefix?: string;
    }, signal?: AbortSignal): AsyncGenerator<Instance>;
    delete(id: string, signal?: AbortSignal): Promise<void>;
    stop(id: string, signal?: AbortSignal): Promise<void>;
    /** May be refused as `conflict` although it works: what a read shows decides. */
    start(id: string, signal?: AbortSignal): Promise<void>;
    restart(id: string, signal?: AbortSignal): Promise<void>;
    /** Moves a spot instance that was reclaimed to another machine, under the same id. */
    migrate(id: string, signal?: AbortSignal): Promise<void>;
    listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]>;
    getTemplate(id: string, signal?: AbortSignal): Promise<Template>;
}

/**
 * Starts a simulated provider that speaks Novita's API v1.
 * @throws Error when the port cannot be used
 */
declare function startSimulator(options?: SimulatorOptions): Promise<Simulator>;

export { NovitaCatalogue, NovitaProvider, createNovitaProvider, startSimulator };
export type { NovitaProductFilter, NovitaProviderOptions };
