import { DEFAULT_SETTLE_DELAY_MS, MAX_LOOK_UPS } from '../../../machines/index.js';
import type { Broker } from '../../broker/broker.js';
import type { GpuProvider } from '../../gpu/provider.js';
import { JobType } from '../../jobs/vocabulary.js';
import { Alerts } from '../../telemetry/alerts.js';
import type { Logger } from '../../telemetry/logger.js';
import type { WebhookClient } from '../../webhooks/deliver.js';
import { parseWebhookSecret } from '../../webhooks/signature.js';
import type { HandlerOptions } from '../job-handler.js';
import { createInstanceHandler, type HeldJobOf } from './create-instance.js';
import { deleteInstanceHandler } from './delete-instance.js';
import type { InstanceWatch } from './instance-watch.js';
import { monitorInstanceHandler } from './monitor-instance.js';
import { OwnedInstances } from './owned-instances.js';
import { RentalLimit, type RentalLimits } from './rental-limit.js';
import { sendWebhookHandler } from './send-webhook.js';
import { watchfulWith } from './watchful.js';

export interface BuiltInOptions {
  limits?: RentalLimits;
  instances?: { provider: GpuProvider; watch: InstanceWatch; broker: () => Promise<Broker>; logger: Logger };
  webhooks?: { client: WebhookClient; secrets: string[] };
  namespace: string;
  heldJob: HeldJobOf;
  pollIntervalMs?: number;
  settleDelayMs?: number;
}

/** The handlers of the types that Jetfleet brings, as far as a worker is equipped for them. */
export function builtInHandlers(options: BuiltInOptions): Map<string, HandlerOptions> {
  const handlers = new Map<string, unknown>([...instanceHandlers(options), ...webhookHandlers(options)]);
  // Each checks its payload by its own schema before anything is read from it.
  return handlers as Map<string, HandlerOptions>;
}

function instanceHandlers(options: BuiltInOptions): [string, unknown][] {
  const { instances, webhooks, namespace, heldJob, pollIntervalMs } = options;
  const { settleDelayMs = DEFAULT_SETTLE_DELAY_MS } = options;
  if (!instances) return [];
  const { provider, watch, broker, logger } = instances;
  const { limits } = options;
  const owned = new OwnedInstances({ provider, broker });
  const shared = { heldJob, watchful: watchfulWith(new Alerts(logger)) };
  // What is created or deleted is given the same time to show.
  const verifying = { verifyIntervalMs: settleDelayMs, settleMs: settleDelayMs * MAX_LOOK_UPS };
  const polling = pollIntervalMs === undefined ? {} : { pollIntervalMs };
  const creating = {
    provider,
    namespace,
    settleDelayMs,
    ...(webhooks && { checkUrl: webhooks.client.check }),
    ...(limits && { limit: new RentalLimit({ provider, broker, ...limits }) }),
  };
  const watching = { instances: owned, watch, ...verifying, ...polling };
  return [
    [JobType.CREATE_INSTANCE, createInstanceHandler({ ...shared, ...creating })],
    [JobType.MONITOR_INSTANCE, monitorInstanceHandler({ ...shared, ...watching })],
    [JobType.DELETE_INSTANCE, deleteInstanceHandler({ ...shared, instances: owned, ...verifying })],
  ];
}

/** @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID` */
function webhookHandlers({ webhooks, heldJob }: BuiltInOptions): [string, unknown][] {
  if (!webhooks) return [];
  for (const secret of webhooks.secrets) parseWebhookSecret(secret);
  return [[JobType.SEND_WEBHOOK, sendWebhookHandler({ ...webhooks, heldJob })]];
}
