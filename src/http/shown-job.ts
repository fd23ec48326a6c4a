import { maskSecrets } from '../inspect/mask.js';
import type { JobRecord } from '../jobs/job-record.js';
import { JobType } from '../jobs/vocabulary.js';

/** A record as the API shows it: whole, but for secrets among the request headers of webhooks. */
export function shownJob(record: JobRecord): JobRecord {
  const next = record.next?.map((each) => ({ ...each, payload: shownPayload(each.type, each.payload) }));
  return { ...record, payload: shownPayload(record.type, record.payload), ...(next && { next }) };
}

function shownPayload(type: string, payload: unknown): unknown {
  if (type !== JobType.SEND_WEBHOOK || typeof payload !== 'object' || payload === null) return payload;
  const { headers } = payload as { headers?: unknown };
  return headers === undefined ? payload : { ...payload, headers: maskSecrets(headers) };
}
