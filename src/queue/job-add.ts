/** How a job is stored so that it exists once, under its own id, or the caller hears that it does not. */

import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Broker } from '../broker/broker.js';
import { ConflictError, JetfleetError } from '../jobs/errors.js';
import { derivedIdOf } from '../jobs/job-id.js';
import type { JobRecord, JobRequest } from '../jobs/job-record.js';
import { isReference, isSameContent } from '../jobs/stored-object.js';
import { encodePayload } from '../jobs/validation.js';
import { findClaims, findJob } from './job-lookup.js';
import type { CheckedJob } from './job-request.js';
import { withdrawnFor } from './job-rivals.js';
import { withTagsOfType } from './tags-of-type.js';

/** What `add` has done. */
export interface Added {
  /** The job that was added, or the one that was there already. */
  id: string;
  /** Whether this call has added it. */
  created: boolean;
  /** The job that was cancelled for it. */
  replaced?: string;
}

/** What became of a job that was added. */
export interface AddedJob extends Added {
  /** The job that was there already, as it stands. */
  known?: JobRecord;
}

/** Of a conflict with a message that no replica shows yet. */
const POLL_AGAIN_MS = 20;
const MAX_POLLS = 100;
/** No job runs and is removed within this time. */
const RUN_MS = 50;

/**
 * Stores a job under an id that others may know too.
 * @throws JetfleetError `JETFLEET_ID_TAKEN` when the id names another job
 */
export async function addNamed(broker: Broker, { request, body, runAtMs }: CheckedJob): Promise<AddedJob> {
  const { id } = request;
  for (let poll = 0; poll < MAX_POLLS; poll++) {
    const askedMs = performance.now();
    const [known, ...others] = await findClaims(broker, id);
    const isContested = known && others.some((other) => !isSame(other, known));
    if (known && (!isContested || poll === MAX_POLLS - 1)) {
      assertSame(known, request);
      return { id, created: false, known };
    }
    // A replica may be behind what the broker has refused the write for.
    if (isContested || poll > 0) await delay(POLL_AGAIN_MS);
    // One of them withdraws.
    if (isContested) continue;
    try {
      const { seq } = await broker.jobs.enqueue(request, runAtMs, body);
      const isLate = runAtMs === undefined && performance.now() - askedMs > RUN_MS;
      const kind = broker.subjects.workKindOf(request.type);
      const at = { stream: runAtMs === undefined ? kind : ('timers' as const), seq };
      const other = await withdrawnFor(broker, request, at, (record) => isSame(record, request));
      const earlier = other ?? (isLate ? await ranBefore(broker, id, seq) : undefined);
      if (!earlier) return { id, created: true };
      assertSame(earlier, request);
      if (!other) return { id, created: false, known: earlier };
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  throw taken(id, 'by a message that is no job');
}

/** A job that was stored, has run and was removed between the look for it and this write: its record names the message that it had. */
async function ranBefore(broker: Broker, id: string, seq: number): Promise<JobRecord | undefined> {
  const record = (await broker.lastEvent(id))?.record;
  return record?.workSeq !== undefined && record.workSeq !== seq ? record : undefined;
}

/**
 * Stores a job whose id was made for it: one write, without a question before it. Who publishes its message id first
 * makes the broker answer `duplicate` for a message that is not the job's: then the job is stored by its id.
 */
export async function addNew(broker: Broker, job: CheckedJob): Promise<AddedJob> {
  const { request, body, runAtMs } = job;
  const { seq, duplicate } = await broker.jobs.enqueue(request, runAtMs, body);
  const { id } = request;
  if (!duplicate) return { id, created: true };
  if (await broker.jobs.isStored(request, seq)) return { id, created: true };
  const { isNew: _, ...named } = request;
  return addNamed(broker, { ...job, request: named });
}

/**
 * Stores what follows from a job that has ended. Its record names it already, so it is not refused: where another job has
 * taken its id, it gets one of its own that is the same for every repetition.
 * @returns the id
 */
export async function addFollowUp(broker: Broker, asked: JobRequest): Promise<string> {
  const request = withTagsOfType(broker.known, asked);
  const body = encodePayload(request.payload);
  try {
    return (await addNamed(broker, { request, body })).id;
  } catch (error) {
    if (!isTaken(error)) throw error;
    const id = derivedIdOf(request.id, `${request.type} ${body}`);
    return (await addNamed(broker, { request: { ...request, id }, body })).id;
  }
}

/**
 * Makes sure that the ids of jobs are free, or name the same jobs already.
 * @throws JetfleetError `JETFLEET_ID_TAKEN`
 */
export async function assertFree(broker: Broker, requests: readonly JobRequest[]): Promise<void> {
  await Promise.all(
    requests.map(async (request) => {
      const known = await findJob(broker, request.id);
      if (known) assertSame(known, request);
    }),
  );
}

/** @throws JetfleetError `JETFLEET_ID_TAKEN` unless type and payload are those of the known job */
export function assertSame(known: Pick<JobRecord, 'type' | 'payload'>, request: JobRequest): void {
  if (isSame(known, request)) return;
  const how = known.type === request.type ? 'with another payload' : `of type ${known.type}`;
  throw taken(request.id, `by a job ${how}`);
}

/** The same id, type and payload are one job. Priority and options are those of the first. */
export function isSame(
  known: Pick<JobRecord, 'type' | 'payload'>,
  { type, payload }: Pick<JobRequest, 'type' | 'payload'>,
): boolean {
  if (isReference(known.payload) && isReference(payload))
    return known.type === type && isSameContent(known.payload, payload);
  return known.type === type && isDeepStrictEqual(asJson(known.payload), asJson(payload));
}

export function isTaken(error: unknown): boolean {
  return JetfleetError.is(error, 'JETFLEET_ID_TAKEN');
}

function taken(id: string, how: string): JetfleetError {
  return new JetfleetError('JETFLEET_ID_TAKEN', `job id ${id} is taken ${how}; choose another id`);
}

function asJson(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}
