/** The webhooks that the end of a job leads to: the same for each process that derives them. */
import { defined } from '../../jobs/defined.js';
import { failureId } from '../../jobs/job-id.js';
import type { JobRecord, JobRequest } from '../../jobs/job-record.js';
import { sendWebhook, WEBHOOK_MAX_ATTEMPTS } from '../jobs.js';
import { lifecycleBody } from '../lifecycle-webhook.js';
import type { SendWebhookPayload } from '../schemas.js';
import { isBefore, wantsEvent } from './endpoint.js';
import type { EndpointStore } from './endpoint-store.js';
import type { Turn } from './turn.js';

/** A webhook to an endpoint: its job, and its place in the order of an instance where the endpoint is `ordered`. */
export interface EndpointWebhook {
  request: JobRequest;
  turn?: Turn;
}

/** @param event the sequence of the record in EVENTS */
export async function webhooksAbout(
  record: JobRecord,
  event: number,
  store: Pick<EndpointStore, 'recentAll'>,
): Promise<EndpointWebhook[]> {
  // Webhooks about webhooks would never end.
  if (record.type === sendWebhook.type) return [];
  const endedAt = record.finishedAt ?? record.updatedAt ?? record.createdAt;
  const endedMs = Date.parse(endedAt);
  const endpoints = await store.recentAll(endedMs);
  const payload = endpoints.length > 0 ? lifecycleBody(record) : undefined;
  if (!payload) return [];
  const { instanceId, jobId } = payload.data as { instanceId?: string; jobId: string };
  const order = { key: (instanceId ?? jobId).slice(0, 200), sequence: payload.sequence };
  const { id: parentId, redrives, priority, traceparent, tracestate } = record;
  return endpoints
    .filter((endpoint) => !isBefore(endedMs, endpoint.createdAt) && wantsEvent(endpoint, payload.type))
    .map(({ id: endpoint, ordered }) => {
      const suffix = `webhook-${payload.data.status}-${endpoint}`;
      const id = failureId({ id: parentId, ...defined({ redrives }) }, suffix);
      const request = requestFor(id, { endpoint, payload, order }, endedAt);
      return {
        request: { ...request, priority, parentId, ...defined({ traceparent, tracestate }) },
        ...(ordered && { turn: { endpoint, jobId: id, ...order, event } }),
      };
    });
}

/** The job of a webhook to an endpoint. */
export function requestFor(id: string, payload: SendWebhookPayload, createdAt: string) {
  return { id, type: sendWebhook.type, payload, maxAttempts: WEBHOOK_MAX_ATTEMPTS, createdAt };
}
