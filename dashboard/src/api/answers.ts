/** What the API answers, as far as the dashboard reads it. */
import type { AuditEntry, AuditPage } from '../../../src/jobs/audit.js';
import type { DeadLetterCause, DeadLetterCauses } from '../../../src/jobs/dead-letter-causes.js';
import type { JobRecord } from '../../../src/jobs/job-record.js';
import type { Schedule } from '../../../src/jobs/schedule.js';
import type { FlowStatus } from '../../../src/jobs/shown-flow.js';
import type { LimitSettings, ShownLimit } from '../../../src/jobs/shown-limit.js';
import type { JobPriority, JobStatus } from '../../../src/jobs/vocabulary.js';
import type { TakenEdge, WorkerInfo } from '../../../src/wire/inspection.js';
import type { ParkedReason } from '../../../src/wire/parked-reason.js';
import type { Pause } from '../../../src/wire/pauses.js';

export type { InspectionRecord, TakenEdge } from '../../../src/wire/inspection.js';
export type {
  AuditEntry,
  AuditPage,
  DeadLetterCause,
  DeadLetterCauses,
  FlowStatus,
  JobPriority,
  JobRecord,
  JobStatus,
  ParkedReason,
  Schedule,
  ShownLimit,
  WorkerInfo,
};

export type Role = 'observer' | 'operator' | 'admin';

export interface Session {
  role: Role;
  version: string;
  namespace?: string;
  /** Such as `production`; shown so that nobody mistakes one for another. */
  environment?: string;
}

/** A provider of instances, or a region of one, that has failed. */
export interface ShownProvider {
  provider: string;
  /** `all` for what all regions share. */
  region: string;
  state: 'closed' | 'open' | 'halfOpen';
  failures: number;
  failingSince?: string;
  openUntil?: string;
  error?: string;
}

/** An instance that was rented. Amounts are 1/100,000 USD. */
export interface RentedInstance {
  novitaInstanceId: string;
  provider: string;
  account: string;
  jobId?: string;
  tags: string[];
  region?: string;
  rentedAt: string;
  endedAt?: string;
  end?: 'deleted' | 'gone' | 'reclaimed' | 'watchdog';
  status: 'running' | 'stopped' | 'ended';
  cost: number;
  ratePerHour: number;
  isUnpriced: boolean;
}

/** Of `/instances/{id}/cost`. */
export interface JobCost {
  cost: number;
  ratePerHour: number;
  isUnpriced: boolean;
  instances: RentedInstance[];
}

interface Sum {
  amount: number;
  ratePerHour: number;
  instances: number;
}

/** Of `/ledger/spent`. */
export interface Spent {
  since: string;
  until: string;
  total: number;
  ratePerHour: number;
  instances: number;
  running: number;
  unpriced: number;
  byAccount: (Sum & { provider: string; account: string })[];
  byTag: (Sum & { tag: string })[];
  byDay: { day: string; amount: number }[];
}

/** An instance that costs money for nobody. */
export interface Orphan {
  novitaInstanceId: string;
  status: string;
  why: string;
  since: string;
  deletable: boolean;
  pricePerHour: number | null;
  cost: number | null;
}

/** Of `/orphans`. */
export interface OrphanReport {
  orphans: Orphan[];
  ratePerHour: number;
  unreachable: { provider: string; message: string }[];
}

export type StatusCounts = Record<JobStatus, number>;

export interface Stats {
  totalJobs: number;
  pendingJobs: number;
  processingJobs: number;
  completedJobs: number;
  failedJobs: number;
  byType: Record<string, StatusCounts>;
  byPriority: Record<JobPriority, { pending: number; processing: number }>;
  scheduledJobs: number;
  retryingJobs: number;
  waitingJobs: number;
  unhandledTypes: string[];
  /** Oldest first. */
  paused: Pause[];
}

export interface Quantiles {
  p50: number;
  p95: number;
}

/** One a second on `/live`. */
export interface Tick {
  at: string;
  /** Null until the server has read them once. */
  stats: Stats | null;
  /** When they were read. */
  statsAt?: string;
  oldestPendingAt?: string;
  /** Of types that nobody handles, which are not in the former. */
  oldestUnhandledAt?: string;
  /** Since the last tick. */
  throughput: { completed: number; failed: number; added: number };
  waitMs: Quantiles | null;
  runMs: Quantiles | null;
  brokerConnected: boolean;
  changed: string[];
  changedMore: boolean;
}

