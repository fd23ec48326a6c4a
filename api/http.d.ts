import { OrphanOptions } from './shared/orphans.js';
import { EngineQueue } from './shared/job-queue-service.js';
import { Logger } from './jetfleet.js';
import { Problem } from './jetfleet.js';
import './shared/provider.js';
import '@standard-schema/spec';
import './shared/job-options.js';
import './shared/vocabulary.js';
import './shared/shown-limit.js';
import '@nats-io/transport-node';
import './shared/commit-options.js';
import './shared/tracing.js';

/** Who may do what: each role may also do what the one before may. */
declare const ROLES: readonly ['observer', 'operator', 'admin'];
/** `observer` looks, `operator` adds, cancels and retries jobs, `admin` also orders workers. */
type Role = (typeof ROLES)[number];
/** A secret that whoever holds it sends as `Authorization: Bearer <token>`. */
interface HttpToken {
    token: string;
    role: Role;
    /** Who holds it, for the audit trail: 1 to 50 of `A-Z a-z 0-9 . _ -`. Defaults to `token` and its number. */
    name?: string;
}
/**
 * Reads `JETFLEET_HTTP_TOKEN`: one token, which is an admin's, or `observer:abc...,operator/alice:def...,admin/bob:ghi...`.
 * @returns none for an empty text
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; the message never repeats a token
 */
declare function parseTokens(text: string | undefined): HttpToken[];

interface HttpApiOptions {
    /** Who may do what. Defaults to those of JETFLEET_HTTP_TOKEN. */
    tokens?: readonly HttpToken[];
    /**
     * Whether everybody who can connect may do everything, when there are no tokens: only where nobody but this machine
     * can. Requests that name another host, or come from another site's page, are refused then. Defaults to false.
     */
    local?: boolean;
    /** Names of this machine besides `localhost`, `127.0.0.1` and `[::1]`, where no tokens are needed. */
    allowedHosts?: readonly string[];
    /** What the dashboard calls this queue, such as `production`. */
    environment?: string;
    /** Whether the dashboard is served on the paths that the API does not have. Defaults to true. */
    dashboard?: boolean;
    /** `whpk_…`: the public keys of webhooks, served at `/.well-known/webhooks.json`. Defaults to none. */
    webhookPublicKeys?: readonly string[];
    /** 16 characters or more: with it `/callbacks/instances/{id}` takes tokens of `callbackToken`. Defaults to none: callbacks are refused. */
    callbackSecret?: string;
    /** The accounts that `/api/v1/ledger/reconcile` and `/api/v1/orphans` ask. Defaults to none: they are refused. */
    provider?: OrphanOptions['provider'];
    /** Live streams that may be open at once for each token. Defaults to 64. */
    maxStreamsPerToken?: number;
    /** A pino logger, or anything of its shape. Defaults to the queue's. */
    logger?: Logger;
}
/** The API of one queue, for any server that speaks the Fetch API's `Request` and `Response`. */
interface HttpApi {
    /** @param from the address of the caller, by which guesses of tokens are slowed; without it all count as one caller */
    fetch(request: Request, from?: {
        address?: string | undefined;
    }): Promise<Response>;
    /** From now on `/readyz` answers 503, so that balancers send nobody here any more. */
    drain(): void;
    /** Ends the streams that are open. The queue stays open: it is the caller's. */
    close(): Promise<void>;
}
/**
 * The HTTP API of a queue, to be mounted in any app at its root.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for an option that cannot be used, and without any token, unless it is `local`,
 *   `JETFLEET_WEBHOOK_SECRET_INVALID`
 */
declare function createHttpApi(queue: EngineQueue, options?: HttpApiOptions): HttpApi;

/** An error as RFC 9457 has it, with a code of `docs/errors.md`. */
interface ProblemBody {
    type: 'about:blank';
    title: string;
    status: number;
    code: string;
    detail: string;
    problems?: Problem[] | undefined;
}

interface HttpServerOptions extends Omit<HttpApiOptions, 'local'> {
    /** Address to listen at. Defaults to `127.0.0.1`; any but this machine's own needs tokens. */
    host?: string;
    /** 0 takes a free one. Defaults to 8080. */
    port?: number;
    /** How long `close` waits for requests that are under way. Defaults to 5,000. */
    closeTimeoutMs?: number;
    /** How long the headers of a request may take to come, at most `requestTimeoutMs`. Defaults to 20,000. */
    headersTimeoutMs?: number;
    /** How long a whole request may take to come, its body included. Defaults to 60,000. */
    requestTimeoutMs?: number;
    /** How long an answer waits for a reader that reads none of it. Defaults to 120,000. */
    unreadTimeoutMs?: number;
    /**
     * How long a connection without a request stays open. Longer than a load balancer in front keeps it, or that sends a
     * request into a connection that is being closed. Defaults to 65,000.
     */
    idleTimeoutMs?: number;
    /**
     * How often the server removes the ended jobs that the `retention` of their types lets go, in milliseconds; `false`: never. Defaults to
     * 300,000.
     */
    retentionIntervalMs?: number | false;
    /** How often the server brings the history of rates and times up to date, in milliseconds; `false`: never. Defaults to 10,000. */
    historyIntervalMs?: number | false;
}
/** A server that listens. */
interface HttpServer extends AsyncDisposable {
    url: string;
    port: number;
    /** From now on `/readyz` answers 503. */
    drain(): void;
    /** Ends streams, lets requests that are under way end, and stops listening. */
    close(): Promise<void>;
}
/**
 * Serves the API and the dashboard of a queue. The queue stays the caller's to close.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a port or a time that is none
 * @throws JetfleetError `JETFLEET_HTTP_ADDRESS` when it cannot listen there, or may not without tokens
 */
declare function startHttpServer(queue: EngineQueue, options?: HttpServerOptions): Promise<HttpServer>;

export { createHttpApi, parseTokens, startHttpServer };
export type { HttpApi, HttpApiOptions, HttpServer, HttpServerOptions, HttpToken, ProblemBody, Role };
