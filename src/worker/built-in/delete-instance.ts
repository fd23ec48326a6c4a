import { fromPromise } from 'xstate';
import { type DeleteInstanceSettings, deleteInstanceChart } from '../../../machines/index.js';
import type { GpuProvider } from '../../gpu/provider.js';
import { type DeleteInstancePayload, deleteInstancePayload } from '../../jobs/payloads.js';
import type { HandlerOptions } from '../job-handler.js';
import type { HeldJobOf } from './create-instance.js';

export interface DeleteInstanceHandlerOptions extends DeleteInstanceSettings {
  provider: GpuProvider;
  heldJob: HeldJobOf;
}

/** Deletes what a failed job has rented, until the provider says that it is gone. */
export function deleteInstanceHandler(
  options: DeleteInstanceHandlerOptions,
): HandlerOptions<DeleteInstancePayload> {
  const { provider, heldJob, ...settings } = options;
  const chart = deleteInstanceChart(settings).provide({
    actors: {
      findInstances: fromPromise(async ({ input: { jobId, payload } }) => {
        const { signal } = heldJob(jobId);
        const { novitaInstanceId, instanceName } = payload;
        const named = instanceName === undefined ? [] : await provider.findByName(instanceName, signal);
        const known = novitaInstanceId === undefined ? null : await provider.get(novitaInstanceId, signal);
        return [...named, ...(known && known.status !== 'terminated' ? [known] : [])];
      }),
      deleteInstances: fromPromise(async ({ input: { jobId, instanceIds } }) => {
        const { signal, logger } = heldJob(jobId);
        logger.warn({ instanceIds }, 'deleting what a job has left behind');
        await Promise.all(instanceIds.map((id) => provider.delete(id, signal)));
      }),
    },
  });
  return { payload: deleteInstancePayload, chart };
}
