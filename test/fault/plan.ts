/** What one run does: its jobs and its faults, drawn from a seed before anything starts. */
import type { FaultInput } from '../../src/gpu/index.js';
import type { CreateInstancePayload, JobPriority } from '../../src/index.js';
import type { JobState } from '../../src/jobs/vocabulary.js';
import type { Failpoint } from '../../src/worker/worker-services.js';
import type { Simulated } from './provider-sims.js';

/** What a task does in an attempt; the last step repeats. */
export interface TaskStep {
  ms: number;
  /** How long a nap lasts. Defaults to `ms`. */
  napMs?: number;
  /** How many signals it waits for. Defaults to 1. */
  signals?: number;
  /** How many children it adds. Defaults to 3. */
  children?: number;
  /** How large its result is, in place of a small one. */
  resultBytes?: number;
  end: 'ok' | 'throw' | 'fatal' | 'nap' | 'hang' | 'checkpoint' | 'next' | 'wait' | 'children';
}

interface PlannedJobBase {
  id: string;
  /** When it is added, after the start of the run. */
  atMs: number;
  priority: JobPriority;
  maxAttempts: number;
  delayMs?: number;
  /** How its endpoint answers, one word for each request; `ok` when they are used up. */
  endpoint?: Answer[];
}

export type PlannedJob =
  /** `isNew`: no other message carries its id, so that its handler may begin before its claim is written. */
  | (PlannedJobBase & {
      kind: 'task';
      steps: TaskStep[];
      timeoutMs?: number;
      isNew: boolean;
      /** Whose permit it needs. Defaults to none. */
      tenant?: string;
      /** How large its payload is. Defaults to small. */
      bytes?: number;
    })
  | (PlannedJobBase & {
      kind: 'create';
      payload: Omit<CreateInstancePayload, 'webhookUrl'>;
      /** At every provider of the run, unless its API cannot show them. */
      faults: FaultInput[];
      /** The providers that have no machine for it. Defaults to none. */
      fullAt?: Simulated[];
      /** What its user does with the instance once it runs: one after the other, each once the one before has ended. */
      orders?: Order[];
      /** A second create can be right: the first may be carried out after everybody stopped looking for it. */
      mayCreateTwice: boolean;
    })
  | (PlannedJobBase & { kind: 'webhook' })
  /** A message as another language would publish it, valid or not; without an id in its subject when `bare`. */
  | (PlannedJobBase & {
      kind: 'raw';
      type: string;
      body: string;
      bare: boolean;
      headers?: readonly (readonly [string, string])[];
    });

/**
 * What a user does with an instance. `migrate` rents another one in its place. `watch` has it watched for a moment; `lose` has it watched until somebody
 * else takes it away, after which it is replaced.
 */
export type Order = 'stop' | 'start' | 'restart' | 'migrate' | 'delete' | 'watch' | 'lose';

/** What a webhook endpoint does with a request. */
export type Answer = 'ok' | '500' | '410' | '429' | 'reset' | 'slow';

/** Steps around the call that spends money, beside those of the worker. */
export const PROVIDER_FAILPOINTS = ['create.sending', 'create.answered'] as const;
export type AnyFailpoint = Failpoint | (typeof PROVIDER_FAILPOINTS)[number];

/** A fault strikes `atMs` after the start of the run, or after a job was first in a state. */
export type PlannedFault = Fault & { once?: Moment };

/** When a job is in a state for the first time. */
export interface Moment {
  id: string;
  state: JobState;
}

type Fault =
  | { kind: 'kill'; worker: number; atMs: number }
  | { kind: 'term'; worker: number; atMs: number }
  | { kind: 'freeze'; worker: number; atMs: number; forMs: number }
  | { kind: 'block'; worker: number; atMs: number; forMs: number }
  /** Armed before its worker starts, and for its successor where it dies before. */
  | {
      kind: 'failpoint';
      worker: number;
      atMs: number;
      failpoint: AnyFailpoint;
      /** The how-manieth time that it is passed. */
      nth: number;
      action: 'kill' | 'freeze';
      /** Longest that it stays frozen. */
      forMs: number;
      /** Whether it goes on as soon as somebody else has completed the job. */
      untilCompleted?: boolean;
    }
  | { kind: 'broker-kill'; atMs: number; forMs: number }
  | { kind: 'broker-stop'; atMs: number; forMs: number }
  | { kind: 'leader-kill'; stream: 'jobs' | 'events'; atMs: number; forMs: number }
  | { kind: 'consumer-leader-kill'; atMs: number; forMs: number }
  | { kind: 'follower-freeze'; atMs: number; forMs: number; count: 1 | 2 }
  /** Both followers answer in fits and starts. */
  | { kind: 'followers-slow'; atMs: number; forMs: number }
  /** Each server is stopped and started in its turn, the next one once all have caught up. */
  | { kind: 'rolling-restart'; atMs: number }
  | { kind: 'cut'; client: number; atMs: number }
  | { kind: 'delay'; client: number; atMs: number; forMs: number; delayMs: number }
  | { kind: 'half-open'; client: number; atMs: number; forMs: number }
  | { kind: 'disk-full'; atMs: number; forMs: number }
  /** The owner of the connection that a worker was lent drains it. */
  | { kind: 'drain-connection'; worker: number; atMs: number }
  /** Somebody removes every record that has ended, while jobs are cancelled and retried. */
  | { kind: 'cleanup'; atMs: number }
  /** A process that removes them again and again, and is killed in the middle of it, so long after it has begun. */
  | { kind: 'dying-cleanup'; atMs: number; forMs: number }
  /** A process that adds jobs of unique keys, until it is killed, so long after it has begun; one that is frozen goes on for as long first. */
  | { kind: 'adder'; atMs: number; forMs: number; keys: number; action: 'kill' | 'freeze' }
  /** A relay of the outbox is killed, or stands still for so long. */
  | { kind: 'relay'; relay: number; atMs: number; action: 'kill' | 'freeze'; forMs: number }
  /** The database of the outbox ends as in a crash, and is started again so long after it. */
  | { kind: 'database-kill'; atMs: number; forMs: number }
  /** All of a provider fails, or it has no machines. */
  | { kind: 'provider-fails'; provider: Simulated; how: 'down' | 'full'; atMs: number; forMs: number }
  | { kind: 'retry-all'; atMs: number }
  /** Somebody sets how many permits each tenant has. */
  | { kind: 'set-limit'; concurrency: number; atMs: number }
  | { kind: 'retry'; id: string; atMs: number }
  /** A notice that no process of Jetfleet has sent. */
  | { kind: 'forged-notice'; notice: Notice; atMs: number }
  /** Instances of somebody else on the same account, and jobs that have them deleted and stopped. */
  | { kind: 'foreign-instances'; atMs: number };

