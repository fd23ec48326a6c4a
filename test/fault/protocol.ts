/** What the harness and its worker processes tell each other. */
import type { AnyFailpoint } from './plan.js';
import type { SimulatorUrls } from './provider-sims.js';
import type { Sabotage } from './sabotage.js';

export interface WorkerConfig {
  name: string;
  servers: string[];
  namespace: string;
  replicas: number;
  providers: { urls: SimulatorUrls; apiKey: string };
  secret: string;
  /** Monitors are looked at from memory between their own polls from so many a second on. */
  ownPollsPerSecond: number;
  ackWaitMs: number;
  providerTimeoutMs: number;
  /** Pause between two polls of an instance. Defaults to 100 ms. */
  pollIntervalMs?: number;
  taskSlots?: number;
  limitedTo?: number;
  /** How many tasks are kept that have ended; it removes the others, again and again. */
  keeps?: { completed: number; failed: number };
  credsFile?: string;
  /** How far its clock is off. */
  clockOffsetMs: number;
  /** Whether it is lent a connection, which its owner may drain. */
  lent: boolean;
  /** Whether it can be armed. If not, it goes the way that it goes in production, which waits nowhere that it need not. */
  stopsAtFailpoints: boolean;
  /** Whether every callback and logger that it is given throws. */
  throwsInCallbacks: boolean;
  sabotage?: Sabotage;
}

export interface ArmedFailpoint {
  failpoint: AnyFailpoint;
  nth: number;
  action: 'kill' | 'freeze';
}

export type ToWorker =
  | { type: 'start'; config: WorkerConfig }
  | { type: 'arm'; armed: ArmedFailpoint }
  /** Removes what has ended, again and again, until it is killed. */
  | { type: 'clean'; config: WorkerConfig }
  /** Adds jobs of unique keys until it is killed. */
  | { type: 'add'; config: WorkerConfig; keys: number }
  /** Publishes the rows of an outbox until it is killed. */
  | { type: 'relay'; config: WorkerConfig; databaseUrl: string; batchSize: number }
  | { type: 'block'; forMs: number }
  /** Drains the connection that the worker was lent, and ends once the worker has noticed. */
  | { type: 'drain-connection' }
  | { type: 'stop' };

export type FromWorker =
  /** The code is loaded; a `start` is awaited. */
  | { type: 'idle' }
  | { type: 'started' }
  | { type: 'failed'; error: string }
  /** An armed failpoint was passed; the process dies or freezes next. */
  | { type: 'hit'; armed: ArmedFailpoint; jobId: string }
  /** A job of a unique key was added. */
  | { type: 'added'; jobId: string }
  /** A handler was stopped because its job was cancelled. */
  | { type: 'cancelled'; jobId: string }
  /** A handler of a limited job has begun, or has ended. */
  | { type: 'limited'; kind: 'begun' | 'ended'; jobId: string; key: string; atMs: number }
  /** An exception or a rejection that nobody caught. */
  | { type: 'crashed'; error: string }
  /** The process got no turn for so long, though nobody froze it: the machine was too busy. */
  | { type: 'stalled'; ms: number };
