/**
 * When a work message, a timer or a record may go. Trimming, cleanup, the sweeper and the doctor all ask here, and bring the
 * facts. Each reason to keep something is named here, and what is kept for none of them is purgeable.
 */
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import type { Subjects } from '../../wire/subjects.js';

/** What the server says of a consumer. */
export interface ConsumerCounts {
  num_pending: number;
  num_ack_pending: number;
  delivered: { stream_seq: number };
  ack_floor: { stream_seq: number };
}

/** Where a message is, as the server says. */
export type Place =
  /** No consumer covers it: a timer, an event, or a message of a type that nobody handles. */
  | 'uncovered'
  /** Its consumer has yet to deliver it. */
  | 'pending'
  /** A worker may have it. */
  | 'delivered'
  /** All up to it is acknowledged. The server can be wrong (its issues 4736 and 7680), so this alone proves nothing. */
  | 'acknowledged';

/** Up to which sequence all that the consumer covers is acknowledged. */
export function acknowledgedUpTo({ num_ack_pending, delivered, ack_floor }: ConsumerCounts): number {
  return num_ack_pending === 0 ? delivered.stream_seq : ack_floor.stream_seq;
}

/** @param counts those of its consumer, undefined where it has none */
export function placeOf(seq: number, counts: ConsumerCounts | undefined): Place {
  if (!counts) return 'uncovered';
  if (seq > counts.delivered.stream_seq) return 'pending';
  return seq > acknowledgedUpTo(counts) ? 'delivered' : 'acknowledged';
}

/** Why a work message or a timer is kept. */
export type MessageReason =
  /** A worker has it or will be given it, and acknowledges it then. Nothing is taken away from under a consumer. */
  | 'unacknowledged'
  /** It is no job, and only who published it knows what it is for. */
  | 'foreign'
  /** It fires again and again, or what it starts gets an id of its own: no job's end is its end. */
  | 'recurring'
  /** No record accounts for it: its job has not begun, or the server has lost sight of it. */
  | 'unrecorded'
  /** Its job is queued, and no later message brings it to a worker. */
  | 'queued'
  /** Its job runs from it. */
  | 'running'
  /** Its job has not ended, and no worker has seen the message. */
  | 'open'
  /** Its job ended a moment ago: whoever ended it may be about to publish what follows, and to remove it. */
  | 'fresh';

export interface MessageFacts {
  seq: number;
  place: Place;
  /** The job that it would bring to a worker; undefined for what is no job. */
  job: JobRecord | undefined;
  isRecurring?: boolean;
  /** The last record of that job, and of no other one that has its id. */
  record: JobRecord | undefined;
  /** Of a queued job, the sequence of its last work message. */
  lastSeq?: number;
  /** When the job must have ended at the latest, where nobody acknowledges the message, or has not yet; ms since the epoch. */
  endedByMs?: number;
  /** What follows from the end of the job exists, and nobody waits for that end. */
  isFollowedUp?: boolean;
}

/** Why a message is kept; undefined when it is purgeable. */
export function reasonToKeepMessage(facts: MessageFacts): MessageReason | undefined {
  const { place, job, record } = facts;
  if (place === 'pending' || (place === 'delivered' && !isDoneWith(facts))) return 'unacknowledged';
  // What a worker has acknowledged and is no job is of use to nobody.
  if (!job) return place === 'acknowledged' ? undefined : 'foreign';
  if (facts.isRecurring) return 'recurring';
  if (!record) return 'unrecorded';
  return place === 'acknowledged' ? reasonIfAcknowledged(record, facts) : reasonIfUncovered(record, facts);
}

/** A worker that was given it once more would only acknowledge it. */
function isDoneWith({ record, endedByMs = 0, isFollowedUp = false }: MessageFacts): boolean {
  return record !== undefined && isFollowedUp && !reasonIfUncovered(record, { endedByMs });
}

/** An outcome, a timer or a later message has taken its place, or will if this process dies now. */
function reasonIfAcknowledged(
  { state, workSeq }: JobRecord,
  { seq, lastSeq = 0 }: MessageFacts,
): MessageReason | undefined {
  if (state === 'queued' && lastSeq <= seq) return 'queued';
  return state === 'running' && workSeq === seq ? 'running' : undefined;
}

function reasonIfUncovered(
  record: JobRecord,
  { endedByMs = 0 }: Pick<MessageFacts, 'endedByMs'>,
): MessageReason | undefined {
  if (!isTerminal(record.status)) return 'open';
  return Date.parse(record.finishedAt ?? record.updatedAt) > endedByMs ? 'fresh' : undefined;
}

/**
 * Whether a record is that of an earlier job: sequences begin again with a stream that was recreated, and a job without an id has
 * its sequence as its id.
 */
export function isOfNamesake(
  subjects: Subjects,
  { subject }: StoredMessage,
  job: JobRecord,
  record: JobRecord,
): boolean {
  const work = subjects.parseWork(subject);
  return work !== undefined && work.id === undefined && job.createdAt !== record.createdAt;
}

/** The reasons to keep the record of a job that has ended: without it, each message of the job would be a new job. */
export interface RecordReasons {
  /** The job has moved on from its end: it was retried. */
  isAlive: boolean;
  /** The message of the job that it follows from may be delivered again; whoever gets it publishes this job once more. */
  isRepeatable: boolean;
  /** It was cancelled as its timer fired, and its message is on the way to the work stream. */
  isArriving: boolean;
  /** A worker has its message, and has not claimed it yet. */
  isDelivered: boolean;
  /** What follows from it was not published, and its message may be all that still tells a worker to do so. */
  isUnfollowed: boolean;
  /** It may own something outside the broker, which can be removed only while its owner is known. */
  isOwner: boolean;
}

/** Whether a record may go, after the messages that carry its job. */
export function isRecordPurgeable(reasons: RecordReasons): boolean {
  return !Object.values(reasons).includes(true);
}
