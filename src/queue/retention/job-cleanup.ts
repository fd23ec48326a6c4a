import { isDeepStrictEqual } from 'node:util';
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { isJobId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { ANY } from '../../wire/subjects.js';
import { allCarriersOf, carriedAmong } from '../job-carriers.js';
import { isFollowedUp, isOnItsWay, lastDue } from '../job-lookup.js';
import { recordsById } from '../list/work-jobs.js';
import type { OwnersAmong, OwnersToKeep } from '../queue-extension.js';
import { isRecordPurgeable } from './purgeable.js';
import { type Purgeable, placesFrom, RecordRemoval } from './record-removal.js';

/** Events that are checked together. */
const PAGE = 500;

/** How a cleanup goes; see `CleanupOptions`. */
interface CleanupRun {
  atMs?: number;
  onProgress?: (done: number) => void;
  dryRun?: boolean;
}

/**
 * Removes the records of jobs that finished more than `olderThanMs` ago. EVENTS forgets them by itself after its
 * `max_age`; this frees the room earlier.
 * @param ownersToKeep say which jobs must stay, each for a product of its own
 * @param onProgress told now and then how many jobs are removed
 * @returns how many jobs were removed
 */
export async function cleanupJobs(
  broker: Broker,
  olderThanMs: number,
  ownersToKeep: readonly OwnersToKeep[],
  { atMs, onProgress = () => {}, dryRun = false }: CleanupRun = {},
): Promise<number> {
  const { subjects, read } = broker;
  const nowMs = atMs ?? (await latestTime(broker));
  const removal = new RecordRemoval(broker, { dryRun });
  const owners = ownersToKeep.map((each) => each(broker, nowMs));
  for await (const page of read.pages(subjects.streamName('events'), '>', 1, PAGE)) {
    const old = page.filter(({ timeMs }) => timeMs <= nowMs - olderThanMs);
    for (const event of old) removal.note(event);
    // All are checked before one goes: a job is kept while what follows from it cannot be found.
    await removal.remove(await purgeableOn(broker, old, owners, { dryRun }));
    onProgress(removal.count);
    // Events are stored in the order of their time, so the first young one ends the search.
    if (old.length < page.length) break;
  }
  const removed = await removal.end();
  onProgress(removed);
  return removed;
}

/** Slow answers leave the measured clock off by some milliseconds, and it may not have come to the last event yet. */
export async function latestTime({ clock, read, subjects }: Broker): Promise<number> {
  const last = await read.last(subjects.streamName('events'), subjects.event(ANY, ANY, ANY));
  return Math.max(clock.now(), last?.timeMs ?? 0);
}

/** The record of a job's end, and its event. */
interface Ended {
  record: JobRecord;
  event: StoredMessage;
}

/**
 * Of the jobs that ended on a page of EVENTS, those that may go.
 * @param isPart whether the page leaves events out that lie between its own
 * @param dryRun whether what is no record stays
 */
export async function purgeableOn(
  broker: Broker,
  page: readonly StoredMessage[],
  owners: readonly OwnersAmong[],
  { isPart = false, dryRun = false }: { isPart?: boolean; dryRun?: boolean } = {},
): Promise<Purgeable[]> {
  const ended = await endedOn(broker, page, dryRun);
  const records = ended.map(({ record }) => record);
  const carried = await carriedAmong(broker, records);
  const latest = isPart ? new Set() : await latestAmong(broker, ended, page);
  const placesOf = placesFrom(broker);
  const repeating = await repeatingParents(broker, records, placesOf);
  const examined = await Promise.all(
    ended.map(async ({ record, event }) => {
      const isCarried = carried.has(record.id);
      // Listed before the last event is read: a redrive writes its record first and its message after that, so what is
      // listed belongs to the life that has ended.
      const carriers = isCarried ? await allCarriersOf(broker, record) : [];
      const due = isCarried ? await lastDue(broker, ANY, record.id) : undefined;
      const hasArrived = due && carriers.some(({ inTimers = 0 }) => inTimers >= due.seq);
      const isArriving =
        due !== undefined && !hasArrived && isOnItsWay(broker, due) && record.state === 'cancelled';
      const isLatest = carriers.length === 0 && latest.has(record);
      const upTo = isLatest ? event.seq : await lastOf(broker, event, record);
      const isUnfollowed = carriers.length > 0 && !(await isFollowedUp(broker, record));
      const unclaimed = carriers.filter(({ seq }) => seq > (record.workSeq ?? 0));
      const places = await placesOf(record, unclaimed);
      const undelivered = unclaimed.filter((_, index) => places[index] !== 'acknowledged');
      const isDelivered = places.includes('delivered');
      const reasons = { isAlive: upTo === undefined, isArriving, isDelivered, isUnfollowed };
      const job: Purgeable = {
        record,
        carriers,
        undelivered,
        upTo: upTo ?? 0,
        ...(due && { due: due.seq }),
      };
      return { job, reasons };
    }),
  );
  const kept = await Promise.all(owners.map((ownersAmong) => ownersAmong(records)));
  const purgeable = examined.filter(({ job: { record }, reasons }) => {
    const isRepeatable = repeating.has(record.parentId ?? '');
    const isOwner = kept.some((each) => each.has(record));
    return isRecordPurgeable({ ...reasons, isRepeatable, isOwner });
  });
  return purgeable.map(({ job }) => job);
}

/** The ends of jobs on a page. A message that is no record says nothing about a job, and is removed. */
async function endedOn(broker: Broker, page: readonly StoredMessage[], dryRun: boolean): Promise<Ended[]> {
  const { subjects, topology } = broker;
  const ends = page.filter(({ subject }) => isTerminal(subjects.parseEvent(subject)?.status ?? 'pending'));
  const ended = ends.map((event) => ({ event, record: broker.recordOf(event) }));
  const foreign = ended.filter(({ record }) => record === undefined);
  if (!dryRun) await Promise.all(foreign.map(({ event }) => topology.deleteMessage('events', event.seq)));
  return ended.flatMap(({ event, record }) => (record ? [{ event, record }] : []));
}

/** Of those whose end is the last of their events on the page, those that have none behind it either. */
async function latestAmong(
  { read, subjects }: Broker,
  jobs: readonly Ended[],
  page: readonly StoredMessage[],
): Promise<ReadonlySet<JobRecord>> {
  const idOf = ({ subject }: StoredMessage) => subject.slice(subject.lastIndexOf('.') + 1);
  const lastOnPage = new Map(page.map((event) => [idOf(event), event.seq]));
  const last = jobs.filter(({ record, event }) => lastOnPage.get(record.id) === event.seq);
  const filters = last.map(({ record }) => subjects.eventsOf(record.id));
  const behind = (page.at(-1)?.seq ?? 0) + 1;
  const later = new Set((await read.lastOfEach(subjects.streamName('events'), filters, behind)).map(idOf));
  return new Set(last.map(({ record }) => record).filter(({ id }) => !later.has(id)));
}

/** The ids of the jobs from which these follow, and whose messages may be delivered again. */
async function repeatingParents(
  broker: Broker,
  jobs: readonly JobRecord[],
  placesOf: ReturnType<typeof placesFrom>,
): Promise<ReadonlySet<string>> {
  const parentIds = jobs.flatMap(({ parentId }) =>
    parentId !== undefined && isJobId(parentId) ? [parentId] : [],
  );
  const parents = [...(await recordsById(broker, [...new Set(parentIds)])).values()];
  const carried = await carriedAmong(broker, parents);
  const repeating = new Set<string>();
  await Promise.all(
    parents.map(async (parent) => {
      // One that lives may be between two streams, where nobody finds its message.
      if (!isTerminal(parent.status)) repeating.add(parent.id);
      if (repeating.has(parent.id) || !carried.has(parent.id)) return;
      const places = await placesOf(parent, await allCarriersOf(broker, parent));
      if (places.some((place) => place !== 'acknowledged')) repeating.add(parent.id);
    }),
  );
  return repeating;
}

/** Up to where nothing but the finished job's records stands, or undefined when the job has moved on from `event`. */
async function lastOf(broker: Broker, event: StoredMessage, record: JobRecord): Promise<number | undefined> {
  const last = await broker.lastEvent(record.id);
  // What follows may be somebody else's message, which is no record of the job.
  const isOwn = last?.seq === event.seq || isDeepStrictEqual(last?.record, record);
  return isOwn ? last?.seq : undefined;
}
