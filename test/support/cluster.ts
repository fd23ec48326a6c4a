import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { natsConfig } from '../../src/embedded/index.js';
import { type Listening, listening } from '../../src/embedded/listening.js';
import { startWatchdog, type Watchdog } from '../../src/embedded/server-watchdog.js';
import { natsServerBinary } from './nats.js';

export interface ClusterOptions {
  /** Servers in the cluster. Defaults to 3. */
  size?: number;
}

/** One nats-server of a cluster. Name, ports and store stay the same over a restart. */
export interface ClusterNode {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly monitorUrl: string;
  /** Process id of nats-server; a new one after `restart`. */
  readonly pid: number;
  /** Has the server end in its own time, as for an upgrade; by SIGKILL when it takes ten seconds. */
  terminate(): Promise<void>;
  /** Resolves when the process has ended by SIGKILL. */
  kill(): Promise<void>;
  /** Kills the server if it still runs, and starts it again; `Cluster.ready` tells when it has caught up. */
  restart(): Promise<void>;
  /** Stops the process without ending it: its sockets stay open, and nobody answers. */
  freeze(): void;
  thaw(): void;
}

/** A JetStream cluster of real servers on loopback, which ends with this process however that dies. */
export interface Cluster extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  /** One per node, for `servers` of a client. */
  readonly urls: string[];
  /** Resolves when all nodes run, agree on a leader and have caught up. */
  ready(timeoutMs?: number): Promise<void>;
  /** The node that leads a stream now; waits out an election. */
  leaderOf(stream: string, timeoutMs?: number): Promise<ClusterNode>;
  consumerLeaderOf(stream: string, consumer: string, timeoutMs?: number): Promise<ClusterNode>;
  /** Ends all servers and removes their folders. Safe to call again. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_MS = 40_000;
/** An election takes up to 9 s, and the one after a split vote as long again. */
const LEADER_MS = 60_000;
/** Between two looks at all that the nodes say of themselves, which costs them some milliseconds each. */
const POLL_MS = 50;
const TERMINATE_MS = 10_000;
/** A frozen node accepts connections and never answers. */
const MONITOR_MS = 3_000;
/** Another process may take a port between the look for a free one and its use. */
const ATTEMPTS = 3;

/**
 * Starts a cluster whose streams may have as many replicas as it has nodes.
 *
 *     await using cluster = await startCluster();
 */