export interface Moved extends TakenEdge {
  count: number;
}

/** One machine of the fleet, each second on `/fleet`. */
export interface FleetMachine {
  id: string;
  running: number;
  counts: Record<string, number>;
  times: Record<string, { p50: number; p95: number; count: number }>;
  /** Since the picture before. */
  moved: Moved[];
}

export interface FleetPicture {
  at: string;
  machines: FleetMachine[];
}

/** Of `/machines/{id}/jobs`. */
/** Of `/limits`. */
export interface LimitsAnswer {
  limits: ShownLimit[];
  /** What somebody has set, by the name of the limit. */
  settings: Record<string, LimitSettings>;
}

export interface StandingJobs {
  jobs: { jobId?: string; worker?: string; since: string }[];
  count: number;
  /** There are more: they are being counted for the first time. */
  isCounting?: true;
}

export interface CountedCauses extends DeadLetterCauses {
  /** When they were counted. */
  at: string;
  /** Whether these are not all yet. */
  isCounting: boolean;
}

export interface JobPage {
  jobs: JobRecord[];
  cursor?: string;
}

export interface HistoryItem {
  seq: number;
  record: JobRecord;
  /** When the server has stored it; what is heard live does not say so. */
  storedAt?: string;
}

export interface BulkAnswer {
  done: string[];
  failed: { id: string; code: string; detail: string }[];
  more: boolean;
}

export interface Chart {
  id: string;
  version: string;
  description: string;
  states: {
    id: string;
    key: string;
    parent?: string;
    kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
    isInitial: boolean;
    description: string;
    invokes: string[];
    entry?: string[];
    exit?: string[];
  }[];
  edges: ChartEdge[];
}

export interface ChartEdge {
  id: string;
  from: string;
  to: string;
  event: string;
  label: string;
  guard?: string;
  actions: string[];
}

export interface MachineAnswer {
  chart: Chart;
  counts: Record<string, number>;
}

export interface MachineSummary {
  id: string;
  version: string;
  description: string;
  source: 'built-in' | 'worker';
  states: number;
}

export interface WebhookResponse {
  status?: number;
  /** What kept an answer from coming. */
  error?: string;
  [name: string]: unknown;
}

export interface Delivery {
  id: string;
  parentId?: string;
  /** The id of a registered endpoint; else there is an address. */
  endpoint?: string;
  url?: string;
  event?: string;
  /** Why it waits, where that is not for its next try. */
  parked?: ParkedReason;
  status: JobStatus;
  state: JobRecord['state'];
  attempt: number;
  maxAttempts: number;
  createdAt: string;
  updatedAt: string;
  nextRunAt?: string;
  response?: WebhookResponse;
  error?: { code?: string; message?: string };
}

export interface DeliveryDetail extends Delivery {
  attempts: {
    attempt: number;
    at: string;
    durationMs?: number;
    response?: WebhookResponse;
    error?: { code?: string; message?: string };
    /** The beginning of the answer, for admins. */
    excerpt?: string;
  }[];
  payload?: unknown;
}

export interface WebhookEndpoint {
  id: string;
  url: string;
  description?: string;
  events: string[];
  concurrency: number;
  rate?: { max: number; perMs: number };
  ordered: boolean;
  format: string;
  state: 'closed' | 'open' | 'halfOpen' | 'disabled';
  health: {
    failures: number;
    failingSince?: string;
    error?: string;
    openUntil?: string;
    alertedAt?: string;
    disabledAt?: string;
    reason?: string;
  };
  kept: { count: number; oldestAt?: string };
}

export interface StreamHealth {
  broker: { connected: boolean; url: string; version?: string };
  streams: {
    name: string;
    messages: number;
    bytes: number;
    replicas: number;
    leader?: string;
    ok: boolean;
    drift: string[];
    stalled?: string;
  }[];
  consumers: { name: string; pending: number; ackPending: number; redelivered: number; waiting: number }[];
}
