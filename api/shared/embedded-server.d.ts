import { ServerSync } from './commit-options.js';
import { Logger } from './logger.js';

/** When JetStream calls fsync: before each answer (`always`), or every so often, such as `2m`. */
type SyncInterval = 'always' | `${number}${'ms' | 's' | 'm'}`;
interface NatsConfigOptions {
    host: string;
    /** TCP port for clients; 0 lets the system choose a free one. */
    port: number;
    /** TCP port of the monitoring pages (`/varz`, `/healthz`); 0 lets the system choose. Defaults to 0. */
    monitorPort?: number;
    /** The folder that JetStream keeps its streams in. */
    storeDir: string;
    /** Defaults to `jetfleet`. */
    serverName?: string;
    /** Defaults to `always`: a confirmed message survives a power cut. */
    syncInterval?: SyncInterval;
    /** Folder for the file that tells the chosen ports. Defaults to none. */
    portsFileDir?: string;
    /** Defaults to stderr. */
    logFile?: string;
}
/**
 * The text of a nats-server configuration: JetStream on file, fsync before each answer, no authentication. The
 * same settings as `nats.conf`, but for the places (host, ports, folders, log) that differ from run to run.
 */
declare function natsConfig(options: NatsConfigOptions): string;

/** How a nats-server ended: an exit code, or the signal that killed it. */
interface ServerExit {
    code: number | null;
    signal: NodeJS.Signals | null;
}

interface EmbeddedServerOptions {
    /** TCP port for clients; 0 takes a free one. Defaults to 0. */
    port?: number;
    /** The address to listen on. Defaults to `127.0.0.1`; there is no authentication, so think before widening it. */
    host?: string;
    /** The folder for the streams, created when missing. Defaults to a temporary one, removed by `stop`. */
    storeDir?: string;
    /** Path of the nats-server binary. Defaults to what `findNatsServer` finds. */
    binary?: string;
    /** Defaults to silence. */
    logger?: Logger;
    /** Defaults to `always`: a confirmed message survives a power cut. Queues should be told: give them `sync` of the server. */
    syncInterval?: SyncInterval;
    /** How long the server may take to accept clients, in milliseconds. Defaults to 10000. */
    readyTimeoutMs?: number;
}
/** A nats-server with JetStream, as a child process that never outlives this one. */
interface EmbeddedServer extends AsyncDisposable {
    /** For clients, such as `nats://127.0.0.1:4222`. */
    readonly url: string;
    /** For `/varz`, `/jsz` and `/healthz`. */
    readonly monitorUrl: string;
    readonly port: number;
    readonly storeDir: string;
    /** Process id of nats-server; a new one after `restart`. */
    readonly pid: number;
    /** Process id of the watchdog that stops nats-server when this process dies. */
    readonly watchdogPid: number;
    readonly version: string;
    /** When it flushes, for the option `sync` of a queue. */
    readonly sync: ServerSync;
    /** Settles when the server that runs now has ended, for whatever reason. */
    readonly exited: Promise<ServerExit>;
    /** Ends the server (SIGTERM, SIGKILL after 5 s) and removes its temporary files. Safe to call again. */
    stop(): Promise<void>;
    /** Sends a signal to nats-server; does nothing when it has ended. */
    kill(signal: NodeJS.Signals): void;
    /** Ends the server if it still runs, and starts it again on the same port and store. */
    restart(): Promise<void>;
}
/**
 * Starts a nats-server with JetStream as a child process and waits until it accepts clients: about 50 ms once the
 * binary is found. It ends with this process, even when that is killed. Not for Windows: it needs a POSIX shell.
 * @throws BrokerError JETFLEET_NATS_SERVER_NOT_FOUND, or JETFLEET_NATS_SERVER_FAILED with the end of its log
 */
declare function startEmbeddedServer(options?: EmbeddedServerOptions): Promise<EmbeddedServer>;

export { natsConfig, startEmbeddedServer };
export type { EmbeddedServer, EmbeddedServerOptions, NatsConfigOptions, ServerExit, SyncInterval };
