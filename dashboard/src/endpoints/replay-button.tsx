import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { confirm } from '../ui/confirm.js';
import { formatCount } from '../ui/format.js';
import { attempt } from '../ui/toasts.js';

/** Which deliveries; all that failed for good without any. */
export interface ReplayFilter {
  endpoint?: string | undefined;
  event?: string | undefined;
}

interface Replayed {
  count: number;
  ids: string[];
}

/** Sends the webhooks once more that failed for good and fit the filter, once it has said how many; for those who may. */
export function ReplayButton({ filter, onReplayed }: { filter: ReplayFilter; onReplayed(): void }) {
  if (!useMay('operator')) return null;
  const replay = async () => {
    // Those that fail meanwhile were not counted.
    const wanted = { ...filter, until: new Date().toISOString() };
    const counted = await attempt(
      () => post<Replayed>('/webhook-replay', { ...wanted, dryRun: true }),
      ({ count }) => `${webhooks(count)} failed${describe(filter)}.`,
    );
    if (!counted || counted.count === 0) return;
    const title = `Send ${webhooks(counted.count)} again?`;
    const text = `All that failed permanently${describe(filter)}, the oldest first, under the same webhook-id.`;
    if (!(await confirm({ title, text, action: 'Send them' }))) return;
    await attempt(
      () => post<Replayed>('/webhook-replay', wanted),
      ({ ids }) => `${webhooks(ids.length)} sent again.`,
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

function describe({ endpoint, event }: ReplayFilter): string {
  return `${event ? ` of ${event}` : ''}${endpoint ? ` to ${endpoint}` : ''}`;
}
