/** Removes single jobs that have ended. */
import type { Broker } from '../../broker/broker.js';
import { ConflictError, type JetfleetError } from '../../jobs/errors.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { findJob, noSuchJob } from '../job-lookup.js';
import type { OwnersToKeep } from '../queue-extension.js';
import { purgeableOn } from './job-cleanup.js';
import { RecordRemoval } from './record-removal.js';

/** What became of each job that was to be removed. */
export interface DeletedJobs {
  deleted: string[];
  /** Those that stay, and why. */
  kept: { id: string; error: JetfleetError }[];
}

export async function deleteJobs(
  broker: Broker,
  ids: readonly string[],
  ownersToKeep: readonly OwnersToKeep[],
): Promise<DeletedJobs> {
  const { subjects, read, clock } = broker;
  const wanted = [...new Set(ids)];
  const filters = wanted.map((id) => subjects.eventsOf(id));
  const stored = await read.lastOfEach(subjects.streamName('events'), filters);
  const last = new Map<string, (typeof stored)[number]>();
  for (const event of stored) {
    const id = subjects.parseEvent(event.subject)?.id ?? '';
    if ((last.get(id)?.seq ?? 0) < event.seq) last.set(id, event);
  }
  const kept: DeletedJobs['kept'] = [];
  const ended: typeof stored = [];
  for (const id of wanted) {
    const event = last.get(id);
    const record = event && broker.recordOf(event);
    if (event && record && isTerminal(record.status)) {
      ended.push(event);
      continue;
    }
    // One that no worker has touched has no event.
    const job = record ?? (await findJob(broker, id));
    const why = `job ${id} is ${job?.state}; cancel it first`;
    kept.push({ id, error: job ? new ConflictError(why) : noSuchJob(id) });
  }
  const nowMs = clock.now();
  const owners = ownersToKeep.map((each) => each(broker, nowMs));
  const going = await purgeableOn(broker, ended, owners, { isPart: true });
  const removal = new RecordRemoval(broker, { isSelective: true });
  await removal.remove(going);
  await removal.end();
  const deleted = going.map(({ record }) => record.id).filter((id) => !removal.left.has(id));
  const gone = new Set(deleted);
  for (const event of ended) {
    const id = subjects.parseEvent(event.subject)?.id ?? '';
    const why = `job ${id} is still needed: it may own an instance, or what follows from it is not stored yet; try again later`;
    if (!gone.has(id)) kept.push({ id, error: new ConflictError(why) });
  }
  return { deleted, kept };
}
