import { fromPromise, type PromiseActorLogic } from 'xstate';
import { JetfleetError } from '../jobs/errors.js';
import { type AlertKind, Alerts } from '../telemetry/alerts.js';
import type { WorkerHost } from '../worker/extension.js';
import type { JobContext } from '../worker/job-handler.js';
import { createInstance } from './jobs.js';

const ALERTS: Readonly<Record<string, AlertKind>> = {
  JETFLEET_PROVIDER_AUTH: 'provider_auth',
  JETFLEET_INSTANCE_NOT_OURS: 'instance_not_ours',
  JETFLEET_LIMIT_INSTANCES: 'rental_limit',
  JETFLEET_LIMIT_GPUS: 'rental_limit',
};
/** Only a create spends: another call that is refused so shows nothing that keeps jobs from renting. */
const ALERTS_OF_CREATES: Readonly<Record<string, AlertKind>> = {
  JETFLEET_PROVIDER_QUOTA: 'provider_quota',
  JETFLEET_PROVIDER_BALANCE: 'provider_balance',
};

/** Makes an actor of a chart from a call for the job that the chart runs. */
export type CallActor = <Output, Input extends { jobId: string }>(
  call: (job: JobContext, input: Input) => Promise<NoInfer<Output>>,
) => PromiseActorLogic<Output, Input>;

/** Calls that reject with an error that needs a person raise an alert, beside failing their job. */
export function callsForJobs({ heldJob, logger }: Pick<WorkerHost, 'heldJob' | 'logger'>): CallActor {
  const alerts = new Alerts(logger);
  return (call) =>
    fromPromise(async ({ input }) => {
      const job = heldJob(input.jobId);
      try {
        return await call(job, input);
      } catch (error) {
        const kinds = job.type === createInstance.type ? { ...ALERTS, ...ALERTS_OF_CREATES } : ALERTS;
        const kind = JetfleetError.is(error) ? kinds[error.code] : undefined;
        if (kind) alerts.raise({ kind, jobId: input.jobId, message: (error as Error).message });
        throw error;
      }
    });
}
