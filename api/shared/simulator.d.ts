import * as z from 'zod';
import { Logger } from './logger.js';
import { JetfleetError, JetfleetErrorOptions } from './errors.js';
import { RateLimit } from './shown-limit.js';

/**
 * What a failed provider call means for the caller.
 *
 * - `capacity`: nothing was made; another region or offer may do
 * - `quota`, `balance`, `auth`: nothing was made, and nothing will be until a person acts
 * - `validation`, `not_found`, `conflict`: nothing was made; the request is wrong
 * - `rate_limited`: nothing was made; wait `retryAfterMs`
 * - `transient`: a reading call failed; try again
 * - `ambiguous`: a changing call may or may not have been carried out; look before trying again
 */
type ProviderErrorClass = 'capacity' | 'quota' | 'balance' | 'auth' | 'validation' | 'not_found' | 'conflict' | 'rate_limited' | 'transient' | 'ambiguous';
declare class ProviderError extends JetfleetError {
    readonly class: ProviderErrorClass;
    /** HTTP status of the answer, where there was one. */
    readonly status?: number;
    constructor(errorClass: ProviderErrorClass, message: string, options?: Omit<JetfleetErrorOptions, 'retryable'> & {
        status?: number;
    });
}

/**
 * What an unanswered call leaves behind: nothing (`read`), nothing that saying it again would worsen
 * (`repeatable`), or perhaps a second instance to pay for (`create`).
 */
type CallKind = 'read' | 'repeatable' | 'create';
/** What an error proves; `failed` is a failure of the provider itself, which proves nothing. */
type ProvenClass = ProviderErrorClass | 'failed';
/** What an answer says about its own failure. */
interface SaidError {
    /** The error in the API's words, where it gives one. */
    name?: string;
    /** Whether a sentence holds the name, and no field of its own. */
    isFromSentence?: boolean;
    /** What a person reads. */
    reason: string;
    /** Whether the answer has the form of an API's errors; a gateway's page has not. */
    isFromApi: boolean;
}
/** An answer that is an error, as far as its meaning goes. */
interface ErrorAnswer {
    kind: CallKind;
    status: number;
    /** The parsed JSON, undefined when the answer is none. */
    body: unknown;
    said: SaidError;
}
interface ApiErrorsOptions {
    /** The API's own names of errors by what they prove, separated by white space. An absence is read from these exact names alone. */
    names: Partial<Record<ProvenClass, string>>;
    /** Names that are `rate_limited` with status 429, whatever they are without it. */
    rateLimits?: readonly string[];
    /** What an answer proves that names nothing, and first of all; undefined leaves it to names and status. */
    proves?: (answer: ErrorAnswer) => ProvenClass | undefined;
    /** The name that a sentence stands for. */
    nameOf?: (sentence: string) => string | undefined;
}
/**
 * Reads the errors of one API. Its own names decide before the status. What has no known name may come from a gateway, and
 * proves nothing about an instance: only a create that an API itself refused is final.
 */
declare class ApiErrors {
    #private;
    constructor(options: ApiErrorsOptions);
    /**
     * The error that an answer holds. The envelopes of APIs differ, and few are specified. Absence is read from a field of its
     * own alone, never from a sentence or from a page.
     * @param body the parsed JSON, undefined when the answer is none
     */
    read(body: unknown, text: string): SaidError;
    /** What an error proves. */
    classify(answer: ErrorAnswer): ProviderErrorClass;
}

/** What calls of all providers do, as far as their limits go. `change`: start, stop, restart, migrate. */
type Operation = 'create' | 'read' | 'list' | 'delete' | 'change' | 'offers' | 'templates';
/** At most `max` calls of an operation start in `perMs`; `all` counts the calls of every operation. */
type CallRates = Partial<Record<Operation | 'all', RateLimit>>;
/** In place of what the provider publishes: a rate, or false for none. */
type GivenCallRates = Partial<Record<Operation | 'all', RateLimit | false>>;
/** The operation of each route, such as `GET /instances/{id}`. */
type Operations = Readonly<Record<string, Operation>>;
/** What an API says of its limits. */
interface PublishedRates {
    /** By the route of a call. Defaults to what its kind says. */
    operations?: Operations;
    /** Defaults to none: only what the API answers slows calls down. */
    rates?: CallRates;
    /** Whether all operations share one quota: an answer that a limit is reached is then about all of them. Defaults to false. */
    hasOneQuota?: boolean;
}

