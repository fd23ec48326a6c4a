/** What a handler does with its children: adds them, once, and waits until they have ended. */

import { ConflictError, NonRetryableError } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { type ChildEnd, invalidFlow, isOnFailure, MAX_FLOW_JOBS, MAX_GROUP } from '../../jobs/flow.js';
import { derivedId } from '../../jobs/job-id.js';
import type { NewJob } from '../../jobs/job-options.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { assertArray, assertOptions, type OptionNames } from '../../jobs/options.js';
import { isShortName, SHORT_NAME } from '../../jobs/short-name.js';
import type { AwaitedGroup } from '../../jobs/signals.js';
import { unlessFaster } from '../../jobs/unless-faster.js';
import { isTerminal, OnFailure } from '../../jobs/vocabulary.js';
import { checkPayloads } from '../../queue/job-add-many.js';
import { cancelJob } from '../../queue/job-cancel.js';
import { type CheckedJob, checkJob } from '../../queue/job-request.js';
import { leaderEvent } from '../../queue/waiting/leader-event.js';
import { cancelChildren, forgetSignals } from '../../queue/waiting/settle-waits.js';
import { spawnChildren } from '../../queue/waiting/spawn-children.js';
import type { ChildJob, ChildrenOptions } from '../child-job.js';
import type { WorkerServices } from '../worker-services.js';
import { forgetEarlierFailures } from './stale-ends.js';

const CHILDREN_OPTIONS: OptionNames<Required<ChildrenOptions>> = { onFailure: true };

/** What the children of one run need of it. */
export interface WaitHost {
  readonly services: WorkerServices;
  readonly record: JobRecord;
  readonly signal: AbortSignal;
  /** Ends the run: it hibernates until one of these groups is over. @throws always */
  waitForGroups(groups: readonly AwaitedGroup[], what: string): never;
}

export interface CheckedChild {
  job: CheckedJob;
  group: AwaitedGroup;
}

/**
 * A checked child of a job.
 * @throws ValidationError as adding the job would
 */
export function checkChild(
  { services: { broker }, record }: WaitHost,
  key: string,
  { type, payload, priority = record.priority, ...options }: Omit<ChildJob, 'key'>,
  group: AwaitedGroup,
): CheckedChild {
  const once = { ...options, unique: false, debounce: false } as const;
  const job = checkJob(broker.known, type, payload, priority, once, broker.clock.now());
  const { request } = job;
  delete request.isNew;
  request.id = derivedId(record.id, key);
  request.parentId = record.id;
  request.awaited = group.id;
  if (record.traceparent !== undefined) request.traceparent = record.traceparent;
  if (record.tracestate !== undefined) request.tracestate = record.tracestate;
  return { job, group };
}

/** Adds children that may start. What somebody has ended meanwhile, its children included, stays ended. */
export async function addChildren(host: WaitHost, children: readonly CheckedChild[]): Promise<void> {
  const { broker } = host.services;
  // Another worker may have ended the job before this one, which stood still, noted its children.
  if (host.signal.aborted) await forgetSignals(broker, host.record.id);
  host.signal.throwIfAborted();
  await spawnChildren(
    broker,
    host.record,
    children.map(({ job }) => job),
  );
  const own = (await leaderEvent(broker, host.record.id))?.record;
  if (!own || !isTerminal(own.status)) return;
  const ids = children.map(({ job: { request } }) => request.id);
  await cancelChildren(broker, ids, `its parent is ${own.state}`, cancelJob);
  await forgetSignals(broker, own.id);
  throw new ConflictError(`job ${own.id} is ${own.state} already`);
}

/**
 * Notes which children a job has, before the first of them is added.
 * @throws NonRetryableError `JETFLEET_CHILDREN_CHANGED` where an earlier run has noted others
 */
export async function noteChildren(host: WaitHost, name: string, ids: readonly string[]): Promise<void> {
  const { broker } = host.services;
  const { id } = host.record;
  const noted = await broker.children.noted(id);
  for (let start = 0, part = 0; start < ids.length; start += MAX_GROUP, part++) {
    const wanted = ids.slice(start, start + MAX_GROUP);
    const known = noted.get(`${name}-${part}`);
    if (!known) await unlessFaster(broker.children.note(id, `${name}-${part}`, wanted));
    else if (known.join() !== wanted.join()) throw changed(id);
  }
  if (noted.has(`${name}-${Math.ceil(ids.length / MAX_GROUP)}`)) throw changed(id);
}

function changed(id: string): NonRetryableError {
  const why = `job ${id} asks for other children than in an earlier run; derive them from its payload and checkpoint alone`;
  return new NonRetryableError(why, { code: 'JETFLEET_CHILDREN_CHANGED' });
}

