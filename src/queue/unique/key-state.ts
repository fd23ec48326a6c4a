/**
 * Who has a unique key. The claim in UNIQUE comes first, and names the job and what it is to be; the job is stored after it. So
 * whoever meets a claim without its job stores that job, as its adder would have: an adder that dies between its two writes has
 * added its job as soon as anybody asks for the key again. Nobody waits for anybody.
 *
 * After a minute nobody does that any more. The key goes to somebody else then, such that an adder which was only frozen can do
 * no harm: under the same id, which one job can have, or after the end of the job is on record, which no worker passes over.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { ConflictError, type JobErrorInfo } from '../../jobs/errors.js';
import { type JobRecord, type JobRequest, pendingRecord } from '../../jobs/job-record.js';
import { DEFAULT_MAX_ATTEMPTS } from '../../jobs/limits.js';
import type { CheckedUnique } from '../../jobs/unique-options.js';
import { encodePayload } from '../../jobs/validation.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import type { Claim } from '../../wire/unique-claim.js';
import { addNamed, isTaken } from '../job-add.js';
import { findVersion, type JobVersion } from '../job-lookup.js';
import { transitionRecord } from '../transition-record.js';

/** For so long the job of a claim is stored by whoever meets it. A write is given up sooner. */
export const UNFINISHED_MS = 60_000;
/** A claim is a moment older than its job, and its adder is as a rule the first to store it. */
const ADDER_FIRST_MS = 10;
/** How a job is looked for that no replica may have yet. */
const LOOKS = 4;
const LOOK_AGAIN_MS = 250;

/** The key as it may be claimed, or who has it. */
export type KeyState =
  | {
      kind: 'free';
      /** What the claim has to replace. */
      seq: number;
      /** The id under which a job must be stored, so that it cannot be there twice. */
      reuseId?: string;
    }
  | {
      kind: 'held';
      seq: number;
      claim: Claim;
      /** Absent for one whose record is gone, while its period lasts, and for one that the caller is about to run again. */
      version?: JobVersion;
    };

/** What a caller asks of a key. */
export interface Asked {
  type: string;
  unique: CheckedUnique;
  /** Whether the caller's job can have any id. */
  canReuse: boolean;
  /** A job that the caller has cancelled to get the key. */
  gaveWay?: string | undefined;
  /** The job that the caller runs again, and the event with which it ended. Others may do so too: one of their writes counts. */
  again?: { id: string; afterSeq: number };
}

/**
 * The state of a key, with whatever was left undone about it done.
 * @throws ConflictError when somebody else was faster with that: ask again
 */
export async function keyState(broker: Broker, asked: Asked): Promise<KeyState> {
  const { type, unique, gaveWay, again } = asked;
  for (let look = 1; ; look++) {
    const { claim, seq } = await broker.unique.read(type, unique);
    if (!claim) return { kind: 'free', seq };
    if (unique.scope === 'period') {
      const isOver = claim.sinceMs + unique.periodMs <= broker.clock.now();
      if (isOver || claim.id === gaveWay) return { kind: 'free', seq };
    }
    const version = await findVersion(broker, claim.id);
    const isThere = version && (claim.afterSeq === undefined || version.seq > claim.afterSeq);
    if (isThere) {
      const hasEnded = unique.scope === 'active' && isTerminal(version.job.status);
      return hasEnded ? { kind: 'free', seq } : { kind: 'held', seq, claim, version };
    }
    if (claim.afterSeq !== undefined) {
      if (again?.id === claim.id && again.afterSeq === claim.afterSeq) return { kind: 'held', seq, claim };
      await endAgain(broker, claim.id, claim.afterSeq);
      return { kind: 'free', seq };
    }
    const isYoung = broker.clock.now() - claim.sinceMs < UNFINISHED_MS;
    if (claim.job && isYoung) {
      if (look === 1) await delay(ADDER_FIRST_MS);
      else if (!(await storeFor(broker, claim))) return { kind: 'free', seq };
      continue;
    }
    // It was stored, and its record is gone.
    if (!claim.job && unique.scope === 'period') return { kind: 'held', seq, claim };
    // A replica may be behind. Under the same id that does no harm.
    if (asked.canReuse && !claim.isNamed) return { kind: 'free', seq, reuseId: claim.id };
    if (claim.job) {
      await endUnfinished(broker, claim.job.request);
      return { kind: 'free', seq };
    }
    if (look >= LOOKS) return { kind: 'free', seq };
    await delay(LOOK_AGAIN_MS);
  }
}

/** @returns whether the job is stored now; otherwise its id is that of another job, and it never will be */
async function storeFor(broker: Broker, { job }: Claim): Promise<boolean> {
  if (!job) return false;
  const { request, runAtMs } = job;
  try {
    await addNamed(broker, { request, body: encodePayload(request.payload), runAtMs });
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

/** Should its adder wake up, its message meets this record. @throws ConflictError when it has woken up */
async function endUnfinished(broker: Broker, request: JobRequest): Promise<void> {
  const error: JobErrorInfo = {
    code: 'JETFLEET_CANCELLED',
    message: 'Whoever added the job did not come to store it, and its unique key has gone to another job',
    retryable: false,
  };
  const nowMs = broker.clock.now();
  const record = transitionRecord(
    pendingRecord(request, DEFAULT_MAX_ATTEMPTS),
    'cancelled',
    { attempt: 0, error },
    { nowMs },
  );
  await broker.appendEvent(record, 0);
}

/** Should whoever wanted to run the job again wake up, its write comes too late. @throws ConflictError when it runs again */
async function endAgain(broker: Broker, id: string, afterSeq: number): Promise<void> {
  const last = await broker.lastEvent(id);
  // The record is gone, and without it the job cannot run again.
  if (!last) return;
  if (last.seq !== afterSeq || !last.record) throw new ConflictError(`job ${id} has moved on meanwhile`);
  await broker.appendEvent(last.record, afterSeq);
  await broker.topology.deleteMessage('events', afterSeq).catch(() => {});
}

/** Whether the job of a key has not begun, so that another one may take its place. */
export function hasNotBegun({ status }: JobRecord): boolean {
  return status === 'pending';
}
