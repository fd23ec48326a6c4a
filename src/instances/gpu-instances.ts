import { DEFAULT_SETTLE_DELAY_MS, MAX_LOOK_UPS } from '../../machines/index.js';
import { checkedProvider } from '../gpu/checked-provider.js';
import type { GpuProvider } from '../gpu/provider.js';
import { defined } from '../jobs/defined.js';
import { MAX_DELAY_MS } from '../jobs/limits.js';
import { checkInteger, checkNumber } from '../jobs/numbers.js';
import { assertObject, assertOptions, type OptionNames } from '../jobs/options.js';
import { Alerts } from '../telemetry/alerts.js';
import type { WorkerExtension, WorkerHost } from '../worker/extension.js';
import { type Handled, handled } from '../worker/job-handler.js';
import { sweptInstances } from './check-instances.js';
import { createInstanceRun } from './create-instance.js';
import { deleteInstanceRun } from './delete-instance.js';
import { InstanceDirectory } from './instance-directory.js';
import { createInstance, deleteInstance, monitorInstance } from './jobs.js';
import { monitorInstanceRun } from './monitor-instance.js';
import { OwnedInstances } from './owned-instances.js';
import { checkRentalLimits, RentalLimit, type RentalLimits } from './rental-limit.js';
import { WaitingMonitors } from './waiting-monitors.js';
import { watchfulWith } from './watchful.js';

export interface GpuInstancesOptions extends RentalLimits {
  /** The account on which instances are rented. */
  provider: GpuProvider;
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
}

const OPTIONS: OptionNames<Required<GpuInstancesOptions>> = {
  provider: true,
  pollIntervalMs: true,
  ownPollsPerSecond: true,
  settleDelayMs: true,
  maxInstances: true,
  maxGpus: true,
};

/**
 * With this, a worker rents, watches and deletes GPU instances: it handles `create_instance`, `monitor_instance` and
 * `delete_instance`, and its sweeps look for instances that belong to nobody.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export function gpuInstances(options: GpuInstancesOptions): WorkerExtension {
  assertOptions('gpuInstances', options, OPTIONS);
  assertObject('gpuInstances: provider', options.provider);
  checkInteger('pollIntervalMs', options.pollIntervalMs, 1, MAX_DELAY_MS);
  checkNumber('ownPollsPerSecond', options.ownPollsPerSecond, 0, Number.POSITIVE_INFINITY);
  checkInteger('settleDelayMs', options.settleDelayMs, 0, MAX_DELAY_MS);
  checkRentalLimits(options);
  const checked = { ...options };
  return {
    name: 'gpuInstances',
    install(host) {
      const onListenerFailure = (err: unknown) => host.userCode.note('abort listener', err);
      const provider = checkedProvider(checked.provider, undefined, onListenerFailure);
      const directory = new InstanceDirectory(provider);
      const { logger, reschedule } = host;
      const { pollIntervalMs, ownPollsPerSecond } = checked;
      const monitors = new WaitingMonitors({
        directory,
        reschedule,
        logger,
        ...defined({ pollIntervalMs, ownPollsPerSecond }),
      });
      return {
        handlers: handlersOf(host, { ...checked, provider }, monitors),
        // What a walk showed a moment ago will do: an orphan has to be found twice, and the records of its job are read now.
        resources: sweptInstances(provider, { list: (signal) => directory.list(signal) }),
        close: (withinMs) => {
          directory.close();
          return monitors.close(withinMs);
        },
      };
    },
  };
}

function handlersOf(
  { namespace, broker, logger, heldJob, checkWebhookUrl }: WorkerHost,
  { provider, pollIntervalMs, settleDelayMs = DEFAULT_SETTLE_DELAY_MS, ...limits }: GpuInstancesOptions,
  monitors: WaitingMonitors,
): Handled[] {
  const instances = new OwnedInstances({ provider, broker });
  const shared = { heldJob, watchful: watchfulWith(new Alerts(logger)) };
  // What is created or deleted is given the same time to show.
  const verifying = { verifyIntervalMs: settleDelayMs, settleMs: settleDelayMs * MAX_LOOK_UPS };
  const isLimited = limits.maxInstances !== undefined || limits.maxGpus !== undefined;
  const creating = {
    provider,
    namespace,
    settleDelayMs,
    checkUrl: checkWebhookUrl,
    ...(isLimited && { limit: new RentalLimit({ provider, broker, ...limits }) }),
  };
  const watching = {
    instances,
    monitors,
    ...verifying,
    ...defined({ pollIntervalMs }),
  };
  return [
    handled(createInstance, createInstanceRun({ ...shared, ...creating })),
    handled(monitorInstance, monitorInstanceRun({ ...shared, ...watching })),
    handled(deleteInstance, deleteInstanceRun({ ...shared, instances, ...verifying })),
  ];
}
