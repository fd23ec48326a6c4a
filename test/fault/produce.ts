/** Adds the jobs of a plan and does what its users do. */
import { setTimeout as delay } from 'node:timers/promises';
import { headers as createHeaders } from '@nats-io/transport-node';
import { instanceNameStem } from '../../src/gpu/index.js';
import { ConflictError, JetfleetError, type JobPriority } from '../../src/index.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { readTicks } from '../../src/queue/schedules/stored-schedule.js';
import { Header } from '../../src/wire/headers.js';
import { scheduleSubject } from '../../src/wire/schedule-subjects.js';
import type { Arena } from './arena.js';
import { subjectsLeft } from './evidence.js';
import { reached } from './inject.js';
import { endWatches, follow } from './instance-orders.js';
import { patiently } from './patiently.js';
import { LIMITED_TYPE, type PlannedJob, type PlannedSchedule, padOf, type RunPlan } from './plan.js';
import type { ScheduleSeen } from './schedule-invariants.js';

export interface Produced {
  accepted: string[];
  cancelled: string[];
  schedules: ScheduleSeen[];
}

/** Resolves when all is added and cancelled. A call without an answer is repeated, as the documentation says. */
export async function produce(plan: RunPlan, arena: Arena): Promise<Produced> {
  const produced: Produced = { accepted: [], cancelled: [], schedules: [] };
  for (const job of plan.jobs) {
    if (job.kind !== 'create') continue;
    const { id, faults, fullAt = [] } = job;
    for (const fault of faults) arena.providers.add(fault);
    const full = { kind: 'no_capacity', advertised: true, match: instanceNameStem(id) } as const;
    for (const provider of fullAt) arena.providers.add(full, provider);
  }
  await Promise.all([
    ...plan.schedules.map(async (schedule) => {
      produced.schedules.push(await keepSchedule(schedule, arena));
    }),
    ...plan.jobs.map(async (job) => {
      await delay(job.atMs);
      const isNew = job.kind === 'task' && job.delayMs === undefined && job.isNew;
      const first = isNew ? addNew(job, arena).catch(() => undefined) : undefined;
      const id = (await first) ?? (await patiently(() => add(job, arena)));
      if (id !== undefined) produced.accepted.push(id);
      if (job.kind === 'create' && job.orders) produced.accepted.push(...(await follow(job, arena)));
    }),
    ...[...new Set(plan.signals.map(({ id }) => id))].map(async (to) => {
      let startedAt = Date.now();
      // One after the other, so that the order in which the job gets them is known.
      for (const { id, number, atMs, once } of plan.signals.filter(({ id }) => id === to)) {
        if (once) {
          await reached(once, arena);
          startedAt = Date.now();
        }
        await delay(Math.max(0, startedAt + atMs - Date.now()));
        const told = () => arena.producer.signal(id, 'go', number, { key: String(number) });
        // A job that has ended has got all of its signals: only the answer was lost.
        await patiently(told).catch((error) => {
          if (!(error instanceof ConflictError)) throw error;
        });
      }
    }),
    ...plan.cancels.map(async ({ id, atMs }) => {
      await delay(atMs);
      if (await patiently(() => cancel(id, arena))) produced.cancelled.push(id);
    }),
  ]);
  if (plan.jobs.some((job) => job.kind === 'create' && job.orders)) await endWatches(arena);
  return produced;
}

/** How long a worker may take to decide about the last tick of a schedule. */
const DECIDED_WITHIN_MS = 60_000;
const LOOK_MS = 300;

/** Sets a schedule, lets it fire, and removes it once its last tick is decided. */
async function keepSchedule(planned: PlannedSchedule, arena: Arena): Promise<ScheduleSeen> {
  const { name, periodMs, overlap, jitterMs, priority, steps, forMs } = planned;
  const { producer, observer } = arena;
  const cron = `*/${periodMs / 1_000} * * * * *`;
  const options = { cron, overlap, priority, maxAttempts: 5, ...(jitterMs !== undefined && { jitterMs }) };
  await patiently(() => producer.schedule(name, 'task', { steps }, options));
  const fromMs = Date.now();
  await delay(forMs);
  const toMs = Date.now();
  await patiently(() => producer.schedules.pause(name));
  const broker = await observer.broker();
  const at = { kind: 'jobs', place: `cron.${name}` } as const;
  const notes = () => patiently(async () => (await readTicks(broker, at)).record.ticks);
  // What fires last may be on its way for seconds after a kill; and what is decided may have to be decided again where a worker dies.
  const isOver = async () => {
    const left = await patiently(() => subjectsLeft(arena));
    if (left.some((subject) => /due\./.test(subject))) return false;
    const decided = (await notes()).map(({ id }) => id);
    const fired = await patiently(() => firedBy(arena, name, priority));
    if (!fired.every((id) => decided.includes(id))) return false;
    const jobs = await patiently(() => Promise.all(decided.map((id) => observer.getJob(id))));
    return jobs.every((job) => job && (isTerminal(job.status) || job.startedAt !== undefined));
  };
  for (const end = Date.now() + DECIDED_WITHIN_MS; Date.now() < end; await delay(LOOK_MS))
    if (await isOver()) break;
  const ticks = await notes();
  await patiently(() => producer.schedules.delete(name).catch(unlessGone));
  return { name, fromMs, toMs, ticks };
}

