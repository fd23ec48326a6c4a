import type { JobDefinition } from '../../jobs/define-job.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { type FlowPayload, runFlowJob } from '../../queue/flows/flow-job.js';
import {
  definedHandler,
  handled,
  type JobContext,
  type JobHandler,
  type RegisteredHandler,
} from '../job-handler.js';
import type { HandlerContext } from '../run/handler-context.js';

/** How a worker runs flows. Most namespaces have none. */
export function flowHandler(known: KnownJobs): RegisteredHandler {
  const run = (job: JobContext<FlowPayload>) => (job as unknown as HandlerContext).flow(job.payload.jobs);
  const handler = handled(runFlowJob as JobDefinition, run as JobHandler);
  return definedHandler({ ...handler, isSeldom: true }, known, {});
}
