/** How a job is brought on again. Each is fenced by the job's last event, or harmless when somebody was faster. */
import type { Broker } from '../broker/broker.js';
import { ConflictError, type JobErrorInfo } from '../jobs/errors.js';
import { sequenceId } from '../jobs/job-id.js';
import { type JobRecord, stalledError } from '../jobs/job-record.js';
import { isTerminal, type JobState } from '../jobs/vocabulary.js';
import { assertKnown } from '../queue/follow-ups.js';
import { cancelJob } from '../queue/job-cancel.js';
import {
  enqueueFollowUps,
  requestOf,
  type Transition,
  transitionRecord,
  withFollowUps,
} from '../queue/transition-record.js';
import { isAwaiting, settleWaits } from '../queue/waiting/settle-waits.js';
import type { StreamKind, WorkKind } from '../wire/subjects.js';
import type { OpenJob } from './open-jobs.js';

/** The claim of the fired message decides what the job does; a second timer would change nothing. */
export async function setTimerAgain(broker: Broker, job: OpenJob): Promise<string> {
  await assertUnchanged(broker, job);
  const { record } = job;
  await broker.jobs.setTimer(broker.subjects.workKindOf(record.type), record, broker.clock.now());
  return 'its timer is set for now';
}

export async function publishAgain(broker: Broker, job: OpenJob): Promise<string> {
  await assertUnchanged(broker, job);
  const { record } = job;
  await broker.jobs.enqueueAgain(requestOf(record));
  return 'its message is published again';
}

/** The attempt that was lost with its message counts. */
export async function queueAgain(broker: Broker, job: OpenJob): Promise<string> {
  const { record, seq } = job;
  if (record.attempt >= record.maxAttempts) return failStalled(broker, job);
  const { attempt, checkpoint } = record;
  const queued = transitionRecord(record, 'queued', { attempt, checkpoint }, { nowMs: broker.clock.now() });
  const { workSeq: _, ...free } = queued;
  await broker.appendEvent(free, seq);
  await broker.jobs.enqueueAgain(requestOf(free));
  return 'it is queued again';
}

async function failStalled(broker: Broker, { record, seq }: OpenJob): Promise<string> {
  await assertKnown(broker, record);
  const { attempt, checkpoint } = record;
  const error = stalledError(record, ', and the message of the job is gone');
  const failed = failedRecord(broker, record, 'exhausted', { attempt, checkpoint, error });
  await broker.appendEvent(failed, seq);
  await followUp(broker, failed);
  return 'it has failed as stalled: no attempt is left';
}

/** A job that no worker can take. Where its id is that of another job, it has the number of its message as its own. */
export async function failImpossible(
  broker: Broker,
  { kind, seq, subject }: Placed & { kind: WorkKind },
  pending: JobRecord,
): Promise<string> {
  const error: JobErrorInfo = {
    code: 'JETFLEET_TYPE_INVALID',
    message: `no worker can take ${subject}: a job type is 1 to 64 of a-z 0-9 _, starting with a letter, and its workers listen on ${kind}`,
    retryable: false,
  };
  for (const id of new Set([pending.id, sequenceId({ kind, seq })])) {
    const failed = failedRecord(broker, { ...pending, id, workSeq: seq }, 'rejected', { attempt: 0, error });
    const last = await broker.lastEvent(id);
    // What was recorded before, by somebody who did not come to the removal, is not recorded twice.
    const isOwn = last?.record?.workSeq === seq && last.record.error?.code === error.code;
    if (last && !isOwn) continue;
    if (!last) await broker.appendEvent(failed, 0);
    await followUp(broker, last?.record ?? failed);
    await broker.topology.deleteMessage(kind, seq);
    return `job ${id} has failed, message ${seq} is removed`;
  }
  throw movedOn(pending.id);
}

/** What follows from a job that has ended, for its parent and its children too. */
async function followUp(broker: Broker, record: JobRecord): Promise<string[]> {
  const published = await enqueueFollowUps(broker, record);
  if (isAwaiting(record)) await settleWaits(broker, record, cancelJob);
  return published;
}

function failedRecord(broker: Broker, before: JobRecord, state: JobState, why: Transition): JobRecord {
  return withFollowUps(broker.known, transitionRecord(before, state, why, { nowMs: broker.clock.now() }));
}

export async function removeFailure({ topology }: Broker, seq: number): Promise<string> {
  await topology.deleteMessage('events', seq);
  return `event ${seq} is removed`;
}

export interface Placed {
  kind: StreamKind;
  seq: number;
  subject: string;
}

/** What follows from the job goes first: the message may be all that still tells a worker to publish it. */
export async function removeMessage(
  broker: Broker,
  { kind, seq, subject }: Placed,
  id: string,
): Promise<string> {
  const record = (await broker.lastEvent(id))?.record;
  if (!record || !isTerminal(record.status)) throw movedOn(id);
  const published = await followUp(broker, record);
  await assertUncovered(broker, subject);
  await broker.topology.deleteMessage(kind, seq);
  const followed = published.length > 0 ? `, ${published.join(', ')} published` : '';
  return `message ${seq} is removed${followed}`;
}

/** Nothing is taken away from under a consumer: nats-server could forget messages that it must hand out again. */
async function assertUncovered({ subjects, topology }: Broker, subject: string): Promise<void> {
  const work = subjects.parseWork(subject);
  if (!work || !(await topology.consumer(work.kind, subjects.consumerName(work.type, work.priority)))) return;
  throw new ConflictError(`${subject} has a consumer now: its workers remove the message`);
}

/** Not a fence, only a read: what it guards does no harm to a job that moves on just then. */
async function assertUnchanged(broker: Broker, { record, seq }: OpenJob): Promise<void> {
  if ((await broker.lastEvent(record.id))?.seq !== seq) throw movedOn(record.id);
}

function movedOn(id: string): ConflictError {
  return new ConflictError(`job ${id} has moved on meanwhile`);
}