/** An API, as far as all calls of it have in common. */
interface ApiDialect extends PublishedRates {
    /** In messages: `Novita`. */
    readonly provider: string;
    readonly defaultBaseUrl: string;
    /** Where the API is below the host, such as `/api/v1`; empty where it begins there. */
    readonly path: string;
    readonly errors: ApiErrors;
}
interface ApiCall<T> {
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
    /** Below the path of the API, such as `/gpu/instance`. */
    path: string;
    kind: CallKind;
    /** The fields that an answer of this kind has; without them it proves nothing. An empty body is null, one that is no JSON undefined. */
    schema: z.ZodType<T>;
    query?: Record<string, string | number | undefined>;
    body?: Record<string, unknown>;
    /** Largest answer that is read, in bytes. Defaults to 4 MiB. */
    maxBytes?: number;
    /** Values that must not show up in error messages, even if the provider repeats them. */
    secrets?: readonly string[];
    signal?: AbortSignal | undefined;
}
interface ProviderApiOptions {
    apiKey: string;
    /** Another address of the API. Its path below the host is appended unless the URL ends so. Defaults to that of the provider. */
    baseUrl?: string;
    /** Limit for one call, its body included. Defaults to 30,000. */
    timeoutMs?: number;
    logger?: Logger;
    /** What the account is called among limits: those who share it say the same. Defaults to a digest of its key and address. */
    account?: string;
    /**
     * How often the account may call, by operation (`all`, `create`, `read`, `list`, `delete`, `change`, `offers`, `templates`), in place of
     * what the provider publishes; false for no limit, of one operation or of all. Defaults to what it publishes.
     */
    rateLimits?: GivenCallRates | false;
}
/**
 * The HTTP client of every adapter. It never retries: who calls knows whether a second try could rent a second instance. In a worker each call waits
 * for its turn among those of all workers; alone it waits for nothing.
 */
declare class ProviderApi {
    #private;
    /** What the account is called. */
    readonly account: string;
    /**
     * @throws ProviderError `auth` for a key that fits no header, `validation` for an unusable `baseUrl`; ValidationError for another option that is none
     */
    constructor(dialect: ApiDialect, options: ProviderApiOptions);
    /**
     * Makes one call and gives back its checked answer.
     * @throws ProviderError by what the failure means for `call.kind`
     * @throws the reason of `call.signal`, when that is what ended the call
     */
    call<T>(call: ApiCall<T>): Promise<T>;
}

declare const faultSchema: z.ZodDiscriminatedUnion<[z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"error_after_create">;
    status: z.ZodDefault<z.ZodInt>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"reset_after_create">;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"reset">;
    route: z.ZodOptional<z.ZodString>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"name_taken">;
    status: z.ZodDefault<z.ZodInt>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"error">;
    status: z.ZodDefault<z.ZodInt>;
    code: z.ZodDefault<z.ZodString>;
    message: z.ZodDefault<z.ZodString>;
    body: z.ZodOptional<z.ZodJSONSchema>;
    route: z.ZodOptional<z.ZodString>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"answer">;
    status: z.ZodDefault<z.ZodInt>;
    headers: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodString>>;
    body: z.ZodDefault<z.ZodJSONSchema>;
    when: z.ZodDefault<z.ZodEnum<{
        after: "after";
        instead: "instead";
    }>>;
    cutAfterBytes: z.ZodOptional<z.ZodInt>;
    dribbleMs: z.ZodOptional<z.ZodInt>;
    route: z.ZodOptional<z.ZodString>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"list_lag">;
    lagMs: z.ZodDefault<z.ZodInt>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"read_lag">;
    lagMs: z.ZodDefault<z.ZodInt>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"numeric_id">;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"capped_pages">;
    size: z.ZodDefault<z.ZodInt>;
    total: z.ZodDefault<z.ZodBoolean>;
    pastEnd: z.ZodDefault<z.ZodEnum<{
        empty: "empty";
        repeat: "repeat";
    }>>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"odd_elements">;
    elements: z.ZodDefault<z.ZodArray<z.ZodJSONSchema>>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"no_capacity">;
    advertised: z.ZodDefault<z.ZodBoolean>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"stuck_pulling">;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"start_failed">;
    message: z.ZodDefault<z.ZodString>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"unhealthy">;
    forMs: z.ZodOptional<z.ZodInt>;
    state: z.ZodDefault<z.ZodString>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"delete_lag">;
    lagMs: z.ZodDefault<z.ZodInt>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"rate_limited">;
    retryAfter: z.ZodDefault<z.ZodUnion<readonly [z.ZodInt, z.ZodString]>>;
    route: z.ZodOptional<z.ZodString>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"slow">;
    delayMs: z.ZodDefault<z.ZodInt>;
    when: z.ZodDefault<z.ZodEnum<{
        after: "after";
        before: "before";
    }>>;
    route: z.ZodOptional<z.ZodString>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"vanish">;
    afterMs: z.ZodDefault<z.ZodInt>;
}, z.core.$strict>, z.ZodObject<{
    times: z.ZodOptional<z.ZodInt>;
    match: z.ZodOptional<z.ZodString>;
    kind: z.ZodLiteral<"spot_interrupted">;
    afterMs: z.ZodDefault<z.ZodInt>;
    noticeMs: z.ZodDefault<z.ZodInt>;
}, z.core.$strict>], "kind">;
/**
 * A fault to switch on. `stuck_pulling`, `start_failed`, `unhealthy`, `list_lag`, `read_lag` and `numeric_id` are decided
 * when an instance is created; the others act on each request.
 */
