import type { Broker } from '../../broker/broker.js';
import { ConflictError, JetfleetError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { Header } from '../../wire/headers.js';
import { decodeJob } from '../../wire/job-message.js';
import { WORK_KINDS } from '../../wire/subjects.js';
import { pendingRecordOf } from '../job-lookup.js';
import { changedRecord } from './changed-record.js';
import { removeIfEnded } from './left-over.js';
import type { WantedChange } from './wanted-change.js';

/**
 * Changes a delayed job that no worker has touched: its timer is replaced by one on the same subject, behind the sequence of the
 * first. One write, so there are never two timers, and none is lost.
 * @throws ConflictError when the timer has fired meanwhile, or somebody else has changed it
 */
export async function changeTimer(
  broker: Broker,
  before: JobRecord,
  wanted: WantedChange,
): Promise<JobRecord> {
  const { subjects, read } = broker;
  const stream = subjects.streamName('timers');
  for (const schedule of WORK_KINDS.flatMap((kind) => subjects.schedulesOf(kind, before.id))) {
    const message = await read.last(stream, schedule);
    const stored = message && pendingRecordOf(broker, message);
    if (!stored) continue;
    const target = subjects.parseDue(message.headers.get(Header.SCHEDULE_TARGET));
    const subject = subjects.workOfDue(message.headers.get(Header.SCHEDULE_TARGET));
    if (!target || subject === undefined) continue;
    const { request, error } = decodeJob(subjects, { ...message, subject, wasRead: true }, true);
    // What cannot run fails when its time has come, and keeps why.
    if (error)
      throw new JetfleetError('JETFLEET_CONFLICT', `job ${before.id} cannot be changed: ${error.message}`);
    const record = changedRecord(stored, wanted, broker.clock.now());
    const { priority, nextRunAt, change } = record;
    await broker.jobs.replaceTimer({
      subject: message.subject,
      seq: message.seq,
      request: { ...request, ...(change && { change }) },
      data: message.data,
      runAtMs: Date.parse(nextRunAt ?? ''),
      target: subjects.due({ ...target, priority }),
    });
    await removeIfEnded(broker, record);
    return withoutEarlier(record);
  }
  throw new ConflictError(`the timer of job ${before.id} has fired`);
}

/** Nothing is stored under the priority that it had. */
function withoutEarlier({ earlierPriorities: _, ...record }: JobRecord): JobRecord {
  return record;
}
