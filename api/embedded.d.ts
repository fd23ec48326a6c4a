export { EmbeddedServer, EmbeddedServerOptions, NatsConfigOptions, ServerExit, SyncInterval, natsConfig, startEmbeddedServer } from './shared/embedded-server.js';
import { Logger } from './jetfleet.js';
import './shared/commit-options.js';

interface FindNatsServerOptions {
    /** Read for NATS_SERVER_BIN, PATH, XDG_CACHE_HOME and HOME. Defaults to `process.env`. */
    env?: Record<string, string | undefined>;
    /** Told at `info` what is fetched from where. Defaults to silence. */
    logger?: Logger;
    /** Defaults to `$XDG_CACHE_HOME/jetfleet`, else `~/.cache/jetfleet`, on a Mac `~/Library/Caches/jetfleet`. */
    cacheDir?: string;
    /** Where the release archives lie. Defaults to the project's page on GitHub. */
    releaseUrl?: string;
    /** Ends the search; the call then rejects with the signal's reason. */
    signal?: AbortSignal;
}
/** A nats-server binary that runs here. */
interface NatsServerBinary {
    path: string;
    /** Such as `2.15.1`, never below {@link MIN_SERVER_VERSION}. */
    version: string;
    /** Where it was found: `release` and `debian` were fetched just now, and will be `cache` from now on. */
    source: 'env' | 'path' | 'cache' | 'release' | 'debian';
}
/**
 * Finds a nats-server, or fetches one into the cache folder: NATS_SERVER_BIN, then PATH, then the cache, then the
 * official release archive, then the package of Debian or Ubuntu. The cached binary is found in about 50 ms.
 * @throws BrokerError JETFLEET_NATS_SERVER_NOT_FOUND, at once when NATS_SERVER_BIN is set but unusable, else with
 *   all that was tried
 */
declare function findNatsServer(options?: FindNatsServerOptions): Promise<NatsServerBinary>;

/** The oldest nats-server that Jetfleet works with; see `MIN_API_LEVEL`. */
declare const MIN_SERVER_VERSION = "2.15.0";

export { MIN_SERVER_VERSION, findNatsServer };
export type { FindNatsServerOptions, NatsServerBinary };
