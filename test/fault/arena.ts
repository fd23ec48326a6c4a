/** Everything around the workers of one run, and the means to break it. */

import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { GpuProvider } from '../../src/gpu/index.js';
import { JobQueueService } from '../../src/index.js';
import { accountsOf } from '../../src/instances/accounts.js';
import type { Cluster } from '../support/cluster.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { keepHistory } from './broker-admin.js';
import { OutboxDesk } from './outbox-desk.js';
import type { PlannedFault, RunPlan } from './plan.js';
import { MAX_OBJECT_BYTES } from './plan.js';
import { ProviderSims, providersAt } from './provider-sims.js';
import { FaultReceiver } from './receiver.js';
import { startShortCreds } from './renewed-creds.js';
import type { Outage } from './schedule-invariants.js';
import { sealed } from './sealed.js';

/** The broker of a lane: one node, or three. It outlives a run, each in a namespace of its own. */
export type LaneBroker = { kind: 'single'; server: EmbeddedServer } | { kind: 'cluster'; cluster: Cluster };

export interface Arena extends AsyncDisposable {
  broker: LaneBroker;
  namespace: string;
  replicas: number;
  providers: ProviderSims;
  /** All of them as one, as workers have them. */
  provider: GpuProvider;
  receiver: FaultReceiver;
  /** Straight to the broker: it watches, and takes no part. */
  observer: JobQueueService;
  /** Adds the jobs, over a connection that faults can meet. */
  producer: JobQueueService;
  /** One for each client that network faults can meet, the producer's last; none on a cluster. */
  proxies: TcpProxy[];
  /** What clients show a server that lets nobody stay for long. */
  credsFile?: string;
  /** A database whose transactions add jobs. */
  desk?: OutboxDesk;
  /** How many jobs the run has. */
  jobs: number;
  /** Ids of instances that no job has rented. */
  foreign: Set<string>;
  /** When the server was away. */
  outages: Outage[];
  /** Whether the history of a job outlives its removal. */
  keepsHistory: boolean;
  /** What client `index` connects to. */
  serversFor(index: number): string[];
}

/** Faults by which records are removed that the verdict needs. */
const REMOVES: ReadonlySet<PlannedFault['kind']> = new Set(['cleanup', 'dying-cleanup', 'adder']);

export async function openArena(broker: LaneBroker, namespace: string, plan: RunPlan): Promise<Arena> {
  const { workers, ackWaitMs, faults, renewsCreds, keys, limitedTo, keeps, outbox } = plan;
  const replicas = broker.kind === 'cluster' ? 3 : 1;
  const urls = broker.kind === 'cluster' ? broker.cluster.urls : [broker.server.url];
  const short = renewsCreds ? await startShortCreds() : undefined;
  const credsFile = short?.credsFile;
  const providers = await ProviderSims.start(plan.providers ?? ['novita']);
  const receiver = await FaultReceiver.start();
  const proxies: TcpProxy[] = [];
  if (broker.kind === 'single') {
    const target = { host: '127.0.0.1', port: short?.port ?? broker.server.port };
    for (let n = 0; n <= workers; n++) proxies.push(await startTcpProxy({ targets: target }));
  }
  const serversFor = (index: number) => (proxies[index] ? [proxies[index].url] : urls);
  const shared = {
    namespace,
    replicas,
    ackWaitMs,
    ...sealed(),
    ...(credsFile && { credsFile }),
    ...(keeps && { maxObjectBytes: MAX_OBJECT_BYTES }),
  };
  const observer = new JobQueueService({
    ...shared,
    ...(short && { credsFile: short.longCredsFile }),
    servers: short ? serversFor(workers) : urls,
    name: 'observer',
  });
  await observer.connect();
  const commit = { confirmTimeoutMs: 500, giveUpMs: 1_500 };
  const producer = new JobQueueService({ servers: serversFor(workers), name: 'producer', commit, ...shared });
  await producer.connect();
  const desk = outbox && (await OutboxDesk.open());
  const { provider } = accountsOf(providersAt(providers.urls, providers.apiKey));
  const arena: Arena = {
    broker,
    namespace,
    replicas,
    jobs: plan.jobs.length,
    foreign: new Set(),
    outages: [],
    keepsHistory: keeps !== undefined || faults.some(({ kind }) => REMOVES.has(kind)),
    ...(credsFile && { credsFile }),
    ...(desk && { desk }),
    providers,
    provider,
    receiver,
    observer,
    producer,
    proxies,
    serversFor,
    async [Symbol.asyncDispose]() {
      await Promise.all([producer.close(), observer.close()]);
      await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
      await receiver[Symbol.asyncDispose]();
      await providers[Symbol.asyncDispose]();
      await short?.[Symbol.asyncDispose]();
      await desk?.[Symbol.asyncDispose]();
    },
  };
  if (arena.keepsHistory) await keepHistory(arena, 'events');
  if (keys) await keepHistory(arena, 'unique');
  if (limitedTo) await keepHistory(arena, 'limits');
  return arena;
}
