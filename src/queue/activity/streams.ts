import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { ActivityMessage } from '../../wire/activity.js';
import { findJob } from '../job-lookup.js';
import { type FollowOptions, followActivity } from './follow.js';
import { type LogLine, linesOf } from './read-log.js';

/** A part of a result that a handler has emitted. */
export interface StreamedChunk<K = unknown> {
  chunk: K;
  /** From 0 in each attempt. More than one above the last: the chunks between are not kept any more, or were never stored. */
  index: number;
  /** Another attempt begins its result anew. */
  attempt: number;
  /** When it was stored, ISO 8601. */
  at: string;
}

/** How far a job is. */
export interface ReportedProgress {
  progress: unknown;
  attempt: number;
  /** When it was stored, ISO 8601. */
  at: string;
}

type Following = FollowOptions & { closed: AbortSignal };

/** The chunks of the newest attempt of a job, and those that come, also of later attempts, until the job has ended. */
export async function* streamChunks<K>(
  open: () => Promise<Broker>,
  id: string,
  following: Following,
): AsyncGenerator<StreamedChunk<K>> {
  let began = false;
  const expected = ({ chunks = 0 }: JobRecord) => chunks;
  for await (const { job, message } of followActivity(open, 'chunk', id, { ...following, expected })) {
    // Whoever joins late is spared what earlier attempts have emitted.
    if (!began && isOfEarlierAttempt(job, message)) continue;
    began = true;
    const { first, attempt, at, items } = message;
    for (const [place, chunk] of items.entries())
      yield { chunk: chunk as K, index: first + place, attempt, at: new Date(at).toISOString() };
  }
}

/** A record that says nothing of an attempt yet may be older than what that attempt has reported. */
function isOfEarlierAttempt({ redrives = 0, attempt }: JobRecord, message: ActivityMessage): boolean {
  return message.redrives < redrives || (message.redrives === redrives && message.attempt < attempt);
}

/** The lines that are kept of a job's log, and those that come, until the job has ended. */
export async function* followLog(
  open: () => Promise<Broker>,
  id: string,
  following: Following,
): AsyncGenerator<LogLine> {
  const expected = ({ logLines = 0 }: JobRecord) => logLines;
  for await (const { message } of followActivity(open, 'log', id, { ...following, expected }))
    yield* linesOf(message);
}

/** How far a job is, as its handler reports it, until the job has ended. Values that follow one another quickly are left out. */
export async function* followProgress(
  open: () => Promise<Broker>,
  id: string,
  following: Following,
): AsyncGenerator<ReportedProgress> {
  const expected = () => 0;
  let lastAt = '';
  for await (const { job, message } of followActivity(open, 'progress', id, { ...following, expected })) {
    if (isOfEarlierAttempt(job, message) || message.items.length === 0) continue;
    const { attempt, at, items } = message;
    lastAt = new Date(at).toISOString();
    yield { progress: items.at(-1), attempt, at: lastAt };
  }
  // The last one is stored with the end alone.
  const { progress, progressAt = '', attempt = 0 } = (await findJob(await open(), id)) ?? {};
  if (progressAt > lastAt) yield { progress, attempt, at: progressAt };
}
