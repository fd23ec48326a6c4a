import type { JobRecord } from '../../src/index.js';
import { JobType } from '../../src/jetfleet.js';
import type { Evidence } from './evidence.js';
import type { Violation } from './invariants.js';

/** Every end of an operation that names an endpoint reached it, or is a dead letter that says why; under one id. */
export function webhookViolations(evidence: Evidence): Violation[] {
  const records = [...evidence.histories.values()].flatMap((history) => history.at(-1) ?? []);
  return [
    ...records.filter(reports).flatMap((record) => promised(record)),
    ...records
      .filter(({ type }) => type === JobType.SEND_WEBHOOK)
      .flatMap((record) => delivered(record, evidence)),
    ...stableIds(evidence),
  ];
}

/** Whether the operation ends with this job. */
function reports({ type, status, payload }: JobRecord): boolean {
  const { webhookUrl } = (payload ?? {}) as { webhookUrl?: unknown };
  if (typeof webhookUrl !== 'string') return false;
  if (type === JobType.CREATE_INSTANCE) return status === 'failed';
  return type === JobType.MONITOR_INSTANCE && (status === 'failed' || status === 'completed');
}

function promised({ id, next = [] }: JobRecord): Violation[] {
  const webhooks = next.filter(({ type }) => type === JobType.SEND_WEBHOOK).length;
  if (webhooks === 1) return [];
  return [{ kind: 'undelivered-webhook', about: id, detail: `${webhooks} webhooks follow from its end` }];
}

function delivered({ id, status, state, error }: JobRecord, { hits }: Evidence): Violation[] {
  const arrived = hits.some(
    ({ webhookId, answer }) => webhookId === id && (answer === 'ok' || answer === 'slow'),
  );
  const undelivered = (detail: string): Violation[] => [{ kind: 'undelivered-webhook', about: id, detail }];
  if (status === 'completed') return arrived ? [] : undelivered('completed, but nothing arrived');
  if (status === 'failed') return error?.code ? [] : undelivered(`${state} without a reason`);
  return undelivered(`still ${state}`);
}

/** All requests about one end of one job carry one id. */
function stableIds({ hits }: Evidence): Violation[] {
  const ids = new Map<string, Set<string>>();
  for (const { endpoint, about, webhookId } of hits) {
    const key = `${endpoint} ${about}`;
    ids.set(key, (ids.get(key) ?? new Set()).add(webhookId));
  }
  return [...ids].flatMap(([about, found]): Violation[] =>
    found.size === 1 ? [] : [{ kind: 'webhook-id', about, detail: [...found].join(', ') }],
  );
}
