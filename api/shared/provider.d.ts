/**
 * What Jetfleet needs of a company that rents GPU instances. No provider offers an idempotency key on create, so
 * the name that Jetfleet chooses is the only identity that survives a crash: `findByName` must match it exactly.
 */
/** Instance status in one vocabulary. `running` is not yet usable; `preempted` is a reclaimed spot instance. */
type InstanceStatus = 'pending' | 'provisioning' | 'running' | 'stopping' | 'stopped' | 'preempted' | 'migrating' | 'failed' | 'terminating' | 'terminated' | 'unknown';
interface Instance {
    id: string;
    name: string;
    status: InstanceStatus;
    /** The provider's own word for the status. */
    rawStatus: string;
    /** Running, and nothing reported against it. */
    healthy: boolean;
    /** Why it failed or is unhealthy, where the provider says so. */
    reason?: string;
    region?: string;
    productId?: string;
    /** How many GPUs it has. */
    gpuNum?: number;
    /** What it costs, where the provider shows that: of all its GPUs, in 1/100,000 of the account's currency per hour, as an integer. */
    pricePerHour?: number;
    /** Whether its provider takes it back, as a spot instance, or has announced to. */
    isInterrupted?: boolean;
    /** Public endpoints of the instance's ports. */
    endpoints: {
        port: number;
        protocol: string;
        url: string;
    }[];
    /** ISO 8601. */
    createdAt?: string;
    /** When it started last, ISO 8601, where the provider says so: a restart shows by it. */
    startedAt?: string;
    /** When this was read, ISO 8601. */
    observedAt: string;
}
type BillingMode = 'spot' | 'on_demand';
/** Something that can be rented now, as far as the provider knows: capacity is advisory. */
interface Offer {
    /** Name of the provider, where a worker has several. */
    provider?: string;
    productId: string;
    productName: string;
    /** The region that was asked for. */
    region: string;
    /** The provider's cluster that serves the region, where it has such a thing. */
    clusterId?: string;
    billingMode: BillingMode;
    /** Price of all GPUs that were asked for, in 1/100,000 of the account's currency per hour, as an integer. */
    pricePerHour: number;
    /** What the adapter itself needs to rent it. */
    details?: Readonly<Record<string, string | number>>;
}
interface OfferQuery {
    productName: string;
    region: string;
    gpuNum: number;
    billingMode: BillingMode;
    /** GB that the instance will need, where the price or the choice of machines depends on it. Defaults to any. */
    rootfsSize?: number;
}
/** What runs on the instance. */
interface Template {
    id: string;
    image: string;
    /** Credentials for a private image: `user:password`. */
    imageAuth?: string;
    /** The provider's id of stored credentials for a private image. */
    imageAuthId?: string;
    startCommand?: string;
    /** Replaces the entrypoint of the image. */
    entrypoint?: string;
    /** The lowest CUDA version that the host must support, such as `12.4`. */
    minCudaVersion?: string;
    ports: {
        port: number;
        protocol: string;
    }[];
    envs: {
        key: string;
        value: string;
    }[];
    /** Tools of the provider's own images, such as Jupyter, with their ports. */
    tools?: {
        name: string;
        port?: string;
        type?: string;
    }[];
    /** Network storage that is mounted. */
    networkVolumes?: {
        id: string;
        mountPath: string;
    }[];
}
interface CreateSpec {
    /** Chosen by Jetfleet, at most 60 of `[a-z0-9-]`. */
    name: string;
    offer: Offer;
    template: Template;
    gpuNum: number;
    /** GB. */
    rootfsSize: number;
}
interface StartScript {
    /** Whether it must begin with a line such as `#!/bin/sh`. */
    needsShebang?: boolean;
    /** A line of shell by which an instance stops itself, with what its provider gives to it. Defaults to none. */
    endCommand?: string;
}
interface ProviderCapabilities {
    /** Whether an instance can be stopped and started again. */
    stopStart: boolean;
    /** Whether an instance can be restarted where it is. Defaults to false. */
    restart?: boolean;
    /** Whether a reclaimed spot instance can be moved to another machine. Defaults to false. */
    migrate?: boolean;
    spot: boolean;
    /** That the `startCommand` of a template is a shell script, which instances run beside their image when they start. Defaults to none. */
    startScript?: StartScript;
    /** Whether the provider itself matches names exactly; otherwise the adapter filters. */
    exactNameLookup: boolean;
    maxNameLength: number;
    /** What is billed is rounded up to so many milliseconds. Defaults to 1,000. */
    billedMs?: number;
}
/** Every call rejects with a {@link ProviderError} and ends early when `signal` aborts. */
interface GpuProvider {
    readonly name: string;
    /** What the account is called, among limits and in the ledger. Defaults to `default`. */
    readonly account?: string;
    readonly capabilities: ProviderCapabilities;
    /** Rents one instance. Never retried by the adapter: an ambiguous answer is the caller's to resolve by name. */
    create(spec: CreateSpec, signal?: AbortSignal): Promise<{
        providerInstanceId: string;
    }>;
    /**
     * One instance, or null when the provider itself says that it does not know it. Any other answer that is not this
     * instance is an error: an unknown page, a refusal without a name, another instance.
     */
    get(id: string, signal?: AbortSignal): Promise<Instance | null>;
    /**
     * Every instance of exactly this name that is not terminated, oldest first. An empty answer means that the provider
     * showed its whole list and the name was not in it; where that is in doubt, this rejects with `transient`.
     */
    findByName(name: string, signal?: AbortSignal): Promise<Instance[]>;
    /**
     * All instances, page by page, optionally those whose name starts with `namePrefix`. An instance that cannot be read is
     * left out, so that an instance is missing here proves nothing; `get` and `findByName` do.
     */
    list(filter?: {
        namePrefix?: string;
    }, signal?: AbortSignal): AsyncIterable<Instance>;
    /** Removes an instance. Success when the provider accepts it, or says itself that it does not know the instance. */
    delete(id: string, signal?: AbortSignal): Promise<void>;
    /** Rejects with `validation` where `capabilities.stopStart` is false. */
    stop(id: string, signal?: AbortSignal): Promise<void>;
    /** With `capabilities.stopStart`. A success is a request: a read shows whether it starts. */
    start?(id: string, signal?: AbortSignal): Promise<void>;
    /** With `capabilities.restart`. */
    restart?(id: string, signal?: AbortSignal): Promise<void>;
    /** With `capabilities.migrate`. The instance keeps its id. */
    migrate?(id: string, signal?: AbortSignal): Promise<void>;
    /** Offers that fit, cheapest first; an empty list when there is no capacity. */
    listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]>;
    getTemplate(id: string, signal?: AbortSignal): Promise<Template>;
}

export type { BillingMode, CreateSpec, GpuProvider, Instance, InstanceStatus, Offer, OfferQuery, ProviderCapabilities, StartScript, Template };
