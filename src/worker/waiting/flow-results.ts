import type { Broker } from '../../broker/broker.js';
import type { ChildEnd } from '../../jobs/flow.js';
import { derivedId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal, OnFailure } from '../../jobs/vocabulary.js';
import { type FlowPayload, runFlowJob } from '../../queue/flows/flow-job.js';
import { recordsById } from '../../queue/list/work-jobs.js';
import { endOf } from '../../queue/waiting/child-ends.js';

/** How the jobs of a flow ended that this one runs after, by their keys. Empty for a job of no flow. */
export async function resultsBefore(
  broker: Broker,
  { id, parentId }: JobRecord,
): Promise<Record<string, ChildEnd>> {
  if (parentId === undefined) return {};
  const flow = (await broker.lastEvent(parentId))?.record;
  if (flow?.type !== runFlowJob.type) return {};
  const { jobs } = flow.payload as FlowPayload;
  const [own] = Object.entries(jobs).find(([key]) => derivedId(parentId, key) === id) ?? [];
  const keys = (own !== undefined && jobs[own]?.after) || [];
  const ids = new Map(keys.map((key) => [key, derivedId(parentId, key)]));
  const ends = await broker.children.endsOf(parentId, [...ids.values()]);
  // Of a job that runs once more after its flow, they are on the records alone.
  const missing = [...ids.values()].filter((each) => !ends.has(each));
  for (const [each, record] of await recordsById(broker, missing))
    if (isTerminal(record.status)) ends.set(each, endOf(record));
  await broker.children.whole(ends);
  const results: Record<string, ChildEnd> = {};
  for (const [key, each] of ids) {
    const end = ends.get(each);
    const isUnseen = end?.status === 'failed' && jobs[key]?.onFailure === OnFailure.IGNORE;
    if (end && !isUnseen) results[key] = end;
  }
  return results;
}
