import type { AnyActorLogic } from 'xstate';
import {
  endsTheWait,
  type InstanceCheck,
  isBroken,
  isGone,
  type MonitorInstanceSettings,
  monitorInstanceChart,
} from '../../machines/index.js';
import type { CallActor } from './job-calls.js';
import type { OwnedInstances } from './owned-instances.js';
import { checkOf, type WaitingMonitors } from './waiting-monitors.js';

/** Watches an instance until it runs. */
export function monitorInstanceRun(
  actor: CallActor,
  instances: OwnedInstances,
  monitors: WaitingMonitors,
  settings: MonitorInstanceSettings,
): AnyActorLogic {
  return monitorInstanceChart(settings).provide({
    actors: {
      checkInstance: actor(async (job, { novitaInstanceId: id, isLastLook }) => {
        const isOurs = async (read: InstanceCheck) => {
          if (read?.name && endsTheWait(read)) await instances.assertRead(job, { id, name: read.name });
          return read;
        };
        const polled = await isOurs(await monitors.poll(job.id, id, isLastLook, job.signal));
        if (!isLastLook || !(isGone(polled) || isBroken(polled))) return polled;
        // A poll may come from a list: what costs the instance is read by its id as well.
        const [shown] = await instances.find(job, { ids: [id] });
        return isOurs(shown ? checkOf(shown) : null);
      }),
      deleteInstance: actor((job, { novitaInstanceId }) => instances.delete(job, [novitaInstanceId])),
      stopInstance: actor((job, { novitaInstanceId }) => instances.stop(job, novitaInstanceId)),
    },
  });
}
