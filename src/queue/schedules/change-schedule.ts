/**
 * Sets, pauses, resumes, runs and removes schedules. A schedule is one message of TIMERS, which the broker fires and of which it keeps
 * the last for each subject; each change is fenced by the sequence of the one before, so that of two at once none is lost.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Broker } from '../../broker/broker.js';
import { forbiddenIn } from '../../broker/connection/forbidden.js';
import { untilNoConflict } from '../../broker/retry.js';
import { isSealed } from '../../jobs/codec.js';
import { ConflictError } from '../../jobs/errors.js';
import { generateJobId } from '../../jobs/job-id.js';
import { missedTickId, type Overlap } from '../../jobs/schedule.js';
import { optionHeaders } from '../../wire/job-message.js';
import { keptHeaders, pausedHeaders, resumedHeaders, scheduleHeaders } from '../../wire/schedule-message.js';
import { type SchedulePlace, scheduleSubject, ticksSubject } from '../../wire/schedule-subjects.js';
import { requestOf } from '../transition-record.js';
import { expectedTick } from './missed-ticks.js';
import type { CheckedSchedule } from './schedule-request.js';
import { faultOf } from './shown-schedule.js';
import {
  existingSchedule,
  findSchedule,
  isActive,
  readTicks,
  type StoredSchedule,
} from './stored-schedule.js';

type Headers = readonly [string, string][];

/** Sets a schedule, or changes the one of the name. What it is already is not written again: an interval would begin anew. */
export async function setSchedule(
  broker: Broker,
  name: string,
  { request, body, rules }: CheckedSchedule,
): Promise<void> {
  const { subjects, schedules, topology, sealer } = broker;
  const { type, priority } = request;
  const kind = subjects.workKindOf(type);
  const wanted = [
    ...optionHeaders(request),
    ...scheduleHeaders(rules, subjects.due({ kind, priority, type })),
  ];
  await untilNoConflict(async () => {
    const known = await findSchedule(broker, name);
    const isInPlace = known?.at.kind === kind;
    const at: SchedulePlace = { kind, place: isInPlace ? known.at.place : `cron.${name}` };
    const { pausedAt } = known ?? {};
    const headers = pausedAt === undefined ? wanted : pausedHeaders(wanted, pausedAt);
    if (isInPlace && isAsStored(known, headers, body)) return;
    const data = sealer.payloadText(body, type);
    await schedules.put(at, { data, headers }, isInPlace ? known.message.seq : 0);
    // Its jobs go to another stream from now on.
    if (known && !isInPlace) await topology.purge('timers', known.message.subject, known.message.seq);
  });
}

export function isAsStored({ message, job }: StoredSchedule, headers: Headers, body: string): boolean {
  return (
    areSame(headers, keptHeaders(message.headers)) &&
    (Buffer.compare(message.data, Buffer.from(body)) === 0 || isSealedFrom(message.data, job, body))
  );
}

export function areSame(one: Headers, other: Headers): boolean {
  const textOf = (list: Headers) => JSON.stringify([...list].sort());
  return textOf(one) === textOf(other);
}

/** Each sealing of the same payload is another one. */
function isSealedFrom(data: Uint8Array, job: StoredSchedule['job'], body: string): boolean {
  const isSame = job && isDeepStrictEqual(job.payload, JSON.parse(body));
  return isSame === true && isSealed(JSON.parse(Buffer.from(data).toString()));
}

/** Stops a schedule from firing. It keeps all that it is, as a timer that never fires. */
export function pauseSchedule(broker: Broker, name: string): Promise<void> {
  return rewrite(broker, name, ({ pausedAt, message }) => {
    if (pausedAt !== undefined) return undefined;
    return pausedHeaders(keptHeaders(message.headers), new Date(broker.clock.now()).toISOString());
  });
}

/** Has a paused schedule fire again, from its next time on. */
export function resumeSchedule(broker: Broker, name: string): Promise<void> {
  return rewrite(broker, name, ({ pausedAt, message }) =>
    pausedAt === undefined ? undefined : resumedHeaders(keptHeaders(message.headers)),
  );
}

function rewrite(
  broker: Broker,
  name: string,
  change: (stored: StoredSchedule) => [string, string][] | undefined,
): Promise<void> {
  return untilNoConflict(async () => {
    const stored = await existingSchedule(broker, name);
    const headers = change(stored);
    if (!headers) return;
    await broker.schedules.put(stored.at, { data: stored.message.data, headers }, stored.message.seq);
    await removeMakeUp(broker, stored);
  });
}

/** Removes a schedule and what is known of its ticks. What it has started stays. */
export async function deleteSchedule(broker: Broker, name: string): Promise<void> {
  const stored = await existingSchedule(broker, name);
  await removeMakeUp(broker, stored);
  await broker.topology.purge('timers', scheduleSubject(broker.subjects, stored.at));
  await broker.topology.purge('timers', ticksSubject(broker.subjects, stored.at));
}

/** A tick of an interval may have been made sure of by a timer of its own: see missed-ticks.ts. */
export async function removeMakeUp(broker: Broker, schedule: StoredSchedule): Promise<void> {
  const { name, at, timing } = schedule;
  if (timing.everyMs === undefined) return;
  const { record } = await readTicks(broker, at);
  const dueMs = expectedTick(schedule, record);
  if (dueMs === undefined) return;
  const { subjects, read, topology } = broker;
  const timer = subjects.schedule(at.kind, missedTickId(name, dueMs));
  if (!(await read.last(subjects.streamName('timers'), timer))) return;
  await topology.purge('timers', timer).catch((error) => {
    // Who may set schedules may perhaps not remove timers. Whoever claims the run finds that its schedule has changed.
    if (!forbiddenIn(error)) throw error;
  });
}

/**
 * Starts a run of a schedule now, beside its ticks, also of one that is paused.
 * @returns the id of its job
 * @throws ConflictError where the last run has not ended and the policy is `skip`, or the schedule can start none
 */
export async function runScheduleNow(broker: Broker, name: string, overlap?: Overlap): Promise<string> {
  const stored = await existingSchedule(broker, name);
  const { job, at, message } = stored;
  if (!job) throw new ConflictError(`schedule ${name} cannot run: ${faultOf(stored)}`);
  const policy = overlap ?? stored.overlap;
  const { last } = (await readTicks(broker, at)).record;
  if (policy === 'skip' && last && (await isActive(broker, at.kind, last))) {
    throw new ConflictError(
      `the last run of schedule ${name}, job ${last.id}, has not ended; run it with overlap allow or cancel`,
    );
  }
  const nowMs = broker.clock.now();
  const request = { ...requestOf(job), id: generateJobId(), createdAt: new Date(nowMs).toISOString() };
  await broker.schedules.startRun(at, request, message.data, nowMs, { overlap: policy });
  return request.id;
}
