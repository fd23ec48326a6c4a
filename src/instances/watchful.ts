import { JetfleetError } from '../jobs/errors.js';
import type { AlertKind, Alerts } from '../telemetry/alerts.js';

const ALERTS: Readonly<Record<string, AlertKind>> = {
  JETFLEET_PROVIDER_AUTH: 'provider_auth',
  JETFLEET_INSTANCE_NOT_OURS: 'instance_not_ours',
  JETFLEET_LIMIT_INSTANCES: 'rental_limit',
  JETFLEET_LIMIT_GPUS: 'rental_limit',
};

/** Passes a call for a job on, and raises an alert when it rejects with an error that needs a person. */
export type Watchful = <T>(jobId: string, call: Promise<T>) => Promise<T>;

export function watchfulWith(alerts: Alerts): Watchful {
  return async (jobId, call) => {
    try {
      return await call;
    } catch (error) {
      const kind = JetfleetError.is(error) ? ALERTS[error.code] : undefined;
      if (kind) alerts.raise({ kind, jobId, message: (error as Error).message });
      throw error;
    }
  };
}
