import { DEFAULT_SETTLE_DELAY_MS, MAX_LOOK_UPS } from '../../../machines/index.js';
import type { GpuProvider } from '../../gpu/provider.js';
import { JobType } from '../../jobs/vocabulary.js';
import type { WebhookClient } from '../../webhooks/deliver.js';
import { parseWebhookSecret } from '../../webhooks/signature.js';
import type { HandlerOptions } from '../job-handler.js';
import { createInstanceHandler, type HeldJobOf } from './create-instance.js';
import { deleteInstanceHandler } from './delete-instance.js';
import type { InstanceWatch } from './instance-watch.js';
import { monitorInstanceHandler } from './monitor-instance.js';
import { sendWebhookHandler } from './send-webhook.js';

export interface BuiltInOptions {
  instances?: { provider: GpuProvider; watch: InstanceWatch };
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
  const { instances, namespace, heldJob, pollIntervalMs, settleDelayMs = DEFAULT_SETTLE_DELAY_MS } = options;
  if (!instances) return [];
  const { provider, watch } = instances;
  const shared = { provider, heldJob };
  const verifyIntervalMs = settleDelayMs;
  // A create of unknown outcome is waited for as long as before another create.
  const settleMs = settleDelayMs * MAX_LOOK_UPS;
  const polling = pollIntervalMs === undefined ? {} : { pollIntervalMs };
  return [
    [JobType.CREATE_INSTANCE, createInstanceHandler({ ...shared, namespace, settleDelayMs })],
    [JobType.MONITOR_INSTANCE, monitorInstanceHandler({ ...shared, watch, verifyIntervalMs, ...polling })],
    [JobType.DELETE_INSTANCE, deleteInstanceHandler({ ...shared, verifyIntervalMs, settleMs })],
  ];
}

/** @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID` */
function webhookHandlers({ webhooks, heldJob }: BuiltInOptions): [string, unknown][] {
  if (!webhooks) return [];
  for (const secret of webhooks.secrets) parseWebhookSecret(secret);
  return [[JobType.SEND_WEBHOOK, sendWebhookHandler({ ...webhooks, heldJob })]];
}