/** The ticks of a schedule that are stored as messages. */
async function firedBy({ observer }: Arena, name: string, priority: JobPriority): Promise<string[]> {
  const { read, subjects } = await observer.broker();
  const subject = subjects.bareWork({ kind: 'jobs', priority, type: 'task' });
  const stored = await read.page(subjects.streamName('jobs'), subject, 1, 1_000);
  const scheduler = scheduleSubject(subjects, { kind: 'jobs', place: `cron.${name}` });
  return stored
    .filter(({ headers }) => headers.get(Header.SCHEDULER) === scheduler)
    .map(({ seq }) => `seq-${seq}`);
}

/** It was removed by a call whose answer was lost. */
function unlessGone(error: unknown): void {
  if (!JetfleetError.is(error, 'JETFLEET_NOT_FOUND')) throw error;
}

/**
 * A task as one whose id is made for it, so that its handler begins before its claim is written. Said again after a call
 * without an answer, that would not be true any more.
 */
async function addNew(job: Extract<PlannedJob, { kind: 'task' }>, { producer }: Arena): Promise<string> {
  const { id, priority, maxAttempts, steps, timeoutMs } = job;
  const broker = await producer.broker();
  const createdAt = new Date().toISOString();
  const options = { maxAttempts, ...(timeoutMs && { timeoutMs }) };
  await broker.jobs.enqueue({
    id,
    type: 'task',
    priority,
    payload: { steps },
    createdAt,
    isNew: true,
    ...options,
  });
  return id;
}

async function add(job: PlannedJob, arena: Arena): Promise<string | undefined> {
  const { producer, receiver } = arena;
  const { id, priority, maxAttempts, delayMs, endpoint } = job;
  const url = endpoint && receiver.endpoint(id, endpoint);
  const options = { id, maxAttempts, ...(delayMs !== undefined && { delayMs }) };
  switch (job.kind) {
    case 'task': {
      const { steps, timeoutMs, tenant, bytes } = job;
      if (tenant) return producer.addJob(LIMITED_TYPE, { steps, tenant }, priority, options);
      const payload = { steps, ...(bytes && { pad: padOf(id, bytes) }) };
      return producer.addJob('task', payload, priority, { ...options, ...(timeoutMs && { timeoutMs }) });
    }
    case 'create': {
      const payload = { ...job.payload, ...(url && { webhookUrl: url }) };
      return producer.addJob('create_instance', payload, priority, options);
    }
    case 'webhook':
      return producer.addJob('send_webhook', { url: url ?? '', payload: { id } }, priority, {
        ...options,
        maxAttempts: 8,
      });
    case 'raw':
      return publish(job, arena);
  }
}

/** @returns its id, or undefined where the broker refuses what only a hostile producer sends */
async function publish(
  job: Extract<PlannedJob, { kind: 'raw' }>,
  { producer }: Arena,
): Promise<string | undefined> {
  const { connection, subjects } = await producer.broker();
  const { type, priority, id, bare, body, headers: pairs = [] } = job;
  const subject = subjects.work({ kind: 'jobs', priority, type, ...(!bare && { id }) });
  const headers = createHeaders();
  for (const [name, value] of pairs) headers.append(name, value);
  const answer = await connection.request(subject, body, { timeout: 1_000, headers });
  const { seq, duplicate, error } = answer.json<PublishAnswer>();
  // An answer with an error has a sequence of 0.
  const isStored = error === undefined && seq !== undefined && !duplicate;
  if (!isStored && pairs.length > 0 && error?.code !== 503) return undefined;
  if (error !== undefined || seq === undefined) throw new Error(error?.description);
  return bare ? `seq-${seq}` : id;
}

interface PublishAnswer {
  seq?: number;
  duplicate?: boolean;
  error?: { code: number; description: string };
}

/** @returns whether the job is cancelled by this; one that has ended, or is not there yet, is left alone */
async function cancel(id: string, { producer }: Arena): Promise<boolean> {
  try {
    await producer.cancel(id);
    return true;
  } catch (error) {
    const refused =
      error instanceof ConflictError || (JetfleetError.is(error) && error.code === 'JETFLEET_NOT_FOUND');
    if (refused) return false;
    throw error;
  }
}