type FaultInput = z.input<typeof faultSchema>;
type Fault = z.output<typeof faultSchema> & {
    id: string;
    hits: number;
};
type FaultKind = Fault['kind'];
type FaultOf<K extends FaultKind> = Extract<Fault, {
    kind: K;
}>;
/** What a fault's `route` and `match` are held against. */
interface FaultTarget {
    /** `POST /gpu/instance/create`. */
    route?: string;
    texts: readonly (string | undefined)[];
}
/** The faults of one simulator. Those that used up their `times` are gone from the list. */
declare class Faults {
    #private;
    /** Refuses some kinds from now on: a test that counts on one of them would prove nothing. */
    lack(kinds: readonly FaultKind[]): void;
    /**
     * Switches a fault on and gives it back with its id.
     * @throws ValidationError listing every problem, or for a kind that the API of this simulator cannot show
     */
    add(input: FaultInput): Fault;
    /** Those that are on, oldest first. */
    list(): readonly Fault[];
    /** Whether any fault of this kind is on. */
    has(kind: FaultKind): boolean;
    /** Switches off one fault, or all. Gives the number switched off. */
    clear(id?: string): number;
    /** The oldest fault of this kind that fits, without using it up. */
    find<K extends FaultKind>(kind: K, target: FaultTarget, fits?: (fault: FaultOf<K>) => boolean): FaultOf<K> | undefined;
    /** The oldest fault of this kind that fits, counted as used once. */
    take<K extends FaultKind>(kind: K, target: FaultTarget, fits?: (fault: FaultOf<K>) => boolean): FaultOf<K> | undefined;
    use(fault: Fault): void;
}

