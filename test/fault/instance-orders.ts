/** What users do with instances that run, while workers die: the orders of a plan, one after the other. */
import { setTimeout as delay } from 'node:timers/promises';
import { ConflictError, type JobRecord, JobStatus } from '../../src/index.js';
import { textField } from '../../src/jobs/text-field.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import type { Arena } from './arena.js';
import { patiently } from './patiently.js';
import type { Order } from './plan.js';
import type { Create } from './workload.js';

/** How long a user waits for a job. */
const ENDS_WITHIN_MS = 200_000;
const LOOK_EVERY_MS = 500;
/** Enough for all workers that die with it. */
const MANY_ATTEMPTS = 20;
const MAX_WAIT_MS = 60_000;
/** A watch reads often, so that a run does not take long. */
const WATCHED = { minIntervalMs: 100, maxIntervalMs: 400, priceIntervalMs: 0 } as const;

/** The id of the job that carries an order out. */
export function orderJobId(createId: string, order: Order, place: number): string {
  return `${createId}-${order}-${place}`;
}

/** The job whose result names the instance after an order: of one that was lost, the migration that the watch began. */
export function outcomeJobId(order: Order, jobId: string): string {
  return order === 'lose' ? `${jobId}-migrate` : jobId;
}

/**
 * Does with an instance what the plan says, as long as everything goes well: whoever is told that an order has failed decides anew.
 * @returns the jobs that were added
 */
export async function follow({ id, orders = [] }: Create, arena: Arena): Promise<string[]> {
  const added: string[] = [];
  if (!(await hasCompleted(arena, `${id}-monitor`, id))) return added;
  let of = id;
  for (const [place, order] of orders.entries()) {
    const jobId = orderJobId(id, order, place);
    try {
      await patiently(() => add(arena, order, of, jobId));
    } catch (error) {
      // The instance is gone for good, as after a fault that the plan has for it.
      if (error instanceof ConflictError) return added;
      throw error;
    }
    added.push(jobId);
    if (order === 'watch') await watchForAMoment(arena, jobId);
    else if (order === 'lose') await lose(arena, jobId);
    const last = outcomeJobId(order, jobId);
    if (order !== 'watch' && !(await hasCompleted(arena, last, jobId))) return added;
    if (order === 'migrate' || order === 'lose') of = last;
  }
  return added;
}

function add({ producer }: Arena, order: Order, of: string, id: string): Promise<unknown> {
  const { instances } = producer;
  const options = { id, maxAttempts: MANY_ATTEMPTS };
  switch (order) {
    case 'delete':
      return instances.delete(of, { id });
    case 'migrate':
      return instances.migrate(of, { ...options, by: 'replacement', maxWaitTime: MAX_WAIT_MS });
    case 'watch':
    case 'lose':
      return instances.watch(of, { id, ...WATCHED, on: { deleted: 'replace' } });
    default:
      return instances[order](of, { ...options, maxWaitTime: MAX_WAIT_MS });
  }
}

async function watchForAMoment(arena: Arena, jobId: string): Promise<void> {
  await reaches(arena, jobId, ({ state, status }) => state === 'waiting' || isTerminal(status));
  await patiently(() => cancelled(arena, jobId));
}

/** Somebody else takes the instance away; what replaces it is watched as well, which ends here. */
async function lose(arena: Arena, jobId: string): Promise<void> {
  const watch = await reaches(arena, jobId, ({ state, status }) => state === 'waiting' || isTerminal(status));
  const instance = textField(watch?.payload, 'novitaInstanceId');
  if (!watch || isTerminal(watch.status) || instance === undefined) return;
  const ownId = instance.slice(instance.indexOf(':') + 1);
  arena.providers.add({ kind: 'vanish', match: ownId, times: 1 });
  await hasCompleted(arena, outcomeJobId('lose', jobId), jobId);
}

/** Watches go on for ever: what is open of them is cancelled, until no job adds another. */
export async function endWatches(arena: Arena): Promise<void> {
  const openOf = async (type: string) => {
    const pages = [JobStatus.PENDING, JobStatus.PROCESSING].map((status) =>
      arena.observer.getJobs({ type, status, limit: 1_000 }),
    );
    return (await Promise.all(pages)).flatMap(({ jobs }) => jobs);
  };
  for (
    let calm = 0, end = Date.now() + ENDS_WITHIN_MS;
    calm < 3 && Date.now() < end;
    await delay(LOOK_EVERY_MS)
  ) {
    const watches = await patiently(() => openOf('watch_instance'));
    for (const { id } of watches) await patiently(() => cancelled(arena, id));
    const isCalm = watches.length === 0 && (await patiently(() => openOf('migrate_instance'))).length === 0;
    calm = isCalm ? calm + 1 : 0;
  }
}

async function cancelled({ producer }: Arena, id: string): Promise<void> {
  await producer.cancel(id).catch((error) => {
    // It has ended.
    if (!(error instanceof ConflictError)) throw error;
  });
}

/**
 * @param after the job that this one follows from, where it comes to that
 * @returns whether the job has completed
 */
async function hasCompleted(arena: Arena, id: string, after: string): Promise<boolean> {
  const last = await reaches(arena, id, ({ status }) => isTerminal(status), after);
  return last?.status === JobStatus.COMPLETED;
}

async function reaches(
  { observer }: Arena,
  id: string,
  isThere: (job: JobRecord) => boolean,
  after?: string,
): Promise<JobRecord | undefined> {
  for (const end = Date.now() + ENDS_WITHIN_MS; Date.now() < end; await delay(LOOK_EVERY_MS)) {
    const job = await observer.getJob(id).catch(() => undefined);
    if (job && isThere(job)) return job;
    if (job || after === undefined) continue;
    const before = await observer.getJob(after).catch(() => undefined);
    const isToCome = !before || !isTerminal(before.status) || before.next?.some((each) => each.id === id);
    if (!isToCome) return undefined;
  }
  return undefined;
}
