import type { Broker } from '../../broker/broker.js';
import { untilNoConflict } from '../../broker/retry.js';
import { assertPayloadOf } from '../../jobs/define-job.js';
import { ConflictError } from '../../jobs/errors.js';
import { checkFacts, checkPayload } from '../../jobs/job-check.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { changedRules, type ScheduleChange, type ScheduleRules } from '../../jobs/schedule.js';
import { Header } from '../../wire/headers.js';
import { changedHeaders, keptHeaders, scheduleHeaders } from '../../wire/schedule-message.js';
import type { SchedulePlace } from '../../wire/schedule-subjects.js';
import { areSame, isAsStored, removeMakeUp } from './change-schedule.js';
import { faultOf } from './shown-schedule.js';
import { existingSchedule } from './stored-schedule.js';

type HeaderChange = Map<string, string | undefined>;

/**
 * Changes what is given of a schedule. All else stays as it is stored, also what this process has no name for.
 * @throws ConflictError for one that starts no job; ValidationError for what cannot be set, before anything is stored
 */
export function updateSchedule(
  broker: Broker,
  known: KnownJobs,
  name: string,
  change: ScheduleChange,
): Promise<void> {
  const { subjects, schedules, topology, sealer, clock } = broker;
  return untilNoConflict(async () => {
    const stored = await existingSchedule(broker, name);
    const { message, job, at } = stored;
    if (!job) throw new ConflictError(`schedule ${name} cannot be changed: ${faultOf(stored)}`);
    const { type = job.type, priority = job.priority } = change;
    const rules = changedRules(change, stored, clock.now());
    const options = changedOptions(change);
    checkFacts({ type, priority, ...options.given });
    const isOther = change.payload !== undefined || type !== job.type;
    const body = isOther
      ? await checkedBody(known, type, change.payload === undefined ? job.payload : change.payload)
      : undefined;
    const kind = subjects.workKindOf(type);
    const isElsewhere = type !== job.type || priority !== job.priority;
    const target = isElsewhere ? subjects.due({ kind, priority, type }) : undefined;
    const kept = keptHeaders(message.headers);
    const headers = changedHeaders(
      kept,
      new Map([...changedTicks(change, rules, target), ...options.headers]),
    );
    if (body === undefined ? areSame(headers, kept) : isAsStored(stored, headers, body)) return;
    const isInPlace = kind === at.kind;
    const place: SchedulePlace = { kind, place: at.place };
    const data = body === undefined ? message.data : sealer.payloadText(body, type);
    await schedules.put(place, { data, headers }, isInPlace ? message.seq : 0);
    await removeMakeUp(broker, stored);
    // Its jobs go to another stream from now on.
    if (!isInPlace) await topology.purge('timers', message.subject, message.seq);
  });
}

async function checkedBody(known: KnownJobs, type: string, payload: unknown): Promise<string> {
  const definition = known.get(type);
  const { body } = checkPayload(type, payload, definition);
  if (definition) await assertPayloadOf(definition, body);
  return body;
}

/** @param target where its jobs go from now on; undefined where that stays */
function changedTicks(
  { cron, everyMs, timeZone, overlap, jitterMs, until }: ScheduleChange,
  rules: ScheduleRules,
  target: string | undefined,
): HeaderChange {
  const wanted = new Map(scheduleHeaders(rules, target ?? ''));
  const isTimed = [cron, everyMs, timeZone].some((each) => each !== undefined);
  const changed: [name: string, isChanged: boolean][] = [
    [Header.SCHEDULE, isTimed],
    [Header.SCHEDULE_TIME_ZONE, isTimed],
    [Header.SCHEDULE_TARGET, target !== undefined],
    [Header.OVERLAP, overlap !== undefined],
    [Header.JITTER_MS, jitterMs !== undefined],
    [Header.UNTIL, until !== undefined],
  ];
  return new Map(changed.flatMap(([name, isChanged]) => (isChanged ? [[name, wanted.get(name)]] : [])));
}

/** What is said of each job: `given` is to be checked, and what is null is taken back. */
function changedOptions({ maxAttempts, timeoutMs, webhookUrl }: ScheduleChange) {
  const headers: HeaderChange = new Map();
  const change = (name: string, value: string | number | null | undefined) => {
    if (value !== undefined) headers.set(name, value === null ? undefined : String(value));
  };
  change(Header.MAX_ATTEMPTS, maxAttempts);
  change(Header.TIMEOUT_MS, timeoutMs);
  change(Header.WEBHOOK_URL, webhookUrl);
  const given = {
    ...(maxAttempts != null && { maxAttempts }),
    ...(timeoutMs != null && { timeoutMs }),
    ...(webhookUrl != null && { webhookUrl }),
  };
  return { headers, given };
}
