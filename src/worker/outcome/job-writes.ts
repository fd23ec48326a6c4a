/** What a worker writes of its jobs, each write done until the broker has taken it. */
import type { Broker } from '../../broker/broker.js';
import type { Delivery } from '../../broker/consume/delivery.js';
import { retry } from '../../broker/retry.js';
import { isBrokerFailure } from '../../broker/topology/manager.js';
import { BrokerError, JetfleetError, ValidationError } from '../../jobs/errors.js';
import { toJobError } from '../../jobs/job-error.js';
import type { JobRecord, JobRequest } from '../../jobs/job-record.js';
import { isTerminal, type WorkKind } from '../../jobs/vocabulary.js';
import { addFollowUp } from '../../queue/job-add.js';
import { cancelJob } from '../../queue/job-cancel.js';
import { timerTime } from '../../queue/timer-time.js';
import { followUpRequests, type TransitionFacts } from '../../queue/transition-record.js';
import { releaseKey } from '../../queue/unique/release-key.js';
import { isAwaiting, settleWaits } from '../../queue/waiting/settle-waits.js';
import { lookOnceMore } from '../../queue/waiting/wake.js';
import type { Logger } from '../../telemetry/logger.js';
import type { WorkerServices } from '../worker-services.js';

const RETRY_MS = 1_000;

/** Repeats a broker write until it is done. `again` says that it may be stored already. */
export function persistently<T>(logger: Logger, write: (again: boolean) => Promise<T>): Promise<T> {
  const mayPass = (error: unknown) => {
    const isPassing = error instanceof BrokerError && error.retryable;
    if (isPassing) logger.warn({ err: error }, 'the broker did not take a write; trying again');
    return isPassing;
  };
  return retry(write, { withinMs: Number.POSITIVE_INFINITY, pauseMs: RETRY_MS, mayPass });
}

/** Who makes a transition, by which message, and when: no earlier than that was stored, whatever is known of the time. */
export function factsOf({ worker, broker }: WorkerServices, { seq, timeMs }: Delivery): TransitionFacts {
  return { worker, workSeq: seq, nowMs: broker.clock.notBefore(timeMs) };
}

/** Writes an event, however long the broker takes. @throws ConflictError when somebody else wrote after the event `lastSeq` */
export function writeEvent(
  { broker, logger }: WorkerServices,
  record: JobRecord,
  lastSeq: number,
): Promise<number> {
  return persistently(logger, (again) => broker.appendEvent(record, lastSeq, again));
}

/** A crash before the acknowledgement repeats it, which adds nothing twice. @returns undefined where nothing is to be waited for */
export function followThrough(
  services: WorkerServices,
  record: JobRecord,
  kind: WorkKind,
): Promise<void> | undefined {
  const isBare = !record.next && !record.unique && !record.tags && !isAwaiting(record);
  const isAll = isTerminal(record.status) && isBare && !services.onFailpoint;
  return isAll ? undefined : followInSteps(services, record, kind);
}

async function followInSteps(services: WorkerServices, record: JobRecord, kind: WorkKind): Promise<void> {
  const { onFailpoint } = services;
  if (isTerminal(record.status)) {
    if (onFailpoint) await onFailpoint('finish.written', record.id);
    const hasMore = record.next || record.unique || record.tags || isAwaiting(record);
    if (hasMore) await publishFollowUps(services, record);
    if (onFailpoint) await onFailpoint('finish.followed', record.id);
  } else {
    if (onFailpoint) await onFailpoint('retry.written', record.id);
    await beginWait(services, record, kind);
    if (onFailpoint) await onFailpoint('retry.timer-set', record.id);
  }
}

/** Gives the job's key back too. Doing it again adds nothing twice. What can never be published is given up: its job's message would else come again for ever. */
export async function publishFollowUps({ broker, logger }: WorkerServices, record: JobRecord): Promise<void> {
  const publish = async (request: JobRequest) => {
    try {
      await persistently(logger, () => addFollowUp(broker, request));
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      const { code, message } = toJobError(error);
      logger.error(
        { jobId: record.id, next: request.id, code, message },
        'a next job can never be published; given up',
      );
    }
  };
  if (record.tags) await settleTags(broker, logger, record);
  if (record.unique) await releaseKey(broker, record);
  await Promise.all(followUpRequests(record).map(publish));
  if (isAwaiting(record)) await persistently(logger, () => settleWaits(broker, record, cancelJob));
}

/**
 * Notes the tags of a job that has begun: one that was published without Jetfleet has no entries yet. Nothing waits for it, since
 * the end of the job notes them again.
 */
export function noteTags({ broker, logger }: WorkerServices, record: JobRecord): void {
  if (record.attempt > 1) return;
  broker.tags.open([record]).catch((err) => logger.debug({ jobId: record.id, err }, 'tags were not noted'));
}

/** A job ends also where the index of tags cannot be written: it only finds jobs. */
async function settleTags(broker: Broker, logger: Logger, record: JobRecord): Promise<void> {
  try {
    await persistently(logger, () => broker.tags.settle(record));
  } catch (err) {
    logger.warn({ jobId: record.id, err }, 'the end of the job is not noted in the index of tags');
  }
}

/** Whether an error is about what is to be written, so that it comes again with every try. */
export function isUnwritable(error: unknown): boolean {
  if (!JetfleetError.is(error)) return !isBrokerFailure(error);
  return error instanceof ValidationError || error.code === 'JETFLEET_MESSAGE_TOO_LARGE';
}

/** Sets the timer of a job that is to wait. What wakes it may have come before its record was written, so that nobody has woken it. */
export async function beginWait(services: WorkerServices, record: JobRecord, kind: WorkKind): Promise<void> {
  const timer = await setJobTimer(services, record, kind);
  if (!record.waitsFor) return;
  await services.onFailpoint?.('wait.timer-set', record.id);
  const later = await persistently(services.logger, () => lookOnceMore(services.broker, record, timer));
  if (later) await beginWait(services, later, kind);
}

/** @returns the sequence of the timer */
export async function setJobTimer(
  services: WorkerServices,
  record: JobRecord,
  kind: WorkKind,
): Promise<number> {
  const due = Date.parse(record.nextRunAt ?? record.updatedAt);
  const at = timerTime(due, services.broker.clock.now(), services.eventsMaxAgeMs);
  return persistently(services.logger, () => services.broker.jobs.setTimer(kind, record, at));
}