/** What a hostile client says to all workers. */
export const NOTICES = ['cancelled', 'swept', 'drain', 'watch', 'workers', 'charts'] as const;
export type Notice = (typeof NOTICES)[number];

/** A recurring job: set at the start of a run, and removed again after `forMs`. */
export interface PlannedSchedule {
  name: string;
  /** It fires at each whole multiple of this, by a cron expression. */
  periodMs: number;
  overlap: 'skip' | 'allow' | 'cancel';
  jitterMs?: number;
  priority: JobPriority;
  steps: TaskStep[];
  forMs: number;
}

/** Transactions that add jobs. */
export interface PlannedOutbox {
  forMs: number;
  producers: number;
  /** Rows that a relay publishes together. */
  batchSize: number;
  priority: JobPriority;
}

export interface RunPlan {
  /** `<seed>/<run>`: what it was drawn from. */
  name: string;
  scenario: string;
  workers: number;
  jobs: PlannedJob[];
  schedules: PlannedSchedule[];
  cancels: { id: string; atMs: number }[];
  /** What jobs are told, each with a number of its own for its job. */
  /** With `once`, so long after a job was in a state. */
  signals: { id: string; number: number; atMs: number; once?: Moment }[];
  faults: PlannedFault[];
  /** Whether the dead letters are redriven once all is quiet. */
  redrive: boolean;
  /** How far the clock of each worker is off. */
  clockOffsetsMs: number[];
  /** Whether every connection is closed after two seconds, and comes back with credentials that were renewed on disk. */
  renewsCreds: boolean;
  /** Whether every callback and logger that workers are given throws. */
  throwsInCallbacks: boolean;
  /** How many tasks are kept that have ended. Defaults to all. */
  keeps?: { completed: number; failed: number };
  /** How many unique keys its jobs have. Defaults to none. */
  keys?: number;
  /** How many permits each tenant has at first. Defaults to no limits. */
  limitedTo?: number;
  /** Jobs that are added through an outbox. Defaults to none. */
  outbox?: PlannedOutbox;
  /** Whether the run begins when its workers are ready. */
  awaitsWorkers: boolean;
  /** How long a silent worker keeps a job. */
  ackWaitMs: number;
  /** Defaults to Novita alone. */
  providers?: Simulated[];
  /** How long a worker waits for the provider. */
  providerTimeoutMs: number;
  /** Pause between two polls of an instance. Defaults to 100 ms. */
  pollIntervalMs?: number;
  /** Tasks that a worker runs at once; Jetfleet's default when left out. */
  taskSlots?: number;
  /** Whether every second worker is one in another language. */
  languages?: true;
}

/** How long a silent worker keeps a job, unless the run says so. Everything else in it is measured against this. */
export const ACK_WAIT_MS = 1_000;
/** As in production. A job that waits this long has been forgotten by all but its lease. */
export const LONG_ACK_WAIT_MS = 15_000;
/** The pause between look-ups after an uncertain create; five of them must see what a provider hides for a while. */
export const SETTLE_DELAY_MS = 120;
export const PROVIDER_TIMEOUT_MS = 400;
export const WEBHOOK_TIMEOUT_MS = 300;
/** The type of limited jobs, and the limit by tenant. */
export const LIMITED_TYPE = 'limited_task';
export const LIMIT = `${LIMITED_TYPE}/tenant`;
/** Of the queues of runs whose jobs have large payloads and results. */
export const MAX_OBJECT_BYTES = 4 * 1024 * 1024;

/** What a job holds, by which it is recognised. */
export function padOf(id: string, bytes: number): string {
  return `${id} `.repeat(Math.ceil(bytes / (id.length + 1))).slice(0, bytes);
}
