/** The bodies of all messages as types, from which their JSON Schemas are made. Each stands under its name in docs/contract/schemas. */

import type { BreakerSnapshot } from '../../machines/index.js';
import type { ChartsAnswer as Charts } from '../../src/inspect/worker-charts.js';
import type { AuditAction } from '../../src/jobs/audit.js';
import type { SealedValue } from '../../src/jobs/codec.js';
import type { ChildEnd as End } from '../../src/jobs/flow.js';
import type { JobRecord as JobState } from '../../src/jobs/job-record.js';
import type { StoredEntry } from '../../src/money/ledger-entry.js';
import type { StoredEndpoint } from '../../src/webhooks/endpoints/endpoint.js';
import type { StoredHealth } from '../../src/webhooks/endpoints/stored-health.js';
import type { Turn } from '../../src/webhooks/endpoints/turn.js';
import type { ActivityMessage } from '../../src/wire/activity.js';
import type { StoredMinute } from '../../src/wire/history-message.js';
import type { InspectionRecord, WorkerInfo } from '../../src/wire/inspection.js';
import type { Ledger } from '../../src/wire/limit-message.js';
import type * as notice from '../../src/wire/notice-messages.js';
import type { PauseList as Pauses } from '../../src/wire/pauses.js';
import type { StandbyTimer as Standby } from '../../src/wire/standby-message.js';
import type { StepsMessage } from '../../src/wire/steps.js';
import type { TicksRecord } from '../../src/wire/ticks-message.js';
import type { JobStep } from '../../src/wire/told-steps.js';
import type { Claim } from '../../src/wire/unique-claim.js';

/** Any JSON. What it means, the type of the job says. */
export type AnyJson = unknown;

/** The whole state of a job after a transition. */
export type JobRecord = JobState<unknown, unknown>;

/** What a handler reported: how far it is, its lines, or parts of its result. */
export type Activity = ActivityMessage;

/** What the state machines of a job did; each write replaces the one before. */
export type Steps = Omit<StepsMessage, 'steps'> & { steps: JobStep[] | Sealed };

/** What became of jobs in one minute, by type, priority, worker and tag. */
export type HistoryMinute = StoredMinute;

/** A value that a codec has sealed: compressed, encrypted, or both. */
export type Sealed = SealedValue;

/** One step of one actor, sent while somebody watches. */
export type Inspection = InspectionRecord;

/** A timer of another site, as its standby keeps it: the headers and the body of its message. */
export type StandbyTimer = Standby;

/** Which job has a unique key. */
export type UniqueClaim = Claim & { v: 1 };

/** The permits of one key of a limit. */
export type Permits = Ledger;

/** Where webhooks go. */
export type Endpoint = StoredEndpoint;

/** How an endpoint fares. */
export type EndpointHealth = StoredHealth & { v: 1 };

/** How a provider of instances fares in a region. */
export type ProviderHealth = BreakerSnapshot & { v: 1; provider: string; region: string };

/** When jobs that wait for capacity have asked a provider last, and whether it had none. */
export interface OfferPoll {
  v: 1;
  askedAtMs: number;
  hasNone: boolean;
}

/** An instance that was rented, and what it costs. */
export type LedgerEntry = StoredEntry;

/** A webhook that waits for those before it. */
export type WebhookTurn = Turn & { v: 1 };

/** How many permits a limit has, set by an operator. */
export type LimitSetting = notice.LimitSetting;

/** What became of the last ticks of a schedule. */
export type Ticks = TicksRecord;

/** Every pause. */
export type PauseList = Pauses;

/** Who did what over HTTP. */
export type AuditEntry = AuditAction & { v: 1 };

/** How a child has ended. */
export type ChildEnd = End<unknown>;

/** The ids of the children of a parent. */
export type ChildList = string[];

/** Of a worker, about itself. */
export type Worker = WorkerInfo;

/** The charts that the handlers of a worker run. */
export type ChartsAnswer = Charts;

export type CancelledNotice = notice.CancelledNotice;
export type SweptNotice = notice.SweptNotice;
export type AcknowledgedQuestion = notice.AcknowledgedQuestion;
export type AcknowledgedAnswer = notice.AcknowledgedAnswer;
export type WorkersQuestion = notice.WorkersQuestion;
export type ChartsQuestion = notice.ChartsQuestion;
export type DrainOrder = notice.DrainOrder;
export type WatchNotice = notice.WatchNotice;
export type LimitsNotice = notice.LimitsNotice;
