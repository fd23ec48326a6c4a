import type { AnyActorLogic } from 'xstate';
import {
  DEFAULT_CAPACITY_POLL_MS,
  DEFAULT_POLL_INTERVAL_MS,
  DEFAULT_SETTLE_DELAY_MS,
  type DeleteInstanceSettings,
  deleteInstanceChart,
  endsTheWait,
  type InstanceCheck,
  isBroken,
  isGone,
  MAX_LOOK_UPS,
  type MonitorInstanceSettings,
  monitorInstanceChart,
} from '../../machines/index.js';
import { checkedProvider } from '../gpu/checked-provider.js';
import { combinedProvider } from '../gpu/combined-provider.js';
import type { GpuProvider } from '../gpu/provider.js';
import { soleProvider } from '../gpu/sole-provider.js';
import { type AddressGuardOptions, createAddressGuard } from '../jobs/address-guard.js';
import { defined } from '../jobs/defined.js';
import { MAX_DELAY_MS } from '../jobs/limits.js';
import { checkInteger, checkNumber } from '../jobs/numbers.js';
import { assertObject, assertOptions, type OptionNames } from '../jobs/options.js';
import { RateTurns } from '../queue/limits/rate-turns.js';
import type { Tracing } from '../telemetry/tracing.js';
import type { WorkerExtension } from '../worker/extension.js';
import { handled } from '../worker/job-handler.js';
import { aroundProvider } from './around-provider.js';
import { createInstanceRun } from './create-instance.js';
import { InstanceDirectory } from './instance-directory.js';
import { type CallActor, callsForJobs } from './job-calls.js';
import { createInstance, deleteInstance, monitorInstance } from './jobs.js';
import { autoStopRun, extendLeaseRun, keepLeaseRun } from './lease-runs.js';
import { assertLeases, type LeaseOptions } from './leased-template.js';
import { LedgerKeeper } from './ledger-keeper.js';
import {
  autoStop,
  checkInstance,
  extendLease,
  keepLease,
  migrateInstance,
  restartInstance,
  startInstance,
  stopInstance,
  watchInstance,
} from './lifecycle-jobs.js';
import { checkInstanceRun, migrateInstanceRun, orderInstanceRun } from './lifecycle-runs.js';
import { OfferHistory } from './offer-history.js';
import { OfferPolls } from './offer-polls.js';
import { OwnedInstances } from './owned-instances.js';
import { ProviderHealth } from './provider-health.js';
import { MAX_RENTAL_LIMIT, RentalLimit, type RentalLimits } from './rental-limit.js';
import { sweptWithLedger } from './swept-ledger.js';
import { checkOf, WaitingMonitors } from './waiting-monitors.js';
import { WaitingWatches } from './waiting-watches.js';
import { watchInstanceRun } from './watch-runs.js';

export interface GpuInstancesOptions extends RentalLimits {
  /** The account on which instances are rented, or several, of different providers. Ids then begin with the name of their provider. */
  provider: GpuProvider | readonly GpuProvider[];
  /** How long an offer that refused is tried after all others, by every worker, in milliseconds. Defaults to 300,000. */
  avoidRefusedMs?: number;
  /** How often a job asks again that waits for capacity, in milliseconds: one of all jobs that wait for the same. Defaults to 30,000. */
  capacityPollMs?: number;
  /** Pause between two polls of an instance, in milliseconds. Defaults to 10,000. */
  pollIntervalMs?: number;
  /**
   * With more monitors than make so many polls in a second, they make their own ones less often, each a claim and a
   * record, and are woken in between when a read of their instance shows a change. `Infinity`: never. Defaults to 200.
   */
  ownPollsPerSecond?: number;
  /**
   * Pause before an uncertain create is looked up again, and between looks whether a deleted instance is gone, in
   * milliseconds. Five times this long a create of unknown outcome may take to show. Defaults to 2,000.
   */
  settleDelayMs?: number;
  /**
   * Which addresses `check_instance` may reach. Where the ports of an instance are comes from its provider. Defaults to public addresses, encrypted
   * or not.
   */
  probeGuard?: AddressGuardOptions;
  /** Where instances with a lease ask for it. Defaults to none: jobs with a lease are refused. */
  lease?: LeaseOptions;
  /** How long the ledger keeps the entry of an instance that has ended, in milliseconds. Defaults to 400 days. */
  keepLedgerMs?: number;
}

