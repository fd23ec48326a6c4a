/**
 * How a waiting job is woken before it is due: by one write, which brings its message back and removes its timer.
 *
 * A signal and the timer of the wait are written by two processes that do not know of each other. Each writes first and reads
 * then, both as the leaders of the streams have it, so at least one of them sees the other's write.
 */
import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { WaitsFor } from '../../jobs/signals.js';
import { unlessFaster } from '../../jobs/unless-faster.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { isAnyGroupOver } from './group-ends.js';
import { leaderEvent } from './leader-event.js';

/**
 * Wakes a job if it waits for what has come. One that has no timer yet has just begun to wait: whoever sets its timer looks then.
 * @returns its record, if it has any
 */
export async function wakeFor(
  broker: Broker,
  id: string,
  hasCome: (waitsFor: WaitsFor) => boolean | Promise<boolean>,
): Promise<JobRecord | undefined> {
  const record = (await leaderEvent(broker, id))?.record;
  if (record?.state !== 'waiting' || !record.waitsFor || !(await hasCome(record.waitsFor))) return record;
  const timer = await broker.topology.lastMessage('timers', waitingTimer(broker, record));
  if (timer) await wake(broker, record, timer.seq);
  return record;
}

/**
 * Wakes a waiting job, whatever it waits for.
 * @returns what there is of it: `unready` while it runs, and so may be about to wait; `moved` where it is neither waiting nor running
 */
export async function wakeWaiting(
  broker: Broker,
  id: string,
): Promise<'woken' | 'unready' | 'moved' | 'ended' | 'gone'> {
  const record = (await leaderEvent(broker, id))?.record;
  if (!record) return 'gone';
  if (isTerminal(record.status)) return 'ended';
  if (record.state === 'running') return 'unready';
  if (record.state !== 'waiting') return 'moved';
  const timer = await broker.topology.lastMessage('timers', waitingTimer(broker, record));
  // A job in line for a permit has no timer of its wait, and comes once it has the permit.
  if (!timer) return record.limited ? 'moved' : 'unready';
  await wake(broker, record, timer.seq);
  return 'woken';
}

/**
 * What is left to do once the timer of a wait is set: wakes the job if what it waits for came before. A worker that was suspended may
 * set the timer after others have moved the job on. Then it goes, or the job would have one that is not its own.
 * @param timer its sequence
 * @returns the job, where it waits anew by now: the timer may have replaced that of this wait
 */
export async function lookOnceMore(
  broker: Broker,
  waiting: JobRecord,
  timer: number,
): Promise<JobRecord | undefined> {
  const now = (await leaderEvent(broker, waiting.id))?.record;
  if (now?.state !== 'waiting') {
    await broker.topology.deleteMessage('timers', timer);
    return undefined;
  }
  if (now.updatedAt !== waiting.updatedAt) return now;
  if (now.waitsFor && (await hasAnyCome(broker, now.id, now.waitsFor))) await wake(broker, now, timer);
  return undefined;
}

function waitingTimer({ subjects }: Broker, { id, type, priority }: JobRecord): string {
  return subjects.timer('waiting', { kind: subjects.workKindOf(type), priority, type, id });
}

/** Each timer wakes its job once: another one has been faster where it is gone. */
async function wake(broker: Broker, record: JobRecord, timer: number): Promise<void> {
  await unlessFaster(broker.jobs.wake(broker.subjects.workKindOf(record.type), record, timer));
}

async function hasAnyCome(broker: Broker, jobId: string, waitsFor: WaitsFor): Promise<boolean> {
  for (const { name, after } of waitsFor.signals ?? [])
    if ((await broker.signals.lastSignal({ jobId, name })) > after) return true;
  return waitsFor.groups !== undefined && isAnyGroupOver(broker, jobId, waitsFor.groups);
}
