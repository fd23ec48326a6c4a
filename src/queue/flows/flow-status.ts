/** How far a flow is: read from its record, the records of its jobs, and what SIGNALS knows of their ends. */
import type { Broker } from '../../broker/broker.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { FlowJobs } from '../../jobs/flow.js';
import { derivedId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { FlowJobStatus, FlowStatus } from '../../jobs/shown-flow.js';
import { isTerminal, OnFailure } from '../../jobs/vocabulary.js';
import { findJob } from '../job-lookup.js';
import { recordsById } from '../list/work-jobs.js';
import { assertFlowPayload, runFlowJob } from './flow-job.js';

/** @returns undefined where the id names no flow */
export async function readFlow(broker: Broker, id: string): Promise<FlowStatus | undefined> {
  const flow = await findJob(broker, id);
  if (flow?.type !== runFlowJob.type) return undefined;
  let jobs: FlowJobs;
  try {
    ({ jobs } = assertFlowPayload(flow.payload));
  } catch (error) {
    // It was published by hand, and is refused by its worker.
    if (!JetfleetError.is(error)) throw error;
    jobs = {};
  }
  const keys = Object.keys(jobs);
  const idOf = (key: string) => derivedId(id, key);
  const records = await recordsById(broker, keys.map(idOf));
  const hasEnded = (key: string) => isTerminal(records.get(idOf(key))?.status ?? 'pending');
  const all = keys.map((key): FlowJobStatus => {
    const { type, after = [], onFailure = OnFailure.FAIL } = jobs[key] as FlowJobs[string];
    const record = records.get(idOf(key));
    const isBlocked = !after.every(hasEnded);
    const state = record?.state ?? (isTerminal(flow.status) ? 'dropped' : isBlocked ? 'blocked' : 'queued');
    return { key, id: idOf(key), type, state, after, onFailure, ...errorOf(record) };
  });
  return {
    id,
    status: flow.status,
    state: flow.state,
    total: keys.length,
    completed: keys.filter((key) => records.get(idOf(key))?.status === 'completed').length,
    failed: keys.filter((key) => records.get(idOf(key))?.status === 'failed').length,
    jobs: all,
    ...errorOf(flow),
  };
}

function errorOf(record: JobRecord | undefined): { error?: { code: string; message: string } } {
  if (!record?.error || !isTerminal(record.status)) return {};
  const { code, message } = record.error;
  return { error: { code, message } };
}
