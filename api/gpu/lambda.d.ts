import { ProviderApiOptions, SimulatorOptions, Simulator } from '../gpu.js';
import { GpuProvider, ProviderCapabilities, CreateSpec, Instance, OfferQuery, Offer, Template } from '../gpu.js';
import 'zod';
import '../shared/logger.js';
import '../shared/errors.js';
import '../shared/shown-limit.js';
import '../shared/vocabulary.js';

interface LambdaProviderOptions extends ProviderApiOptions {
    /** Name of the SSH key that new instances get. The API wants exactly one. */
    sshKeyName: string;
    /** cloud-init user data by template, for templates of your own. Defaults to none. */
    userData?: Readonly<Record<string, string>>;
}
/**
 * Lambda's on-demand instances, API v1. They are virtual machines without containers: a template is `default`, the family or id
 * of an image of `GET /images`, or a key of `userData`. A product is a type such as `gpu_1x_a10`, or the GPU that it describes
 * (`A10 (24 GB PCIe)`) with the number of GPUs. Instances cannot be stopped, only terminated.
 * @throws ProviderError `auth` or `validation` for a key, an SSH key or a base URL that cannot be used
 */
declare function createLambdaProvider(options: LambdaProviderOptions): LambdaProvider;
/** {@link GpuProvider} over Lambda's API v1. It keeps no state: any number may share one account. */
declare class LambdaProvider implements GpuProvider {
    #private;
    readonly name = "lambda";
    readonly account: string;
    readonly capabilities: ProviderCapabilities;
    constructor(options: LambdaProviderOptions);
    create(spec: CreateSpec, signal?: AbortSignal): Promise<{
        providerInstanceId: string;
    }>;
    get(id: string, signal?: AbortSignal): Promise<Instance | null>;
    /** The API has no filter by name, and names may repeat. Without times the order is that of the ids. */
    findByName(name: string, signal?: AbortSignal): Promise<Instance[]>;
    list({ namePrefix }?: {
        namePrefix?: string;
    }, signal?: AbortSignal): AsyncGenerator<Instance>;
    delete(id: string, signal?: AbortSignal): Promise<void>;
    stop(): Promise<void>;
    restart(id: string, signal?: AbortSignal): Promise<void>;
    /** The list of regions with capacity is advisory: a launch may be refused all the same. */
    listOffers(query: OfferQuery, signal?: AbortSignal): Promise<Offer[]>;
    getTemplate(id: string, signal?: AbortSignal): Promise<Template>;
}

declare const SIMULATED_SSH_KEY = "simulator";
/**
 * Starts a simulated provider that speaks Lambda Cloud's API v1. Its SSH key is `simulator`.
 * @throws Error when the port cannot be used
 */
declare function startLambdaSimulator(options?: SimulatorOptions): Promise<Simulator>;

export { LambdaProvider, SIMULATED_SSH_KEY, createLambdaProvider, startLambdaSimulator };
export type { LambdaProviderOptions };
