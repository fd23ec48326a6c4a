import { type AnyActorLogic, fromPromise } from 'xstate';
import { type DeleteInstanceSettings, deleteInstanceChart } from '../../machines/index.js';
import type { HeldJobOf } from '../worker/extension.js';
import type { OwnedInstances } from './owned-instances.js';
import type { Watchful } from './watchful.js';

export interface DeleteInstanceServices extends DeleteInstanceSettings {
  instances: OwnedInstances;
  watchful: Watchful;
  heldJob: HeldJobOf;
}

/** Deletes what a failed job has rented, until the provider says that it is gone. */
export function deleteInstanceRun(options: DeleteInstanceServices): AnyActorLogic {
  const { instances, watchful, heldJob, ...settings } = options;
  return deleteInstanceChart(settings).provide({
    actors: {
      findInstances: fromPromise(async ({ input: { jobId, payload, found } }) => {
        const { novitaInstanceId, instanceName: name } = payload;
        const ids = [...new Set([...found, ...(novitaInstanceId === undefined ? [] : [novitaInstanceId])])];
        return watchful(jobId, instances.find(heldJob(jobId), { ids, ...(name !== undefined && { name }) }));
      }),
      deleteInstances: fromPromise(async ({ input: { jobId, instanceIds } }) => {
        const job = heldJob(jobId);
        job.logger.warn({ instanceIds }, 'deleting what a job has left behind');
        await watchful(jobId, instances.delete(job, instanceIds));
      }),
    },
  });
}
