/**
 * Two calls at the same moment that give one id to different jobs. The condition of a write holds within one stream, so a
 * delayed job, a webhook and any other job can all be stored. Each reads the other places once it is stored: at least
 * the later one sees both. The later one withdraws; the earlier one waits until that has happened.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import { forbiddenIn } from '../broker/connection/forbidden.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import type { JobRecord, JobRequest } from '../jobs/job-record.js';
import {
  ANY,
  type Any,
  type StreamKind,
  type Subjects,
  WORK_KINDS,
  type WorkKind,
} from '../wire/subjects.js';
import { pendingRecordOf } from './job-lookup.js';

/** Where a job was stored. */
export interface StoredAt {
  stream: StreamKind;
  seq: number;
}

const POLL_AGAIN_MS = 20;
/** The later one may have died, or its clock may be wrong: then the earlier one gives way in the end. */
const MAX_POLLS = 25;

/**
 * Checks whether the id of a job that was just stored has gone to another job as well.
 * @param isSame whether a record is the job's own
 * @returns the other job, when this one was withdrawn; undefined when this one has the id
 */
export async function withdrawnFor(
  broker: Broker,
  { id, type }: JobRequest,
  at: StoredAt,
  isSame: (record: JobRecord) => boolean,
): Promise<JobRecord | undefined> {
  const places = otherPlaces(broker.subjects, id, at.stream, broker.subjects.workKindOf(type));
  for (let poll = 0; ; poll++) {
    const rival = (await carriedAt(broker, places)).find(({ record }) => !isSame(record));
    if (!rival) return undefined;
    const [own, last] = await Promise.all([
      broker.read.bySequence(broker.subjects.streamName(at.stream), at.seq),
      broker.lastEvent(id),
    ]);
    // A worker has begun with it, or it has left its place.
    if (!own || (last?.record && isSame(last.record))) return undefined;
    const other = last?.record ?? rival.record;
    const isLater = last?.record !== undefined || isAfter(own, rival.message);
    if (isLater || poll === MAX_POLLS) {
      const isWithdrawn = await withdraw(broker, at);
      return isLater || isWithdrawn ? other : undefined;
    }
    await delay(POLL_AGAIN_MS);
  }
}

interface Rival {
  message: StoredMessage;
  record: JobRecord;
}

type Place = [stream: StreamKind, filter: string];

/** Where else an id can stand; within one place a condition keeps others out. */
function otherPlaces(subjects: Subjects, id: string, stream: StreamKind, kind: WorkKind): Place[] {
  const works = WORK_KINDS.filter((each) => each !== stream);
  // Timers of jobs and of webhooks have a subject each.
  const timers = stream === 'timers' ? WORK_KINDS.filter((each) => each !== kind) : [ANY as Any];
  return [
    ...works.map((each): Place => [each, subjects.workOf(each, id)]),
    ...timers.map((each): Place => ['timers', subjects.schedule(each, id)]),
  ];
}

async function carriedAt(broker: Broker, places: readonly Place[]): Promise<Rival[]> {
  const { subjects, read } = broker;
  const found = await Promise.all(
    places.map(([stream, filter]) => read.lastTogether(subjects.streamName(stream), filter)),
  );
  return found.flatMap((message) => {
    const record = message && pendingRecordOf(broker, message);
    return record ? [{ message, record }] : [];
  });
}

function isAfter(one: StoredMessage, other: StoredMessage): boolean {
  return one.timeMs === other.timeMs ? one.subject > other.subject : one.timeMs > other.timeMs;
}

/**
 * @returns whether it was removed, which takes a right that a user may lack
 * @throws BrokerError when it is not known whether it was: the job may be there
 */
async function withdraw({ topology }: Broker, { stream, seq }: StoredAt): Promise<boolean> {
  try {
    await topology.deleteMessage(stream, seq);
    return true;
  } catch (error) {
    if (forbiddenIn(error)) return false;
    throw error;
  }
}
