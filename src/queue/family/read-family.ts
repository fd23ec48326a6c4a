/** Reads the jobs that came of one another: up from a job to the first one, and down from there. */
import type { Broker } from '../../broker/broker.js';
import { type FamilyJob, FLOW, type JobFamily, MAX_FAMILY, MAX_OF_FLOW } from '../../jobs/family.js';
import { inParts } from '../../jobs/in-parts.js';
import { derivedId, isJobId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { findJob } from '../job-lookup.js';
import type { KnownIds } from '../list/known-ids.js';
import { listJobs } from '../list/list-jobs.js';
import { recordsById } from '../list/work-jobs.js';

/** Jobs above one that are read. */
const MAX_ABOVE = 8;
/** Jobs without a record that are read at once. */
const PARALLEL = 32;
/** Within which the children of a job that has ended are searched by the beginning of their ids. */
const SEARCH_MS = 500;

/** Children are numbered, and found in the order in which they ended. */
const BY_NUMBER = new Intl.Collator('en', { numeric: true });

/** @returns undefined for an id that nobody used, or whose record has expired */
export async function readFamily(
  broker: Broker,
  knownIds: KnownIds,
  id: string,
): Promise<JobFamily | undefined> {
  const job = await findJob(broker, id);
  if (!job) return undefined;
  const path = await withAncestors(broker, job);
  const members = new Map<string, Member>();
  const [first] = path;
  let level: Member[] = first ? [{ job: first }] : [];
  let isCut = false;
  while (level.length > 0) {
    for (const member of level) members.set(member.job.id, member);
    const below = await inParts(level, PARALLEL, (member) => offspringOf(broker, knownIds, member.job, path));
    const fresh = new Map<string, Offspring>();
    for (const each of below.flat())
      if (!members.has(each.id) && !fresh.has(each.id)) fresh.set(each.id, each);
    const room = MAX_FAMILY - members.size;
    isCut ||= fresh.size > room;
    level = await found(broker, [...fresh.values()].slice(0, Math.max(room, 0)));
  }
  return { id, jobs: [...members.values()].map(memberOf), ...(isCut && { isCut }) };
}

interface Member {
  job: JobRecord;
  parentId?: string;
  relation?: FamilyJob['relation'];
}

interface Offspring {
  id: string;
  parentId: string;
  relation: NonNullable<FamilyJob['relation']>;
}

/** The job and those above it, the first one first. */
async function withAncestors(broker: Broker, job: JobRecord): Promise<JobRecord[]> {
  const path = [job];
  for (let { parentId } = job; parentId !== undefined && path.length <= MAX_ABOVE; ) {
    // Ids can be used again.
    if (path.some(({ id }) => id === parentId)) break;
    const parent = await findJob(broker, parentId);
    if (!parent) break;
    path.unshift(parent);
    parentId = parent.parentId;
  }
  return path;
}

/** What came of a job: its children, and what followed from its end. */
async function offspringOf(
  broker: Broker,
  knownIds: KnownIds,
  job: JobRecord,
  path: readonly JobRecord[],
): Promise<Offspring[]> {
  const place = path.findIndex(({ id }) => id === job.id);
  const after = place < 0 ? undefined : path[place + 1];
  const isAsked = place === path.length - 1;
  const next = (job.next ?? []).map(({ id }): Offspring => ({ id, parentId: job.id, relation: 'follow-up' }));
  const children = job.type === FLOW && !isAsked ? [] : await childrenOf(broker, knownIds, job);
  const all = [
    ...children.map((id): Offspring => ({ id, parentId: job.id, relation: 'child' })),
    ...next.filter(({ id }) => isJobId(id)),
  ];
  // Where the job was found by its parent, it belongs to that whatever the record of the parent says by now.
  if (after && !all.some(({ id }) => id === after.id))
    all.unshift({
      id: after.id,
      parentId: job.id,
      relation: after.awaited === undefined ? 'follow-up' : 'child',
    });
  return all;
}

async function childrenOf(broker: Broker, knownIds: KnownIds, job: JobRecord): Promise<string[]> {
  const { id, type, payload, waits, status } = job;
  if (type === FLOW) {
    const keys = Object.keys(Object((payload as { jobs?: object } | null)?.jobs));
    return keys.slice(0, MAX_OF_FLOW).map((key) => derivedId(id, key));
  }
  if (waits === undefined) return [];
  // What a job waits for is noted until it has ended.
  if (!isTerminal(status)) return [...(await broker.children.noted(id)).values()].flat();
  const filter = { id: `${id}-`, order: 'oldest', limit: MAX_FAMILY } as const;
  const { jobs } = await listJobs(broker, knownIds, filter, SEARCH_MS);
  const children = jobs.filter((each) => each.parentId === id && each.awaited !== undefined);
  return children.map((each) => each.id).sort(BY_NUMBER.compare);
}

/** Those that are there; one that no worker has touched has a message alone. */
async function found(broker: Broker, offspring: readonly Offspring[]): Promise<Member[]> {
  const records = await recordsById(
    broker,
    offspring.map(({ id }) => id),
  );
  const members = await inParts(offspring, PARALLEL, async ({ id, parentId, relation }) => {
    const job = records.get(id) ?? (await findJob(broker, id));
    return job ? [{ job, parentId, relation }] : [];
  });
  return members.flat();
}

function memberOf({ job, parentId, relation }: Member): FamilyJob {
  const { id, type, status, state, createdAt, startedAt, finishedAt, nextRunAt, error } = job;
  return {
    ...{ id, type, status, state, createdAt },
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    ...(nextRunAt !== undefined && { nextRunAt }),
    ...(parentId !== undefined && { parentId }),
    ...(relation !== undefined && { relation }),
    ...(error && status === 'failed' && { error: { code: error.code, message: error.message } }),
  };
}
