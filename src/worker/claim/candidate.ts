import { isDeepStrictEqual } from 'node:util';
import type { JobEvent, JobMachine } from '../../../machines/index.js';
import type { LastEvent } from '../../broker/broker.js';
import type { Delivery } from '../../broker/consume/delivery.js';
import { ValidationError } from '../../jobs/errors.js';
import { namesakeId, reservedIdFault, sequenceId, sequenceOf } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { Header } from '../../wire/headers.js';
import { type DecodedJob, isFromTimers } from '../../wire/job-message.js';
import type { WorkKind } from '../../wire/subjects.js';
import type { RegisteredHandler } from '../job-handler.js';
import type { Slot } from '../lane/slots.js';
import type { HeldPermits } from '../run/held-permits.js';
import { type ClaimDecision, decideClaim } from './decide-claim.js';
import type { CheckedPayload } from './payload-check.js';

/** A handler that begins before its claim is written begins within this time of its delivery, or not so. */
export const MAX_EARLY_MS = 100;

/** A delivered job that is to be claimed. */
export interface Candidate {
  delivery: Delivery;
  job: DecodedJob;
  slot: Slot;
  checked?: CheckedPayload;
}

/** A job whose handler is to begin. */
export interface ClaimedJob {
  /** The job as it was, the event that claims it, and what that makes of it. */
  before: JobRecord;
  event: JobEvent;
  record: JobRecord;
  /** Sequence of the claim: the fence of the next write. 0 while it is not written, and the job has no event. */
  seq: number;
  payload: unknown;
  handler: RegisteredHandler;
  machine: JobMachine;
  delivery: Delivery;
  slot: Slot;
  kind: WorkKind;
  /** The permits that it runs with, where its type has limits. */
  permits?: HeldPermits;
}

/** Whether the record under the number of a bare job is that of an older one: a stream that was recreated counts from 1 again. */
export function isNamesake({ request, bare }: DecodedJob, record: JobRecord): boolean {
  return bare && sequenceOf(request.id) !== undefined && record.createdAt !== request.createdAt;
}

/** What to do with a delivery, given the last event of its job. */
export function decisionOf(
  { delivery, job: { address, request } }: Candidate,
  last: LastEvent | undefined,
  nowMs: number,
): ClaimDecision {
  const woken = isFromTimers(delivery) && delivery.headers.get(Header.WOKEN) !== '';
  const { seq, deliveryCount } = delivery;
  return decideClaim({
    seq,
    priority: address.priority,
    redelivered: deliveryCount > 1,
    woken,
    last,
    nowMs,
    expiresAt: last?.record?.expiresAt ?? request.expiresAt,
  });
}

/** A job that was accepted once keeps running on what it holds, even if a new version would refuse it. */
export function wasAccepted(last: LastEvent | undefined): boolean {
  return last?.record !== undefined && last.record.status !== 'pending';
}

/** Whether somebody holds the job by a message. */
export function isOfMessage(last: LastEvent | undefined, seq: number): boolean {
  return last?.record?.status === 'processing' && last.record.workSeq === seq;
}

/** The job under an id of its own. */
export function renamed(candidate: Candidate): Candidate {
  const { delivery, job } = candidate;
  const id = namesakeId(job.request.id, delivery.timeMs);
  return {
    ...candidate,
    job: { ...job, request: { ...job.request, id }, address: { ...job.address, id } },
  };
}

/** Why the message `seq` is not the job's that its subject names: the id is another job's, or reserved and nobody's yet. */
export function mismatchOf(
  job: DecodedJob,
  record: JobRecord | undefined,
  seq: number,
): ValidationError | undefined {
  if (job.bare) return undefined;
  if (record) return record.workSeq === seq ? undefined : notThatOf(record, job);
  return job.error ? undefined : reservedIdFault(job.request.id);
}

/** The same id, type and payload are one job, and its messages and timers carry the payload of its record. */
function notThatOf(record: JobRecord, { request, error }: DecodedJob): ValidationError | undefined {
  const { id, type, createdAt, payload } = request;
  if (record.type !== type)
    return taken(`job ${id} is of type ${record.type}, so it cannot be of type ${type}`);
  // What cannot be read may be the job's own: it is when both were made at the same time.
  if (error) return record.createdAt === createdAt ? undefined : error;
  // Of a payload that did not fit, the record keeps nothing.
  const isDropped = record.payload === null && record.state === 'rejected';
  if (isDropped || isDeepStrictEqual(record.payload, payload)) return undefined;
  return taken(`job ${id} has another payload already; a job is added twice only with the same one`);
}

function taken(message: string): ValidationError {
  return new ValidationError('JETFLEET_ID_TAKEN', message);
}

/** The message as a job of its own, under its sequence, that fails. */
export function refused(candidate: Candidate, error: ValidationError): Candidate {
  const { delivery, job } = candidate;
  const id = sequenceId({ kind: job.address.kind, seq: delivery.seq });
  const request = { ...job.request, id, payload: null };
  const { checked: _, ...unchecked } = candidate;
  return { ...unchecked, job: { ...job, request, address: { ...job.address, id }, bare: true, error } };
}
