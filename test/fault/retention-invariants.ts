/** What must be left of jobs that are kept for a time alone, and of their objects. */
import type { JobRecord } from '../../src/index.js';
import { isReference, OBJECT, referencesOf } from '../../src/jobs/stored-object.js';
import type { Arena } from './arena.js';
import type { Evidence, StoredRecord } from './evidence.js';
import type { Violation } from './invariants.js';
import { padOf } from './plan.js';

/** What is stored once retention was applied for the last time. */
export interface Kept {
  jobs: readonly JobRecord[];
  /** Ids of those whose payload or result is not what it was. */
  damaged: readonly string[];
  /** Objects that no job holds. */
  orphans: readonly string[];
}

export async function readKept({ observer }: Arena): Promise<Kept> {
  await observer.applyRetention();
  const { jobs } = await observer.getJobs({ type: 'task', limit: 1_000 });
  const damaged: string[] = [];
  for (const job of jobs)
    for (const field of ['payload', 'result'] as const)
      if (isReference(job[field]) && !(await isWhole(observer, job.id, field)))
        damaged.push(`${field} of ${job.id}`);
  const held = new Set(
    jobs.flatMap((job) => referencesOf(job).map((reference) => `${job.id} ${reference[OBJECT]}`)),
  );
  const stored = await (await observer.broker()).extra.objects.list();
  const orphans = stored.map(({ id, name }) => `${id} ${name}`).filter((each) => !held.has(each));
  return { jobs, damaged, orphans };
}

async function isWhole(
  observer: Arena['observer'],
  id: string,
  field: 'payload' | 'result',
): Promise<boolean> {
  try {
    const { pad = '' } = (await observer.load(id, field)) as { pad?: string };
    return pad.length > 0 && pad === padOf(id, pad.length);
  } catch {
    return false;
  }
}

export function retentionViolations({ plan, kept, histories }: Evidence): Violation[] {
  if (!plan.keeps || !kept) return [];
  const violation = (about: string, detail: string): Violation => ({ kind: 'retention', about, detail });
  const ends = [...histories.values()].flatMap((history) => history.at(-1) ?? []);
  return [
    ...kept.damaged.map((what) => violation(what, 'is lost or damaged')),
    ...kept.orphans.map((what) => violation(what, 'an object that no job holds')),
    ...(['completed', 'failed'] as const).flatMap((status) => {
      const wanted = lastOf(ends, status, plan.keeps?.[status] ?? 0);
      const present = kept.jobs.filter((job) => job.status === status).map(({ id }) => id);
      const removed = wanted.filter((id) => !present.includes(id));
      const detail = `${status}: kept ${present.join(' ')}, wanted ${wanted.join(' ')}`;
      return [
        ...removed.map((id) => violation(id, `is removed, and was to be kept; ${detail}`)),
        ...(present.length > wanted.length
          ? [violation('task', `more are kept than were to be; ${detail}`)]
          : []),
      ];
    }),
  ];
}

/** Those of the tasks that ended last so. */
function lastOf(ends: readonly StoredRecord[], status: string, count: number): string[] {
  return ends
    .filter((record) => record.type === 'task' && record.status === status)
    .sort((a, b) => a.storedSeq - b.storedSeq)
    .slice(-count)
    .map(({ id }) => id);
}
