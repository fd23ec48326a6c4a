/**
 * Changes when, or in which order, a job that waits will run. What decides is one write, fenced like every transition: of a job that
 * has a record the record, of one that only its timer stands for that timer, which is replaced in place. So of a change and a claim, a cancellation or a timer that
 * fires, one wins.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker, LastEvent } from '../../broker/broker.js';
import { ConflictError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { ANY } from '../../wire/subjects.js';
import { wasRemoved } from '../job-cancel.js';
import { allCarriersOf, type Carrier, removeCarriers } from '../job-carriers.js';
import { assertVersion, dueNow, findJob, noSuchJob } from '../job-lookup.js';
import { untaken } from '../retention/record-removal.js';
import { requestOf } from '../transition-record.js';
import { changeTimer } from './change-timer.js';
import { changedRecord } from './changed-record.js';
import { removeIfEnded } from './left-over.js';
import { assertNotGiven, assertPutOff, isUntouched, MayHaveBegun, wasGiven } from './may-have-begun.js';
import { followRecord } from './move-timed.js';
import type { WantedChange } from './wanted-change.js';

/** Of conflicts with somebody who goes on changing the job. */
const MAX_TRIES = 100;
const TRY_AGAIN_MS = 20;

/**
 * @returns the record afterwards
 * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_VERSION_MISMATCH`; ConflictError for a job that runs or may have begun, has ended or
 *   recurs, or waits for something else than a time
 */
export async function changeJob(broker: Broker, id: string, wanted: WantedChange): Promise<JobRecord> {
  for (let tries = 1; ; tries++) {
    const last = await broker.lastEvent(id);
    const before = last?.record ?? (await findJob(broker, id));
    if (!before) throw noSuchJob(id);
    assertVersion(id, last, wanted);
    assertWaits(before);
    if (isSo(before, wanted)) return before;
    try {
      if (!last?.record && before.state === 'scheduled') return await changeTimer(broker, before, wanted);
      return await changeRecord(broker, before, last, wanted);
    } catch (error) {
      // Somebody was faster, or its timer has fired: it is looked up again.
      if (!(error instanceof ConflictError) || error instanceof MayHaveBegun || tries >= MAX_TRIES)
        throw error;
      // A replica may be behind what the write was refused for.
      if (tries > 1) await delay(TRY_AGAIN_MS);
    }
  }
}

/**
 * The record comes first, and whoever is given an earlier message or timer goes by it. Then its new message or timer follows, unless
 * a worker may have begun the job: then the message that it was given stays the only one. Should it not have begun, it does by the
 * record what would follow here, and so does whoever is given the message after it.
 */
async function changeRecord(
  broker: Broker,
  before: JobRecord,
  last: LastEvent | undefined,
  wanted: WantedChange,
): Promise<JobRecord> {
  const record = changedRecord(before, wanted, broker.clock.now());
  const isNew = isUntouched(last?.record);
  const since = last ? 0 : (await broker.topology.streamInfo('events')).state.last_seq;
  const carriers = isNew || before.state === 'queued' ? await allCarriersOf(broker, before) : [];
  const messages = carriers.filter(({ kind }) => kind !== 'timers');
  // It has run and was removed since it was found, so it is looked up again.
  if (!last && carriers.length === 0 && (await dueNow(broker, ANY, record.id)) === undefined)
    throw new ConflictError(`job ${record.id} has no message`);
  if (isNew) await assertNotGiven(broker, before, messages);
  const seq = await broker.appendEvent(record, last?.seq ?? 0);
  const isLeft = isNew && (await wasGiven(broker, before, seq, messages));
  if (!last && (await wasRemoved(broker, before, since, seq))) {
    await broker.topology.deleteMessage('events', seq);
    throw noSuchJob(record.id);
  }
  if (!isLeft) await moveOn(broker, before, record, carriers);
  await removeIfEnded(broker, record);
  if (isLeft && wanted.what === 'rescheduled') await assertPutOff(broker, record, seq);
  return record;
}

async function moveOn(
  broker: Broker,
  before: JobRecord,
  record: JobRecord,
  carriers: readonly Carrier[],
): Promise<void> {
  if (record.state === 'queued') await broker.jobs.enqueueAgain(requestOf(record));
  else await followRecord(broker, before, record);
  const left = await untaken(broker, before, carriers);
  // Of one that waits for a permit its place in the line, which names the priority, goes too.
  await removeCarriers(broker, before.limited ? left : left.filter(({ kind }) => kind !== 'timers'));
}

function assertWaits({ id, state, status, schedule, nextRunAt, waitsFor }: JobRecord): void {
  if (schedule !== undefined) {
    throw new ConflictError(`job ${id} is a recurring schedule; change the schedule, or the job of one run`);
  }
  if (isTerminal(status)) throw new ConflictError(`job ${id} is ${state} already, so it cannot be changed`);
  if (state === 'running')
    throw new ConflictError(`job ${id} is running, and only a job that waits can be changed`);
  if (state === 'waiting' && (nextRunAt === undefined || waitsFor !== undefined))
    throw new ConflictError(`job ${id} waits for something else than a time, so it cannot be changed`);
}

/** Whether the job is so already. */
function isSo({ state, priority }: JobRecord, wanted: WantedChange): boolean {
  return wanted.what === 'promoted' ? state === 'queued' : wanted.priority === priority;
}