const OPTIONS: OptionNames<Required<GpuInstancesOptions>> = {
  provider: true,
  avoidRefusedMs: true,
  capacityPollMs: true,
  pollIntervalMs: true,
  ownPollsPerSecond: true,
  settleDelayMs: true,
  maxInstances: true,
  maxGpus: true,
  probeGuard: true,
  lease: true,
  keepLedgerMs: true,
};

/** The calls that show how a provider fares. One that refuses to delete may still rent. */
const COUNTED: ReadonlySet<keyof GpuProvider> = new Set<keyof GpuProvider>([
  'create',
  'get',
  'findByName',
  'list',
  'listOffers',
  'getTemplate',
]);
/** Longer than any of its readers lives. */
const MAX_KEEP_LEDGER_MS = 100 * 366 * 24 * 60 * 60 * 1000;
/** For so much of the time between two polls the answer counts that there is no capacity: timers do not fire to the millisecond. */
const POLLED_PART = 0.8;

/**
 * With this, a worker rents, watches and deletes GPU instances: it handles `create_instance`, `monitor_instance`,
 * `delete_instance` and the jobs of instances that exist, and its sweeps look for instances that belong to nobody.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function gpuInstances(options: GpuInstancesOptions): WorkerExtension {
  assertOptions('gpuInstances', options, OPTIONS);
  const given = [options.provider].flat() as GpuProvider[];
  for (const each of given) assertObject('gpuInstances: provider', each);
  const isCombined = given.length !== 1;
  if (isCombined) combinedProvider(given);
  checkInteger('avoidRefusedMs', options.avoidRefusedMs, 0, MAX_DELAY_MS);
  checkInteger('capacityPollMs', options.capacityPollMs, 1, MAX_DELAY_MS);
  checkInteger('pollIntervalMs', options.pollIntervalMs, 1, MAX_DELAY_MS);
  checkNumber('ownPollsPerSecond', options.ownPollsPerSecond, 0, Number.POSITIVE_INFINITY);
  checkInteger('settleDelayMs', options.settleDelayMs, 0, MAX_DELAY_MS);
  checkInteger('maxInstances', options.maxInstances, 0, MAX_RENTAL_LIMIT);
  checkInteger('maxGpus', options.maxGpus, 0, MAX_RENTAL_LIMIT);
  const { pollIntervalMs = DEFAULT_POLL_INTERVAL_MS, settleDelayMs = DEFAULT_SETTLE_DELAY_MS } = options;
  const { capacityPollMs = DEFAULT_CAPACITY_POLL_MS } = options;
  checkInteger('keepLedgerMs', options.keepLedgerMs, 1_000, MAX_KEEP_LEDGER_MS);
  const {
    ownPollsPerSecond = 200,
    avoidRefusedMs,
    probeGuard = {},
    lease,
    keepLedgerMs,
    ...limits
  } = options;
  if (lease !== undefined) assertLeases(lease);
  const guard = createAddressGuard(
    { allowHttp: true, ...probeGuard },
    (host, why) => new Error(`${host} ${why}`),
  );
  const isLimited = limits.maxInstances !== undefined || limits.maxGpus !== undefined;
  // What is created or deleted is given the same time to show.
  const verifying = { verifyIntervalMs: settleDelayMs, settleMs: settleDelayMs * MAX_LOOK_UPS };
  return {
    name: 'gpuInstances',
    install(host) {
      const { namespace, broker, checkWebhookUrl, logger, reschedule, queued } = host;
      const onListenerFailure = (err: unknown) => host.userCode.note('abort listener', err);
      const { tracing } = host;
      const turns = new RateTurns(async () => {
        const used = await broker();
        const isConnected = () => used.isConnected;
        return { limiter: await host.limiter(), now: () => used.clock.now(), isConnected };
      }, logger);
      const health = new ProviderHealth({ broker, logger });
      const checked = given.map((each) => {
        const one = checkedProvider(each, undefined, onListenerFailure, undefined, turns);
        const noted = aroundProvider(one, (operation, call, region) =>
          COUNTED.has(operation) ? health.noted(one.name, region, call) : call(),
        );
        return tracing ? tracedProvider(noted, tracing) : noted;
      });
      const combined = isCombined ? combinedProvider(checked) : undefined;
      const provider = combined ?? soleProvider(checked[0] as GpuProvider);
      const history = new OfferHistory(broker, avoidRefusedMs);
      const directory = new InstanceDirectory(provider);
      const monitors = new WaitingMonitors({
        directory,
        reschedule,
        queued: () => queued(monitorInstance.type),
        pollIntervalMs,
        ownPollsPerSecond,
        logger,
      });
      const parts = combined?.parts ?? [provider];
      const watches = new WaitingWatches({ directory, reschedule, logger });
      const instances = new OwnedInstances(provider, broker, parts);
      const limit = isLimited ? new RentalLimit(parts, broker, limits) : undefined;
      const creating = {
        provider,
        parts,
        history,
        health,
        polls: new OfferPolls(broker, capacityPollMs * POLLED_PART),
        capacityPollMs,
        turns,
        now: async () => (await broker()).clock.now(),
        namespace,
        settleDelayMs,
        checkWebhookUrl,
        ...defined({ limit, lease }),
      };
      const watching = { pollIntervalMs, ...verifying };
      const actor = callsForJobs(host);
      const ledger = new LedgerKeeper({
        broker,
        provider,
        parts,
        logger,
        ...defined({ keepMs: keepLedgerMs }),
      });
      return {
        handlers: [
          handled(createInstance, createInstanceRun(actor, creating)),
          handled(monitorInstance, monitorInstanceRun(actor, instances, monitors, watching)),
          handled(deleteInstance, deleteInstanceRun(actor, instances, verifying)),
          handled(migrateInstance, migrateInstanceRun(actor, instances, broker, watching)),
          ...[
            handled(startInstance, orderInstanceRun(actor, instances, 'start', watching)),
            handled(stopInstance, orderInstanceRun(actor, instances, 'stop', watching)),
            handled(restartInstance, orderInstanceRun(actor, instances, 'restart', watching)),
            handled(checkInstance, checkInstanceRun(actor, instances, guard, verifying)),
            handled(
              watchInstance,
              watchInstanceRun(actor, { instances, directory, watches, parts, guard, broker }, watching),
            ),
            handled(autoStop, autoStopRun(actor, instances, broker)),
            handled(keepLease, keepLeaseRun(actor, instances, verifying)),
            handled(extendLease, extendLeaseRun(actor, broker)),
          ].map((each) => ({ ...each, isSeldom: true })),
        ].map((each) => ({ ...each, beforeStored: ledger.note })),
        // What a walk showed a moment ago will do: an orphan has to be found twice, and the records of its job are read now.
        resources: sweptWithLedger({
          source: { name: provider.name, list: (_, signal) => directory.list(signal) },
          parts,
          settleMs: verifying.settleMs,
          logger,
          keepMs: keepLedgerMs,
        }),
        close: (withinMs) => {
          directory.close();
          return monitors.close(withinMs);
        },
      };
    },
  };
}

/** A provider whose calls on behalf of traced jobs are reported. */
function tracedProvider(provider: GpuProvider, tracing: Tracing): GpuProvider {
  const { name } = provider;
  return aroundProvider(provider, (operation, call) => {
    const attributes = { 'jetfleet.provider.name': name, 'jetfleet.provider.operation': operation };
    return tracing.calling({ name: `${name} ${operation}`, attributes }, call);
  });
}

/** Watches an instance until it runs. */
function monitorInstanceRun(
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
      stopInstance: actor((job, { novitaInstanceId }) => instances.order(job, novitaInstanceId, 'stop')),
    },
  });
}

/** Deletes what a failed job has rented, until the provider says that it is gone. */
function deleteInstanceRun(
  actor: CallActor,
  instances: OwnedInstances,
  settings: DeleteInstanceSettings,
): AnyActorLogic {
  return deleteInstanceChart(settings).provide({
    actors: {
      findInstances: actor((job, { payload: { novitaInstanceId, instanceName }, found }) => {
        const ids = new Set(novitaInstanceId === undefined ? found : [...found, novitaInstanceId]);
        return instances.find(job, { ids: [...ids], ...defined({ name: instanceName }) });
      }),
      deleteInstances: actor(async (job, { instanceIds }) => {
        job.logger.warn({ instanceIds }, 'deleting what a job has left behind');
        await instances.delete(job, instanceIds);
      }),
    },
  });
}