export async function startCluster({ size = 3 }: ClusterOptions = {}): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await prepareCluster(size);
    try {
      await Promise.all(cluster.nodes.map((node) => node.restart()));
      await cluster.ready();
      return cluster;
    } catch (error) {
      await cluster.stop();
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function prepareCluster(size: number): Promise<Cluster> {
  const ports = await freePorts(3 * size);
  const routes = ports.splice(0, size);
  const nodes = await Promise.all(
    routes.map(async (routePort, index) => {
      const name = `n${index + 1}`;
      // Each its own, since the watchdog of a server that outlives this process removes just that.
      const runDir = await mkdtemp(join(tmpdir(), `jetfleet-cluster-${name}-`));
      const [port = 0, monitorPort = 0] = ports.splice(0, 2);
      return new WatchedNode({ name, runDir, routePort, routes, port, monitorPort });
    }),
  );

  const until = (timeoutMs: number, what: string, find: () => Promise<ClusterNode | undefined>) =>
    waitFor(timeoutMs, what, find);
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.remove()));
  };
  return {
    nodes,
    get urls() {
      return nodes.map(({ url }) => url);
    },
    ready: async (timeoutMs = LEADER_MS) => {
      await until(timeoutMs, 'all nodes are up', () => healthyLeader(nodes));
    },
    leaderOf: (stream, timeoutMs = LEADER_MS) =>
      until(timeoutMs, `${stream} has a leader`, () =>
        firstNode(nodes, async (node) => (await streamOf(node, stream))?.cluster?.leader === node.name),
      ),
    consumerLeaderOf: (stream, consumer, timeoutMs = LEADER_MS) =>
      until(timeoutMs, `${consumer} of ${stream} has a leader`, () =>
        firstNode(nodes, async (node) => {
          const consumers = (await streamOf(node, stream))?.consumer_detail ?? [];
          return consumers.find(({ name }) => name === consumer)?.cluster?.leader === node.name;
        }),
      ),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface NodePlace {
  name: string;
  /** Configuration, store and log. */
  runDir: string;
  routePort: number;
  /** Route ports of all nodes. */
  routes: readonly number[];
  /** For clients. */
  port: number;
  monitorPort: number;
}

class WatchedNode implements ClusterNode {
  readonly #place: NodePlace;
  #watchdog: Watchdog | undefined;
  /** Its ports stay: clients and other nodes must find a restarted node where it was. */
  #listening: Listening;

  constructor(place: NodePlace) {
    this.#place = place;
    const { port, monitorPort } = place;
    this.#listening = { pid: 0, port, monitorPort, version: '' };
  }

  get name(): string {
    return this.#place.name;
  }
  get port(): number {
    return this.#listening.port;
  }
  get url(): string {
    return `nats://${HOST}:${this.port}`;
  }
  get monitorUrl(): string {
    return `http://${HOST}:${this.#listening.monitorPort}`;
  }
  get pid(): number {
    return this.#listening.pid;
  }

  async kill(): Promise<void> {
    const watchdog = this.#watchdog;
    if (!watchdog) return;
    this.#signal('SIGKILL');
    // Covers a server that has not told its process id yet.
    watchdog.stop();
    await watchdog.exited;
    if (this.#watchdog === watchdog) this.#watchdog = undefined;
  }

  async terminate(): Promise<void> {
    const watchdog = this.#watchdog;
    if (!watchdog) return;
    this.#signal('SIGTERM');
    await Promise.race([watchdog.exited, delay(TERMINATE_MS)]);
    await this.kill();
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#place.runDir, { recursive: true, force: true });
  }

  async restart(): Promise<void> {
    await this.kill();
    this.#listening.pid = 0;
    const { runDir } = this.#place;
    // A killed server leaves its ports file, which names a process that is gone.
    const stale = (await readdir(runDir)).filter((name) => name.endsWith('.ports'));
    await Promise.all(stale.map((name) => rm(join(runDir, name))));
    await writeFile(join(runDir, 'nats.conf'), this.#config());
    const watchdog = await startWatchdog(natsServerBinary(), runDir, join(runDir, 'lock'));
    this.#watchdog = watchdog;
    watchdog.go();
    const abort = AbortSignal.timeout(START_MS);
    const died = watchdog.exited.then(({ code, signal }) => {
      throw new Error(`${this.name} ended with ${signal ?? `code ${code}`}; its log is in ${runDir}`);
    });
    this.#listening = await Promise.race([listening(runDir, HOST, abort), died]);
  }

  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): void {
    // Without a watchdog the process has ended, and its id may be another's by now.
    if (!this.#watchdog || this.pid <= 0) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      // It has just ended by itself, and its watchdog is about to.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  #config(): string {
    const { name, runDir, routePort, routes } = this.#place;
    const base = natsConfig({
      host: HOST,
      port: this.#listening.port,
      monitorPort: this.#listening.monitorPort,
      storeDir: join(runDir, 'store'),
      serverName: name,
      syncInterval: 'always',
      portsFileDir: runDir,
      logFile: join(runDir, 'nats.log'),
    });
    const peers = routes.map((port) => `"nats://${HOST}:${port}"`).join(', ');
    return `${base}cluster {\n  name: jetfleet\n  listen: "${HOST}:${routePort}"\n  routes: [${peers}]\n}\n`;
  }
}

/** What `/jsz` says; a node knows the leader of a group by its name. */
interface JetStreamPage {
  meta_cluster?: {
    leader?: string;
    cluster_size: number;
    replicas?: { current: boolean; offline?: boolean }[];
  };
  account_details?: { stream_detail?: StreamDetail[] }[];
}

interface StreamDetail {
  name: string;
  cluster?: { leader?: string };
  consumer_detail?: { name: string; cluster?: { leader?: string } }[];
}

/** The leader of the cluster, once every node is healthy and the leader has heard of each lately. */
async function healthyLeader(nodes: readonly ClusterNode[]): Promise<ClusterNode | undefined> {
  const healthy = await Promise.all(nodes.map((node) => page(node, '/healthz')));
  if (!healthy.every(Boolean)) return undefined;
  return firstNode(nodes, async (node) => {
    const { meta_cluster: meta } = (await page<JetStreamPage>(node, '/jsz')) ?? {};
    if (meta?.leader !== node.name || meta.cluster_size !== nodes.length) return false;
    const current = meta.replicas?.filter((replica) => replica.current && !replica.offline) ?? [];
    return current.length === nodes.length - 1;
  });
}

/**
 * A stream as one node sees it. A follower may name a leader that is dead already, so only what a leader says of
 * itself counts; this way a frozen node does not hold up the answer of the others as it would on a client's connection.
 */
async function streamOf(node: ClusterNode, stream: string): Promise<StreamDetail | undefined> {
  const all = await page<JetStreamPage>(node, '/jsz?streams=true&consumers=true');
  const streams = all?.account_details?.flatMap(({ stream_detail = [] }) => stream_detail);
  return streams?.find(({ name }) => name === stream);
}

async function firstNode(
  nodes: readonly ClusterNode[],
  fits: (node: ClusterNode) => Promise<boolean>,
): Promise<ClusterNode | undefined> {
  const fitting = await Promise.all(nodes.map(fits));
  return nodes[fitting.indexOf(true)];
}

/** Pages that were asked for and have not come yet. Many wait for an election at once, and one answer serves all. */
const asked = new Map<string, Promise<unknown>>();

/** A monitoring page, or undefined while the node does not answer or is not well. */
async function page<T>(node: ClusterNode, path: string): Promise<T | undefined> {
  const url = `${node.monitorUrl}${path}`;
  const underway = asked.get(url) ?? fetchPage(url).finally(() => asked.delete(url));
  asked.set(url, underway);
  return underway as Promise<T | undefined>;
}

async function fetchPage(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(MONITOR_MS) });
    const body = await response.json();
    return response.ok ? body : undefined;
  } catch {
    return undefined;
  }
}

async function waitFor<T>(timeoutMs: number, what: string, find: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; await delay(POLL_MS)) {
    const found = await find();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
  }
}

/**
 * Ports that are free now, all different: each is held until the last one is known. The system gives none of these away by itself, so
 * that a node which is down for a while finds its own free again.
 */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map(listenBelowEphemeral));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function listenBelowEphemeral(server: Server): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_768);
    server.listen(port, HOST);
    try {
      await once(server, 'listening');
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}