/** @throws ValidationError `JETFLEET_FLOW_INVALID`, `JETFLEET_OPTION_INVALID`, and what adding the jobs would throw */
export function checkChildren(
  host: WaitHost,
  call: number,
  list: readonly ChildJob[],
  { onFailure = OnFailure.FAIL }: ChildrenOptions,
): CheckedChild[] {
  const keys = new Set<string>();
  return list.map((child, place) => {
    if (typeof child !== 'object' || child === null)
      throw invalidFlow(`child ${place} must be a job, got ${excerptOf(child)}`);
    const { key = `c${call}-${place}`, ...job } = child;
    host.services.broker.known.addMakerOf(job);
    if (!isShortName(key)) throw invalidFlow(`key ${excerptOf(key)} of child ${place} must be ${SHORT_NAME}`);
    const own = ['id', 'unique', 'debounce'].find(
      (name) => (job as Record<string, unknown>)[name] !== undefined,
    );
    if (own)
      throw invalidFlow(
        `child ${place} has ${own}; a child is one by its id, which is derived: give it a key`,
      );
    if (keys.has(key)) throw invalidFlow(`two children have the key ${key}`);
    keys.add(key);
    const part = Math.floor(place / MAX_GROUP);
    const of = Math.min(MAX_GROUP, list.length - part * MAX_GROUP);
    const group = {
      id: `c${call}-${part}`,
      of,
      ...(onFailure === OnFailure.FAIL && { failFast: true as const }),
    };
    return checkChild(host, key, job, group);
  });
}

/** Adds the children of one call, and waits for them. @returns how each has ended, in the order of the list */
export async function runChildren(
  host: WaitHost,
  call: number,
  list: readonly ChildJob[],
  options: ChildrenOptions,
): Promise<ChildEnd[]> {
  assertArray('children', list);
  assertOptions('options of children', options, CHILDREN_OPTIONS);
  const { onFailure = OnFailure.FAIL } = options;
  if (!isOnFailure(onFailure))
    throw invalidFlow(`onFailure must be fail, continue or ignore, got ${excerptOf(onFailure)}`);
  if (list.length > MAX_FLOW_JOBS)
    throw invalidFlow(`a job may add at most ${MAX_FLOW_JOBS} children at once, got ${list.length}`);
  const children = checkChildren(host, call, list, options);
  await checkPayloads(
    list as readonly NewJob[],
    children.map(({ job }) => job),
  );
  if (children.length === 0) return [];
  const ids = children.map(({ job: { request } }) => request.id);
  const { broker } = host.services;
  await broker.signals.stream.open();
  await noteChildren(host, `c${call}`, ids);
  await forgetEarlierFailures(broker, host.record);
  let ends = await broker.children.endsOf(host.record.id, ids);
  if (!isOver(ids, ends, onFailure)) {
    await addChildren(host, children);
    // Of a job that runs once more after its end, the children may have ended long ago.
    ends = await broker.children.endsOf(host.record.id, ids);
  }
  const groups = new Map(children.map(({ group }) => [group.id, group]));
  const open = () =>
    [...groups.values()].filter(({ id }) =>
      children.some(({ group, job }) => group.id === id && !ends.has(job.request.id)),
    );
  if (!isOver(ids, ends, onFailure)) host.waitForGroups(open(), `${ids.length} children`);
  if (onFailure !== OnFailure.FAIL) return endsInOrder(ids, ends, onFailure);
  const failed = [...ends.values()].find(({ status }) => status === 'failed');
  if (!failed) return endsInOrder(ids, ends, onFailure);
  const left = await cancelChildren(
    broker,
    ids.filter((id) => !ends.has(id)),
    `job ${failed.id} failed`,
    cancelJob,
  );
  const groupOf = new Map(children.map(({ job, group }) => [job.request.id, group.id]));
  if (left.length > 0)
    host.waitForGroups(
      groupsUntilEnded(
        left,
        ids.filter((id) => ends.has(id)),
        groupOf,
      ),
      `${left.length} children`,
    );
  throw childFailed(failed);
}

/** Groups that are over when children have ended that this process cannot end: it lacks the definitions of their types. */
export function groupsUntilEnded(
  running: readonly string[],
  ended: readonly string[],
  groupOf: ReadonlyMap<string, string>,
): AwaitedGroup[] {
  const ids = new Set(running.flatMap((each) => groupOf.get(each) ?? []));
  const all = [...running, ...ended];
  return [...ids].map((id) => ({ id, of: all.filter((each) => groupOf.get(each) === id).length }));
}

function isOver(ids: readonly string[], ends: ReadonlyMap<string, ChildEnd>, onFailure: OnFailure): boolean {
  if (ends.size >= ids.length) return true;
  return onFailure === OnFailure.FAIL && [...ends.values()].some(({ status }) => status === 'failed');
}

function endsInOrder(
  ids: readonly string[],
  ends: ReadonlyMap<string, ChildEnd>,
  onFailure: OnFailure,
): ChildEnd[] {
  const all = ids.flatMap((id) => ends.get(id) ?? []);
  return onFailure === OnFailure.IGNORE ? all.filter(({ status }) => status === 'completed') : all;
}

export function childFailed({ id, type, error }: ChildEnd, of = 'child'): NonRetryableError {
  const why = `${of} ${id} of type ${type} failed: ${error?.message ?? ''} (${error?.code ?? ''})`;
  return new NonRetryableError(why, { code: 'JETFLEET_CHILD_FAILED' });
}
