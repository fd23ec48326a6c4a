/** How a job with a unique key is stored: one job for each key, of any number of processes that add one at once. */
import type { Broker } from '../../broker/broker.js';
import { CONFLICTS_MS, untilNoConflict } from '../../broker/retry.js';
import { defined } from '../../jobs/defined.js';
import { ConflictError, JetfleetError, UniqueKeyTakenError } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import type { JobRequest } from '../../jobs/job-record.js';
import type { CheckedUnique, OnConflict } from '../../jobs/unique-options.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { type AddedJob, addNamed, assertSame, isTaken } from '../job-add.js';
import { cancelJob } from '../job-cancel.js';
import { findClaims } from '../job-lookup.js';
import type { CheckedJob } from '../job-request.js';
import { hasNotBegun, type KeyState, keyState } from './key-state.js';

/** A checked job with a key that it holds until its end, or for a period. */
export type UniqueJob = CheckedJob & { unique: CheckedUnique & { onConflict: OnConflict } };

/**
 * Stores a job unless another one has its key, and then does as `onConflict` says.
 * @throws UniqueKeyTakenError; JetfleetError `JETFLEET_ID_TAKEN` for an id of the caller's own that names another job
 */
export async function addUnique(broker: Broker, job: UniqueJob): Promise<AddedJob> {
  const known = await knownByName(broker, job);
  if (known) return known;
  const add = new UniqueAdd(broker, job);
  return untilNoConflict(() => add.try()).catch((error) => {
    throw error instanceof ConflictError ? changesTooOften(job.unique.key, error) : error;
  });
}

/** A call with an id of its own can be repeated, whoever has the key by now. */
async function knownByName(broker: Broker, { request }: CheckedJob): Promise<AddedJob | undefined> {
  if (request.isNew) return undefined;
  const [known] = await findClaims(broker, request.id);
  if (!known) return undefined;
  assertSame(known, request);
  return { id: request.id, created: false, known };
}

class UniqueAdd {
  readonly #broker: Broker;
  readonly #job: UniqueJob;
  /** The job that was cancelled for this one. */
  #gaveWay: string | undefined;
  /** When this call has claimed the key. */
  #sinceMs: number | undefined;

  constructor(broker: Broker, job: UniqueJob) {
    this.#broker = broker;
    this.#job = job;
  }

  /** @throws ConflictError where it must be tried again */
  async try(): Promise<AddedJob> {
    const { request, unique } = this.#job;
    const asked = { type: request.type, unique, canReuse: request.isNew === true, gaveWay: this.#gaveWay };
    const state = await keyState(this.#broker, asked);
    if (state.kind === 'free') return this.#claim(state);
    const { claim, version } = state;
    const isOwn = this.#sinceMs !== undefined && claim.id === request.id && claim.sinceMs === this.#sinceMs;
    if (isOwn) return this.#added(request.id);
    return this.#onHeld(state, version?.job && isTerminal(version.job.status));
  }

  async #claim({ seq: before, reuseId }: KeyState & { kind: 'free' }): Promise<AddedJob> {
    const { unique, runAtMs, body } = this.#job;
    const { isNew, ...own } = this.#job.request;
    const sinceMs = Math.round(this.#broker.clock.now());
    const createdAt = new Date(sinceMs).toISOString();
    const request: JobRequest = { ...own, id: reuseId ?? own.id, createdAt };
    const { type, id } = request;
    const facts = { id, key: unique.key, sinceMs, ...(!isNew && { isNamed: true as const }) };
    const claim = { ...facts, job: { request, ...defined({ runAtMs }) } };
    const periodMs = unique.scope === 'period' ? unique.periodMs : undefined;
    const keys = this.#broker.unique;
    const seq = await keys.claim(type, unique, claim, before, periodMs);
    this.#sinceMs = sinceMs;
    const isFresh = isNew === true && reuseId === undefined;
    if (isFresh) await this.#broker.jobs.enqueue(request, runAtMs, body);
    else await this.#store(request, seq);
    // Nobody has to store it any more. Nothing depends on this write, so nobody waits for it.
    keys.claim(type, unique, facts, seq, periodMs).catch(() => {});
    return this.#added(id);
  }

  /** Stores a job under an id that another one may have. */
  async #store(request: JobRequest, seq: number): Promise<void> {
    const { body, runAtMs } = this.#job;
    try {
      await addNamed(this.#broker, { request, body, runAtMs });
    } catch (error) {
      if (!isTaken(error)) throw error;
      if (!this.#job.request.isNew) {
        // The job of this claim can never be stored.
        await this.#broker.unique.remove(seq).catch(() => {});
        throw error;
      }
      throw new ConflictError(`job ${request.id} was stored meanwhile`, { cause: error });
    }
  }

  async #onHeld(
    { claim: { id, sinceMs }, version }: KeyState & { kind: 'held' },
    hasEnded: boolean | undefined,
  ): Promise<AddedJob> {
    const { unique } = this.#job;
    const { onConflict } = unique;
    if (onConflict === 'reject') {
      const untilMs = unique.scope === 'period' ? sinceMs + unique.periodMs : undefined;
      throw keyTaken(unique.key, id, untilMs, this.#broker.clock.now());
    }
    const isOpen = version !== undefined && hasEnded === false;
    const givesWay =
      isOpen && (onConflict === 'cancel-running' || (onConflict === 'replace' && hasNotBegun(version.job)));
    if (!givesWay) return { id, created: false, ...(version && { known: version.job }) };
    const ifSeq = onConflict === 'replace' ? { ifSeq: version.seq } : {};
    try {
      await cancelJob(this.#broker, id, `another job has its unique key ${quoted(unique.key)}`, ifSeq);
      this.#gaveWay = id;
    } catch (error) {
      if (!hasMovedOn(error)) throw error;
    }
    throw new ConflictError(`job ${id} has the unique key no more`);
  }

  #added(id: string): AddedJob {
    return { id, created: true, ...defined({ replaced: this.#gaveWay }) };
  }
}

/** It began, ended or went meanwhile. */
function hasMovedOn(error: unknown): boolean {
  const isGone = JetfleetError.is(error, 'JETFLEET_NOT_FOUND');
  return isGone || error instanceof ConflictError || JetfleetError.is(error, 'JETFLEET_VERSION_MISMATCH');
}

export function keyTaken(
  key: string,
  jobId: string,
  untilMs: number | undefined,
  nowMs: number,
): UniqueKeyTakenError {
  const until = untilMs === undefined ? 'until that has ended' : `until ${new Date(untilMs).toISOString()}`;
  const retryAfterMs = untilMs === undefined ? {} : { retryAfterMs: Math.max(0, Math.ceil(untilMs - nowMs)) };
  return new UniqueKeyTakenError(
    jobId,
    `job ${jobId} has the unique key ${quoted(key)} ${until}`,
    retryAfterMs,
  );
}

function changesTooOften(key: string, cause: unknown): ConflictError {
  const why = `the unique key ${quoted(key)} went from job to job for ${CONFLICTS_MS / 1_000} s; try again`;
  return new ConflictError(why, { cause, retryable: true });
}
