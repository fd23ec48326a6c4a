/** A flow: jobs that run after one another, as one value. Checking one is pure, and so is what is to be done next. */

import { type JobErrorInfo, ValidationError } from './errors.js';
import { excerptOf, quoted } from './excerpt.js';
import type { NewJob } from './job-options.js';
import { isShortName, SHORT_NAME } from './short-name.js';
import type { AwaitedGroup } from './signals.js';
import { OnFailure } from './vocabulary.js';

/** One job of a flow. Its id is derived from the flow's. */
export interface FlowJob
  extends Omit<NewJob, 'id' | 'runAt' | 'traceparent' | 'tracestate' | 'unique' | 'debounce'> {
  /** The keys of the jobs that must have ended before this one starts. Defaults to none. */
  after?: readonly string[];
  /** Defaults to `fail`. */
  onFailure?: OnFailure;
}

/** The jobs of a flow by their keys. */
export type FlowJobs = Readonly<Record<string, FlowJob>>;

/** How a child has ended, as its parent and the jobs after it are told. */
export interface ChildEnd<Result = unknown> {
  id: string;
  type: string;
  status: 'completed' | 'failed';
  result?: Result;
  error?: Pick<JobErrorInfo, 'code' | 'message'>;
}

/** Most jobs of one flow. */
export const MAX_FLOW_JOBS = 5_000;
/** Children that are counted together: the server is asked how many of them have ended, each time one has. */
export const MAX_GROUP = 500;

/** @throws ValidationError `JETFLEET_FLOW_INVALID` */
export function invalidFlow(why: string): ValidationError {
  return new ValidationError('JETFLEET_FLOW_INVALID', why);
}

export function isOnFailure(value: unknown): value is OnFailure {
  return (Object.values(OnFailure) as unknown[]).includes(value);
}

/**
 * Checks what hangs together in a flow: keys, references, circles.
 * @throws ValidationError `JETFLEET_FLOW_INVALID` that names the job
 */
export function assertGraph(jobs: unknown): asserts jobs is FlowJobs {
  if (typeof jobs !== 'object' || jobs === null || Array.isArray(jobs))
    throw invalidFlow(`jobs of a flow must be an object of jobs by their keys, got ${excerptOf(jobs)}`);
  const keys = Object.keys(jobs);
  if (keys.length === 0) throw invalidFlow('a flow needs at least one job');
  if (keys.length > MAX_FLOW_JOBS)
    throw invalidFlow(`a flow has at most ${MAX_FLOW_JOBS} jobs, got ${keys.length}; add several flows`);
  const all = jobs as Record<string, FlowJob>;
  for (const key of keys) {
    if (!isShortName(key)) throw invalidFlow(`key ${quoted(key)} of a flow must be ${SHORT_NAME}`);
    assertNode(key, all[key], all);
  }
  const circle = circleIn(all);
  if (circle) throw invalidFlow(`the flow goes in a circle: ${circle.join(' after ')}`);
}

function assertNode(key: string, job: unknown, all: Record<string, FlowJob>): void {
  if (typeof job !== 'object' || job === null)
    throw invalidFlow(`job ${key} of the flow must be an object, got ${excerptOf(job)}`);
  const { after = [], onFailure = OnFailure.FAIL } = job as FlowJob;
  if (!Array.isArray(after))
    throw invalidFlow(`after of job ${key} must be an array of keys, got ${excerptOf(after)}`);
  if (!isOnFailure(onFailure))
    throw invalidFlow(
      `onFailure of job ${key} must be fail, continue or ignore, got ${excerptOf(onFailure)}`,
    );
  const seen = new Set<unknown>();
  for (const each of after as unknown[]) {
    if (typeof each !== 'string' || !Object.hasOwn(all, each))
      throw invalidFlow(`job ${key} runs after ${quoted(each)}, which is no job of the flow`);
    if (seen.has(each)) throw invalidFlow(`job ${key} names ${each} twice in after`);
    seen.add(each);
  }
}

/** The keys along a circle, the first one also last. */
function circleIn(jobs: FlowJobs): string[] | undefined {
  const done = new Set<string>();
  for (const start of Object.keys(jobs)) {
    // Not recursive: a chain of thousands is no fault.
    const path: { key: string; next: number }[] = [{ key: start, next: 0 }];
    const onPath = new Set([start]);
    while (path.length > 0) {
      const step = path.at(-1) as { key: string; next: number };
      const to = done.has(step.key) ? undefined : jobs[step.key]?.after?.[step.next++];
      if (to === undefined) {
        done.add(step.key);
        onPath.delete(step.key);
        path.pop();
      } else if (onPath.has(to)) {
        const keys = path.map(({ key }) => key);
        return [...keys.slice(keys.indexOf(to)), to];
      } else if (!done.has(to)) {
        onPath.add(to);
        path.push({ key: to, next: 0 });
      }
    }
  }
  return undefined;
}

/**
 * The group in which each job of a flow is counted: those that the same jobs wait for, and whose failure means the same. Their ends
 * matter together, so the flow is woken once for all of them.
 */
export function groupsOf(jobs: FlowJobs): Map<string, AwaitedGroup> {
  const dependents = new Map<string, string[]>(Object.keys(jobs).map((key) => [key, []]));
  for (const [key, { after = [] }] of Object.entries(jobs))
    for (const each of after) dependents.get(each)?.push(key);
  const members = new Map<string, string[]>();
  for (const [key, { onFailure }] of Object.entries(jobs)) {
    const isFast = (onFailure ?? OnFailure.FAIL) === OnFailure.FAIL;
    const name = `${isFast} ${dependents.get(key)?.join(' ')}`;
    members.set(name, [...(members.get(name) ?? []), key]);
  }
  const groups = new Map<string, AwaitedGroup>();
  let number = 0;
  for (const [name, keys] of members) {
    for (let start = 0; start < keys.length; start += MAX_GROUP) {
      const part = keys.slice(start, start + MAX_GROUP);
      const fast = name.startsWith('true ') && { failFast: true as const };
      const group: AwaitedGroup = { id: `g${number++}`, of: part.length, ...fast };
      for (const key of part) groups.set(key, group);
    }
  }
  return groups;
}

/** What a flow is to do next. */
export interface FlowPlan {
  /** Jobs that may start, or have started and not ended. */
  open: string[];
  /** The job whose failure fails the flow. */
  failed?: string;
  isDone: boolean;
}

/** @param ends by the keys of the jobs that have ended */
export function planFlow(jobs: FlowJobs, ends: ReadonlyMap<string, Pick<ChildEnd, 'status'>>): FlowPlan {
  const entries = Object.entries(jobs);
  const isFatal = ([key, { onFailure }]: [string, FlowJob]) =>
    (onFailure ?? OnFailure.FAIL) === OnFailure.FAIL && ends.get(key)?.status === 'failed';
  const failed = entries.find(isFatal)?.[0];
  const open = entries.filter(
    ([key, { after = [] }]) => !ends.has(key) && after.every((each) => ends.has(each)),
  );
  return {
    open: open.map(([key]) => key),
    ...(failed !== undefined && { failed }),
    isDone: ends.size >= entries.length,
  };
}

/** The jobs that no other one runs after: what they return is the result of the flow. */
export function lastJobs(jobs: FlowJobs): string[] {
  const before = new Set(Object.values(jobs).flatMap(({ after = [] }) => after));
  return Object.keys(jobs).filter((key) => !before.has(key));
}
