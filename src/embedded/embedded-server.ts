import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ServerSync } from '../broker/publish/commit-options.js';
import { BrokerError } from '../jobs/errors.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { findNatsServer } from './find-binary.js';
import { type Listening, listening } from './listening.js';
import { bracketed, natsConfig, type SyncInterval } from './server-config.js';
import { type ServerExit, startWatchdog, type Watchdog } from './server-watchdog.js';
import { lockFileOf, lockStore } from './store-lock.js';

export interface EmbeddedServerOptions {
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
export interface EmbeddedServer extends AsyncDisposable {
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

interface Launch {
  host: string;
  port: number;
  storeDir: string;
  runDir: string;
  binary: string;
  syncInterval: SyncInterval;
  readyTimeoutMs: number;
}

interface Running extends Listening {
  watchdog: Watchdog;
}

/**
 * Starts a nats-server with JetStream as a child process and waits until it accepts clients: about 50 ms once the
 * binary is found. It ends with this process, even when that is killed. Not for Windows: it needs a POSIX shell.
 * @throws BrokerError JETFLEET_NATS_SERVER_NOT_FOUND, or JETFLEET_NATS_SERVER_FAILED with the end of its log
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions = {}): Promise<EmbeddedServer> {
  const logger = options.logger ?? silentLogger;
  const binary = resolve(options.binary ?? (await findNatsServer({ logger })).path);
  const runDir = await mkdtemp(join(tmpdir(), 'jetfleet-nats-'));
  const launch: Launch = {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    storeDir: options.storeDir === undefined ? join(runDir, 'store') : resolve(options.storeDir),
    runDir,
    binary,
    syncInterval: options.syncInterval ?? 'always',
    readyTimeoutMs: options.readyTimeoutMs ?? 10_000,
  };
  try {
    const running = await start(launch);
    logger.info({ pid: running.pid, port: running.port, storeDir: launch.storeDir }, 'nats-server is ready');
    return new WatchedServer(launch, running);
  } catch (error) {
    await rm(runDir, { recursive: true, force: true });
    throw error;
  }
}

class WatchedServer implements EmbeddedServer {
  readonly #launch: Launch;
  #running: Running;

  constructor(launch: Launch, running: Running) {
    // A restart must come back on the port that clients know.
    this.#launch = { ...launch, port: running.port };
    this.#running = running;
  }

  get url(): string {
    return `nats://${clientAddress(this.#launch.host)}:${this.port}`;
  }
  get monitorUrl(): string {
    return `http://${clientAddress(this.#launch.host)}:${this.#running.monitorPort}`;
  }
  get port(): number {
    return this.#launch.port;
  }
  get storeDir(): string {
    return this.#launch.storeDir;
  }
  get pid(): number {
    return this.#running.pid;
  }
  get watchdogPid(): number {
    return this.#running.watchdog.pid;
  }
  get version(): string {
    return this.#running.version;
  }
  get sync(): ServerSync {
    return this.#launch.syncInterval === 'always' ? 'always' : 'periodic';
  }
  get exited(): Promise<ServerExit> {
    return this.#running.watchdog.exited;
  }

  async stop(): Promise<void> {
    await this.#end();
    await rm(this.#launch.runDir, { recursive: true, force: true });
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#running.watchdog.isRunning) killQuietly(this.#running.pid, signal);
  }

  async restart(): Promise<void> {
    await this.#end();
    this.#running = await start(this.#launch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #end(): Promise<void> {
    this.#running.watchdog.stop();
    await this.#running.watchdog.exited;
  }
}

async function start(launch: Launch): Promise<Running> {
  const { storeDir, runDir, binary } = launch;
  await prepare(launch);
  const config = natsConfig({ ...launch, portsFileDir: runDir, logFile: join(runDir, 'nats.log') });
  await writeFile(join(runDir, 'nats.conf'), config);
  const watchdog = await startWatchdog(binary, runDir, lockFileOf(storeDir));
  try {
    await lockStore(storeDir, { pid: watchdog.pid, runDir });
    watchdog.go();
    return { watchdog, ...(await ready(launch, watchdog)) };
  } catch (error) {
    watchdog.stop();
    await watchdog.exited;
    throw error;
  }
}

async function prepare({ storeDir, runDir }: Launch): Promise<void> {
  await mkdir(storeDir, { recursive: true }).catch((error: Error) => {
    throw failure(
      `The store ${storeDir} cannot be created: ${error.message}. Choose another with --store-dir.`,
    );
  });
  // A server that was killed leaves its ports file, and its log would explain the wrong failure.
  const stale = (await readdir(runDir)).filter((name) => /\.(ports|log)$/.test(name));
  await Promise.all(stale.map((name) => rm(join(runDir, name), { force: true })));
}

async function ready(launch: Launch, watchdog: Watchdog): Promise<Listening> {
  const { host, runDir, readyTimeoutMs } = launch;
  const abort = new AbortController();
  const late = setTimeout(() => abort.abort(`was not ready within ${readyTimeoutMs} ms`), readyTimeoutMs);
  void watchdog.exited.then(({ code, signal }) => abort.abort(`ended with ${signal ?? `code ${code}`}`));
  try {
    return await listening(runDir, reachable(host), abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    throw failure(explain(launch, String(abort.signal.reason), await logTail(runDir)));
  } finally {
    clearTimeout(late);
  }
}

function explain({ host, port, storeDir }: Launch, what: string, log: string): string {
  const lines = log && `\nThe end of its log:\n${log}`;
  if (/address already in use/.test(log)) {
    return (
      `nats-server cannot listen on ${host}:${port}: the port is already in use. Stop what listens there, or ` +
      `choose another port (--nats-port 0 takes a free one).${lines}`
    );
  }
  return `nats-server ${what}. Its store is ${storeDir}; see why in its log, or start with an empty one.${lines}`;
}

async function logTail(runDir: string): Promise<string> {
  const files = ['stderr.log', 'nats.log'].map((name) =>
    readFile(join(runDir, name), 'utf8').catch(() => ''),
  );
  const lines = (await Promise.all(files)).join('').trim().split('\n');
  return lines.slice(-8).join('\n');
}

function failure(message: string): BrokerError {
  return new BrokerError('JETFLEET_NATS_SERVER_FAILED', message);
}

function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** An address to connect to, where the server listens on all of them. */
function reachable(host: string): string {
  return { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
}

function clientAddress(host: string): string {
  return bracketed(reachable(host));
}
