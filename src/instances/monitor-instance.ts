import { type AnyActorLogic, fromPromise } from 'xstate';
import {
  endsTheWait,
  type InstanceCheck,
  isBroken,
  isGone,
  type MonitorInstanceSettings,
  monitorInstanceChart,
} from '../../machines/index.js';
import type { HeldJobOf } from '../worker/extension.js';
import type { OwnedInstances } from './owned-instances.js';
import { checkOf, type WaitingMonitors } from './waiting-monitors.js';
import type { Watchful } from './watchful.js';

export interface MonitorInstanceServices extends MonitorInstanceSettings {
  instances: OwnedInstances;
  watchful: Watchful;
  monitors: WaitingMonitors;
  heldJob: HeldJobOf;
}

/** Watches an instance until it runs. */
export function monitorInstanceRun(options: MonitorInstanceServices): AnyActorLogic {
  const { instances, watchful, monitors, heldJob, ...settings } = options;
  return monitorInstanceChart(settings).provide({
    actors: {
      checkInstance: fromPromise(async ({ input: { jobId, novitaInstanceId: id, isLastLook } }) => {
        const job = heldJob(jobId);
        const check = async () => {
          const isOurs = async (read: InstanceCheck) => {
            if (read?.name && endsTheWait(read)) await instances.assertRead(job, { id, name: read.name });
            return read;
          };
          const polled = await isOurs(await monitors.poll(jobId, id, isLastLook, job.signal));
          if (!isLastLook || !(isGone(polled) || isBroken(polled))) return polled;
          // A poll may come from a list: what costs the instance is read by its id as well.
          const [shown] = await instances.find(job, { ids: [id] });
          return isOurs(shown ? checkOf(shown) : null);
        };
        return watchful(jobId, check());
      }),
      deleteInstance: fromPromise(async ({ input: { jobId, novitaInstanceId } }) =>
        watchful(jobId, instances.delete(heldJob(jobId), [novitaInstanceId])),
      ),
      stopInstance: fromPromise(async ({ input: { jobId, novitaInstanceId } }) =>
        watchful(jobId, instances.stop(heldJob(jobId), novitaInstanceId)),
      ),
    },
  });
}
