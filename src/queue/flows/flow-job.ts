/** The job type `run_flow`: the whole flow is the payload of one job, so that adding it is one write, from any language. */
import { defineJob } from '../../jobs/define-job.js';
import { JetfleetError } from '../../jobs/errors.js';
import { FLOW } from '../../jobs/family.js';
import { assertGraph, type FlowJobs, invalidFlow } from '../../jobs/flow.js';
import { toJobError } from '../../jobs/job-error.js';
import type { Schema } from '../../jobs/schema.js';

export interface FlowPayload {
  jobs: FlowJobs;
}

/** Checks the graph of a flow that somebody may have published by hand. Its jobs are checked when they are added. */
const flowSchema: Schema<FlowPayload, FlowPayload> = {
  '~standard': {
    version: 1,
    vendor: 'jetfleet',
    validate: (value: unknown) => {
      try {
        return { value: assertFlowPayload(value) };
      } catch (error) {
        const { message } = JetfleetError.is(error) ? error : toJobError(error);
        return { issues: [{ message }] };
      }
    },
  },
};

/** @throws ValidationError `JETFLEET_FLOW_INVALID` */
export function assertFlowPayload(value: unknown): FlowPayload {
  const { jobs, ...others } = Object(value) as { jobs?: unknown };
  const [other] = Object.keys(others);
  if (other !== undefined) throw invalidFlow(`a flow has no ${JSON.stringify(other)}; it takes jobs`);
  assertGraph(jobs);
  return { jobs };
}

/**
 * A flow as a job. It adds each of its jobs when its time has come, and ends when all of them have. Workers handle it by
 * themselves from the first flow of a namespace on.
 */
export const runFlowJob = defineJob({
  type: FLOW,
  payload: flowSchema,
  concurrency: 50,
  // Its jobs find it by its record.
  claim: 'durable',
});
