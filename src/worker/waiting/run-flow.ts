/** The handler of `run_flow`: a job that holds a flow, adds each of its jobs when its time has come, and hibernates in between. */
import type { Broker } from '../../broker/broker.js';
import type { ObjectStore } from '../../broker/object-store.js';
import type { ChildEnd, FlowJobs } from '../../jobs/flow.js';
import { groupsOf, lastJobs, planFlow } from '../../jobs/flow.js';
import { derivedId } from '../../jobs/job-id.js';
import { MAX_RESULT_BYTES } from '../../jobs/limits.js';
import type { AwaitedGroup } from '../../jobs/signals.js';
import { isReference } from '../../jobs/stored-object.js';
import { cancelJob } from '../../queue/job-cancel.js';
import { cancelChildren } from '../../queue/waiting/settle-waits.js';
import {
  addChildren,
  checkChild,
  childFailed,
  groupsUntilEnded,
  noteChildren,
  type WaitHost,
} from './child-waits.js';
import { forgetEarlierFailures } from './stale-ends.js';

/** Rounds of one run: more follow only where the jobs of an earlier life have ended already. */
const MAX_ROUNDS = 10_000;

/** @returns what the last jobs of the flow returned */
export async function runFlow(host: WaitHost, jobs: FlowJobs): Promise<unknown> {
  const { broker } = host.services;
  const flowId = host.record.id;
  const groups = groupsOf(jobs);
  const idOf = (key: string) => derivedId(flowId, key);
  await broker.signals.stream.open();
  await noteChildren(host, 'f', Object.keys(jobs).map(idOf));
  await forgetEarlierFailures(broker, host.record);
  for (let round = 0, added = ''; round < MAX_ROUNDS; round++) {
    const ends = endsByKey(jobs, idOf, await broker.children.ends(flowId));
    const plan = planFlow(jobs, ends);
    const left = Object.keys(jobs).filter((key) => !ends.has(key));
    if (plan.failed !== undefined) return fail(host, plan.failed, ends, left, groups);
    if (plan.isDone) return resultOf(broker, jobs, ends);
    const open = plan.open.join();
    if (open === added)
      host.waitForGroups(groupsAmong(plan.open, groups), `${plan.open.length} jobs of its flow`);
    await addChildren(
      host,
      plan.open.map((key) => {
        const { after: _, onFailure: __, ...job } = jobs[key] as FlowJobs[string];
        return checkChild(host, key, job, groups.get(key) as AwaitedGroup);
      }),
    );
    added = open;
  }
  throw new Error(`the flow ${flowId} comes to no end`);
}

async function fail(
  host: WaitHost,
  failedKey: string,
  ends: ReadonlyMap<string, ChildEnd>,
  left: readonly string[],
  groups: ReadonlyMap<string, AwaitedGroup>,
): Promise<never> {
  const failed = ends.get(failedKey) as ChildEnd;
  const idOf = (key: string) => derivedId(host.record.id, key);
  const running = await cancelChildren(
    host.services.broker,
    left.map(idOf),
    `job ${failed.id} failed`,
    cancelJob,
  );
  if (running.length > 0) {
    const groupOf = new Map([...groups].map(([key, { id }]) => [idOf(key), id]));
    const ended = [...ends.keys()].map(idOf);
    host.waitForGroups(groupsUntilEnded(running, ended, groupOf), `${running.length} jobs of its flow`);
  }
  throw childFailed(failed, 'job');
}

function endsByKey(
  jobs: FlowJobs,
  idOf: (key: string) => string,
  ends: ReadonlyMap<string, ChildEnd>,
): Map<string, ChildEnd> {
  return new Map(
    Object.keys(jobs).flatMap((key): [string, ChildEnd][] => {
      const end = ends.get(idOf(key));
      return end ? [[key, end]] : [];
    }),
  );
}

function groupsAmong(keys: readonly string[], groups: ReadonlyMap<string, AwaitedGroup>): AwaitedGroup[] {
  return [...new Set(keys.flatMap((key) => groups.get(key) ?? []))];
}

/** Of one last job its result, of several theirs by key; none where they are too large together. */
async function resultOf(
  { extra: { objects } }: Broker,
  jobs: FlowJobs,
  ends: ReadonlyMap<string, ChildEnd>,
): Promise<unknown> {
  const last = lastJobs(jobs);
  const [only = ''] = last;
  const end = ends.get(only);
  if (last.length === 1) return end && wholeResult(objects, end);
  const results = Object.fromEntries(last.map((key) => [key, ends.get(key)?.result]));
  const isLarge = Object.values(results).some(isReference);
  return !isLarge && Buffer.byteLength(JSON.stringify(results)) <= MAX_RESULT_BYTES ? results : undefined;
}

/** None where it is larger than this worker stores. */
async function wholeResult(objects: ObjectStore, end: ChildEnd): Promise<unknown> {
  if (!isReference(end.result)) return end.result;
  const result = await objects.resolve(end, end.result);
  return Buffer.byteLength(JSON.stringify(result)) <= objects.maxBytes ? result : undefined;
}