/** How long an instance of the simulator takes over each step, in milliseconds. */
interface SimulatorTimings {
    /** From create to `creating`. Defaults to 50. */
    creatingAfterMs: number;
    /** From create to `pulling`. Defaults to 100. */
    pullingAfterMs: number;
    /** From create, or from start and restart, to `running`. Defaults to 300. */
    runningAfterMs: number;
    /** From stop to `exited`. Defaults to 100. */
    stoppedAfterMs: number;
    /** From delete to `removed`. Defaults to 100. */
    removedAfterMs: number;
    /** From delete until the instance is not found any more. Defaults to 200. */
    forgottenAfterMs: number;
}
type LedgerAction = 'create' | 'delete' | 'stop' | 'start' | 'migrate';
/** One action that the simulator carried out; what it refused is not in the ledger. */
interface LedgerEntry {
    /** ISO 8601. */
    at: string;
    action: LedgerAction;
    instanceId: string;
    name: string;
}
/** An instance as it was asked for, and what faults decided when it was made. */
interface InstanceSpec {
    id: string;
    name: string;
    gpuNum: number;
    isSpot: boolean;
    ports: {
        port: number;
        type: string;
    }[];
    product: {
        id: string;
        name: string;
    };
    cluster: {
        id: string;
        name: string;
    };
    /** What else its provider shows of it. */
    wire: Readonly<Record<string, unknown>>;
    stuckPulling: boolean;
    startFailure?: string;
    /** What is reported while it runs, for a time or for ever. */
    unhealthy?: {
        state: string;
        forMs?: number | undefined;
    };
    listLagMs: number;
    readLagMs: number;
}
/** How long an order takes after a create, what the instance is called in each half of that time, and what at its end. */
declare const ORDERS: {
    readonly start: {
        readonly takes: 'runningAfterMs';
        readonly halves: readonly ['toStart', 'starting'];
        readonly end: 'running';
    };
    readonly restart: {
        readonly takes: 'runningAfterMs';
        readonly halves: readonly ['toRestart', 'restarting'];
        readonly end: 'running';
    };
    readonly migrate: {
        readonly takes: 'runningAfterMs';
        readonly halves: readonly ['migrating', 'migrating'];
        readonly end: 'running';
    };
    readonly stop: {
        readonly takes: 'stoppedAfterMs';
        readonly halves: readonly ['toStop', 'stopping'];
        readonly end: 'exited';
    };
    readonly delete: {
        readonly takes: 'removedAfterMs';
        readonly halves: readonly ['toRemove', 'removing'];
        readonly end: 'removed';
    };
};
type Order = keyof typeof ORDERS;
interface SimulatedInstance extends InstanceSpec {
    readonly createdAtMs: number;
    /** The order that it follows; where it stands in it is a matter of the time since. */
    order: Order | 'create';
    orderedAtMs: number;
    startedAtMs: number;
    stoppedAtMs: number;
    /** When its provider takes it back, which it has announced. */
    reclaimAtMs?: number;
}
/** The instances of one simulator. Nothing ticks: every status is computed from timestamps when it is asked for. */
declare class SimulatedInstances {
    #private;
    constructor(timings?: Partial<SimulatorTimings>);
    /** Every action carried out, oldest first. */
    get ledger(): readonly LedgerEntry[];
    create(spec: InstanceSpec): SimulatedInstance;
    /** An instance that the provider still knows, removed ones of the last moments included. */
    find(id: string): SimulatedInstance | undefined;
    /** Every instance that the provider still knows, newest first: the same array for as long as none comes or goes. */
    all(): readonly SimulatedInstance[];
    /** Those that still cost money: neither removed nor vanished. */
    live(): SimulatedInstance[];
    /** The present status in Novita's words, which other wires translate, or undefined once it is forgotten. */
    status(instance: SimulatedInstance): string | undefined;
    /** Carries out an order. The caller has checked that the present status allows it. */
    order(instance: SimulatedInstance, order: Order, now?: number): void;
    /** Accepts a delete that is carried out `lagMs` from now. Saying it again does not put it off. */
    deleteLater(instance: SimulatedInstance, lagMs: number): void;
    /** Takes an instance away from outside. It is no action of the API's caller, so it is not in the ledger. */
    vanish(instance: SimulatedInstance): void;
    /** Takes a spot instance back, once the notice is over. The provider does that, so it is not in the ledger. */
    reclaim(instance: SimulatedInstance, noticeMs: number): void;
    isReclaimed({ reclaimAtMs }: SimulatedInstance): boolean;
    /** When it last came to run, or 0. */
    startedAtMs(instance: SimulatedInstance): number;
    /** Why it does not come to run, once that shows. */
    failureOf(instance: SimulatedInstance): string;
    /** What is reported of it although it runs. */
    unhealthyState(instance: SimulatedInstance): string;
}

/** The rate limits of a simulated account: requests beyond them are refused, as the provider refuses them. */

/** What is left of a limit after a request. */
interface QuotaState {
    limit: Operation | 'all';
    rate: RateLimit;
    remaining: number;
    /** Until the oldest request counts no more. */
    resetMs: number;
}

