import { formatDuration, spoken } from '../ui/format.js';
import { Empty } from '../ui/page.js';
import { Time } from '../ui/time.js';
import type { Attempt } from './stages.js';

export function Attempts({ attempts }: { attempts: readonly Attempt[] }) {
  if (attempts.length === 0) {
    return (
      <Empty title="No attempt yet.">
        <p>It begins when a worker with a free slot takes the job.</p>
      </Empty>
    );
  }
  return (
    <ol class="attempts">
      {attempts.map(({ key, number, startedAt, endedAt, worker, outcome, error }) => (
        <li key={key}>
          <div class="attempt-head">
            <strong>Attempt {number}</strong>
            <span class={`badge ${toneOf(outcome)}`}>{spoken(outcome)}</span>
            <span class="quiet end">
              <Time at={startedAt} />
              {endedAt && ` · ${formatDuration(Date.parse(endedAt) - Date.parse(startedAt))}`}
              {worker && ` · ${worker}`}
            </span>
          </div>
          {error && (
            <p class="error-line">
              <code>{error.code}</code> {error.message}
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}

function toneOf(outcome: string): string {
  if (outcome === 'completed') return 'completed';
  if (outcome === 'running' || outcome === 'waiting') return 'processing';
  if (outcome === 'queued' || outcome === 'retrying') return 'pending';
  return outcome === 'cancelled' ? 'cancelled' : 'failed';
}
