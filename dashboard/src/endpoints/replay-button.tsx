import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { confirm } from '../ui/confirm.js';
import { formatCount } from '../ui/format.js';
import { attempt } from '../ui/toasts.js';

/** Which deliveries; all that failed for good without any. */
export interface ReplayFilter {
  endpoint?: string | undefined;
  event?: string | undefined;
  answer?: string | undefined;
}

interface Replayed {
  count: number;
  ids: string[];
  /** When they were counted, by the clock of the broker. */
  until: string;
}

/** Sent by one request. */
const PART = 500;

/** Sends the webhooks once more that failed for good and fit the filter, once it has said how many; for those who may. */
export function ReplayButton({ filter, onReplayed }: { filter: ReplayFilter; onReplayed(): void }) {
  if (!useMay('operator')) return null;
  const replay = async () => {
    const counted = await attempt(
      () => post<Replayed>('/webhook-replay', { ...filter, dryRun: true }),
      ({ count }) => `${webhooks(count)} failed${describe(filter)}.`,
    );
    if (!counted || counted.count === 0) return;
    const title = `Send ${webhooks(counted.count)} again?`;
    const text = `All that failed permanently${describe(filter)}, the oldest first, under the same webhook-id.`;
    if (!(await confirm({ title, text, action: 'Send them' }))) return;
    // Those that fail after that were not counted.
    const { until } = counted;
    await attempt(
      () => sendAll({ ...filter, until }),
      (count) => `${webhooks(count)} sent again.`,
    );
    onReplayed();
  };
  return (
    <button type="button" onClick={replay}>
      Replay failed
    </button>
  );
}

function webhooks(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'webhook' : 'webhooks'}`;
}

async function sendAll(wanted: ReplayFilter & { until: string }): Promise<number> {
  for (let sent = 0; ; ) {
    const { count, ids } = await post<Replayed>('/webhook-replay', { ...wanted, limit: PART });
    sent += ids.length;
    if (ids.length === 0 || ids.length === count) return sent;
  }
}

function describe({ endpoint, event, answer }: ReplayFilter): string {
  const parts = [
    event && ` of ${event}`,
    endpoint && ` to ${endpoint}`,
    answer && ` with the answer ${answer}`,
  ];
  return parts.filter(Boolean).join('');
}