/** One request to the API, as it came. Headers are left out, since they hold the key. */
interface RequestRecord {
    at: string;
    /** `POST /gpu/instance/create`; ids in a path are in `query`: `GET /pods/{id}`. */
    route: string;
    query: Readonly<Record<string, string>>;
    body: unknown;
}
/** Status and body; text is sent as it is, everything else as JSON. The last two as in the fault `answer`. */
interface Answer {
    status: number;
    body?: unknown;
    headers?: Record<string, string>;
    cutAfterBytes?: number | undefined;
    dribbleMs?: number | undefined;
}
/** The answer is that the connection breaks. */
declare const RESET: unique symbol;
type Reply = Answer | typeof RESET;
/** The wire of one provider over simulated instances. */
interface SimulatedWire {
    /** Where the API is below the host. */
    readonly path: string;
    /** Of its routes, those with an id in the path: `GET /pods/{id}`. */
    readonly routesWithIds: readonly string[];
    /** Faults that its API cannot show: they are refused. Defaults to none. */
    readonly lacks?: readonly FaultKind[];
    /** What the request is about, in every name that a fault could mean it by. */
    targetOf(request: RequestRecord): FaultTarget;
    /** Carries a request out; the faults of single routes are applied by the server around it. */
    answer(request: RequestRecord): Reply;
    /** An error in the provider's own form. */
    refuse(status: number, name: string, message: string): Answer;
    /** How it refuses a key, a path and too many requests. */
    readonly refusals: Readonly<Record<'unauthorised' | 'noPath' | 'tooMany', Answer>>;
    /** What its routes count for, where it has limits. */
    readonly operations: Operations;
    /** How it refuses a request beyond a limit. Defaults to `refusals.tooMany` with a `Retry-After` in seconds. */
    beyond?(quota: QuotaState): Answer;
    /** Headers of every answer that tell what is left. Defaults to none. */
    quotaHeaders?(quotas: readonly QuotaState[]): Record<string, string>;
    /** The region of an instance, as its users name it. */
    regionOf(instance: SimulatedInstance): string;
    /** JSON as it goes out, where it differs. */
    readonly encode?: (json: string) => string;
}
type WireOf = (instances: SimulatedInstances, faults: Faults) => SimulatedWire;

interface SimulatorOptions {
    /** Defaults to 0: a free one. */
    port?: number;
    /** Defaults to `127.0.0.1`. */
    host?: string;
    /** The key that callers must send. Defaults to `simulator-key`. */
    apiKey?: string;
    /** Each defaults as in {@link SimulatorTimings}. */
    timings?: Partial<SimulatorTimings>;
    /** Requests beyond these are refused with 429, as the provider does it: `{ all: { max: 1, perMs: 1000 } }`. Defaults to none. */
    rateLimits?: CallRates;
    /** Whether start scripts of instances are really run, on this machine and in its network. Defaults to false. */
    runScripts?: boolean;
    logger?: Logger;
}
interface RequestLog {
    /** The last 10,000, oldest first. */
    readonly log: readonly RequestRecord[];
    /** How many came since the start, of one route such as `GET /gpu/instances`, or of all. */
    count(route?: string): number;
    /** How many were refused by `rateLimits`. */
    readonly refused: number;
}
/**
 * A running simulated provider. Besides the API it serves, without a key, `GET|POST|DELETE /_simulator/faults`
 * (`DELETE` takes `?id=`) and `GET /_simulator/ledger`, so that programs in any language can inject faults.
 */
declare class Simulator implements AsyncDisposable {
    #private;
    readonly apiKey: string;
    readonly faults: Faults;
    readonly requests: RequestLog;
    private constructor();
    /** @throws Error when the port cannot be used */
    static start(wireOf: WireOf, options: SimulatorOptions): Promise<Simulator>;
    /** Base URL for the adapter. */
    get url(): string;
    get port(): number;
    /** Every action carried out, oldest first. */
    get ledger(): readonly LedgerEntry[];
    /** The instances that are not removed: what the account is paying for. */
    live(): {
        id: string;
        name: string;
        status: string;
        region: string;
    }[];
    /** Ends every connection, the held-back answers included. Idempotent. */
    stop(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export { ApiErrors, Faults, ProviderApi, ProviderError, Simulator };
export type { ApiCall, ApiDialect, ApiErrorsOptions, CallKind, CallRates, Fault, FaultInput, FaultKind, GivenCallRates, LedgerAction, LedgerEntry, Operation, Operations, ProvenClass, ProviderApiOptions, ProviderErrorClass, PublishedRates, RequestLog, RequestRecord, SimulatorOptions, SimulatorTimings };
