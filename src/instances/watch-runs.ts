/** What the chart of `watch_instance` calls: the directory while all is well, the provider where something may have happened. */
import type { AnyActorLogic } from 'xstate';
import {
  type WatchedInstance,
  type WatchInstanceSettings,
  watchInstanceChart,
} from '../../machines/index.js';
import type { Broker } from '../broker/broker.js';
import type { GpuProvider } from '../gpu/provider.js';
import type { AddressGuard } from '../jobs/address-guard.js';
import { defined } from '../jobs/defined.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import type { JobContext } from '../worker/job-handler.js';
import { hasCome } from './heard-signals.js';
import type { InstanceDirectory } from './instance-directory.js';
import type { CallActor } from './job-calls.js';
import { CHANGED } from './lifecycle-jobs.js';
import { offerKey } from './offer-history.js';
import type { OwnedInstances } from './owned-instances.js';
import { queriesOf } from './placement.js';
import { probePorts } from './probe-ports.js';
import { createInstancePayload, type WatchInstancePayload } from './schemas.js';
import { isWell, type WaitingWatches } from './waiting-watches.js';

export interface WatchServices {
  instances: OwnedInstances;
  directory: InstanceDirectory;
  watches: WaitingWatches;
  parts: readonly GpuProvider[];
  guard: AddressGuard;
  broker: () => Promise<Broker>;
}

/** Watches an instance that runs. */
export function watchInstanceRun(
  actor: CallActor,
  services: WatchServices,
  settings: WatchInstanceSettings,
): AnyActorLogic {
  const { instances, directory, watches, guard, broker } = services;
  return watchInstanceChart(settings).provide({
    actors: {
      readInstance: actor(
        async (job, { novitaInstanceId: id, isFirst, isSure, pauseMs }): Promise<WatchedInstance> => {
          await hearChanges(job, await broker());
          const { health } = job.payload as WatchInstancePayload;
          // Before any read: what a list shows from here on wakes it.
          watches.add(job.id, id);
          // Where its ports are is not in the directory.
          if (!isFirst && !isSure && health === undefined) {
            const known = await directory.get(id, job.signal, pauseMs);
            if (known && isWell(known)) {
              const { walkedAtMs = performance.now() } = known;
              const readMs = (await broker()).clock.now() - (performance.now() - walkedAtMs);
              const readAt = new Date(readMs).toISOString();
              return { status: 'running', healthy: true, endpoints: [], readAt };
            }
          }
          const instance = await instances.read(job, id, isFirst);
          if (!instance || !isWell(instance)) watches.remove(id);
          if (!instance) return null;
          const { status, healthy, endpoints, reason, isInterrupted } = instance;
          return { status, healthy, endpoints, ...defined({ reason, isInterrupted }) };
        },
      ),
      probePorts: actor((job, { endpoints }) => {
        const { health = {} } = job.payload as WatchInstancePayload;
        return probePorts(endpoints, health, guard, job.signal);
      }),
      readPrice: actor(async (job, { novitaInstanceId: id }) => {
        const [instance] = await instances.find(job, { ids: [id] });
        if (instance?.pricePerHour !== undefined) return { pricePerHour: instance.pricePerHour };
        const owner = instance && (await instances.ownerOf(job, instance));
        return { pricePerHour: owner ? await priceOf(owner, services.parts, job.signal) : null };
      }),
    },
  });
}

/** Has the next signal `changed` wake the job; those that have come are read by this run. */
async function hearChanges(job: JobContext, broker: Broker): Promise<void> {
  const stored = await broker.signals.signalsOf({ jobId: job.id, name: CHANGED });
  const last = stored.at(-1);
  if (last) await broker.signals.forget(job.id, last.seq);
  await hasCome(job, CHANGED);
}

/** What the offer that an instance was rented by costs now; null where it is not offered, or not known which it was. */
async function priceOf(
  owner: JobRecord,
  parts: readonly GpuProvider[],
  signal: AbortSignal,
): Promise<number | null> {
  const key = textField(owner.checkpoint, 'offer');
  const { success, data: payload } = createInstancePayload.safeParse(owner.payload);
  if (key === undefined || !success) return null;
  const part = parts.find(({ name }) => key.startsWith(`${name}/`)) ?? parts[0];
  if (!part) return null;
  for (const { query } of queriesOf(payload, part)) {
    // Others have another key.
    if (!key.includes(`/${query.region}/`) && !key.startsWith(`${query.region}/`)) continue;
    if (!key.endsWith(`/${query.billingMode}`)) continue;
    const offers = await part.listOffers(query, signal);
    const offer = offers.find((each) => offerKey({ ...each, provider: part.name }) === key);
    if (offer) return offer.pricePerHour;
  }
  return null;
}
