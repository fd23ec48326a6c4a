/**
 * Whether a handler may have begun with a job that nobody has claimed (decision 16). No record stops such a handler, so its message is
 * the only one that may carry the job on. Nothing here is decided by how long something takes: the consumer says what it has delivered.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { ConflictError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { allCarriersOf, type Carrier } from '../job-carriers.js';
import { placesFrom } from '../retention/record-removal.js';

/** How long the caller waits for an answer that only the worker knows. */
const ANSWER_MS = 2_000;
const READ_EVERY_MS = 200;

/** A worker may have begun the job: it is not looked up again. */
export class MayHaveBegun extends ConflictError {
  constructor(id: string) {
    super(
      `a worker was given job ${id} and may have begun it, so it cannot be changed; read it again, or cancel it`,
    );
  }
}

/**
 * Whether a worker that is given the message of the job can take it for one that nobody has touched. After any other write than
 * a change, whoever is given it writes its claim first.
 * @param stored the record of the job, if it has one
 */
export function isUntouched(stored: JobRecord | undefined): boolean {
  if (!stored) return true;
  return stored.change !== undefined && stored.startedAt === undefined && stored.workSeq === undefined;
}

/** @throws MayHaveBegun when the consumer has passed one of the messages: what is acknowledged counts too, since the server can be wrong in that */
export async function assertNotGiven(
  broker: Broker,
  job: JobRecord,
  messages: readonly Carrier[],
): Promise<void> {
  if (messages.length === 0) return;
  if (await isGiven(broker, job, messages)) throw new MayHaveBegun(job.id);
  // With replicas, workers write each claim first. Without, one at another server of a cluster may hear of the change too late.
  if (broker.connection.info?.cluster === undefined) return;
  const { config } = await broker.topology.streamInfo('jobs');
  if (config.num_replicas === 1) throw new MayHaveBegun(job.id);
}

/**
 * Asked behind the change `seq`. Workers hear of it first: one that is given the message later, over the same connection, claims
 * before it begins.
 */
export async function wasGiven(
  broker: Broker,
  job: JobRecord,
  seq: number,
  messages: readonly Carrier[],
): Promise<boolean> {
  if (messages.length === 0) return false;
  broker.notices.announceChanged(job.id, seq);
  await broker.flush();
  return isGiven(broker, job, messages);
}

async function isGiven(broker: Broker, job: JobRecord, messages: readonly Carrier[]): Promise<boolean> {
  const places = await placesFrom(broker)(job, messages);
  return places.some((place) => place === 'delivered' || place === 'acknowledged');
}

/**
 * Finds out whether a job was put off whose worker was given its message meanwhile. It sets the timer unless it has begun; only the
 * answer depends on this.
 * @throws MayHaveBegun unless it has set it
 */
export async function assertPutOff(broker: Broker, job: JobRecord, seq: number): Promise<void> {
  const endMs = performance.now() + ANSWER_MS;
  do {
    const last = await broker.lastEvent(job.id);
    if (last?.record && last.seq > seq && (isTerminal(last.record.status) || !isUntouched(last.record)))
      break;
    if ((await allCarriersOf(broker, job)).some(({ kind }) => kind === 'timers')) return;
    await delay(READ_EVERY_MS);
  } while (performance.now() < endMs);
  throw new MayHaveBegun(job.id);
}
