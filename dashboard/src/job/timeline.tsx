import { useStore } from '../store.js';
import { clock } from '../ui/clock.js';
import { formatClock, formatDuration, spoken } from '../ui/format.js';
import { durationOf, type Stage } from './stages.js';
import { goesOnAt, waitText } from './waits.js';

interface TimelineProps {
  stages: readonly Stage[];
  /** The stage that the chart shows. */
  shown: number;
  onShow(index: number): void;
}

const SHOWN = 40;

/** The states of a job, oldest first, with how long each lasted; each shows itself on the chart. */
export function Timeline({ stages, shown, onShow }: TimelineProps) {
  const now = useStore(clock);
  const from = Math.max(0, stages.length - SHOWN);
  return (
    <ol class="timeline">
      {from > 0 && <li class="quiet">{from} earlier ones</li>}
      {stages.slice(from).map((stage, offset) => {
        const index = from + offset;
        const duration = durationOf(stages, index, now);
        const [status = '', state] = stage.path.split('.');
        return (
          <li
            key={stage.key}
            class={`${stage.record.state === 'cancelled' ? 'cancelled' : status} ${index === shown ? 'shown' : ''}`}
          >
            <button
              type="button"
              aria-current={index === shown ? 'step' : undefined}
              onClick={() => onShow(index)}
            >
              <span class="timeline-state">{spoken(state ?? status)}</span>
              <span class="timeline-time" title={stage.at}>
                {formatClock(stage.at)}
              </span>
              <span class="timeline-duration">{duration === undefined ? '' : formatDuration(duration)}</span>
              <span class="timeline-about quiet">{about(stage)}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}

function about({ record, path, isImplied }: Stage): string {
  const end = goesOnAt(record);
  const parts = [
    path.startsWith('processing') && `attempt ${record.attempt} of ${record.maxAttempts}`,
    !isImplied && record.worker !== undefined && path.startsWith('processing') && `on ${record.worker}`,
    path === 'pending.retrying' && record.error?.message,
    path.startsWith('failed') && record.error?.message,
    path === 'processing.waiting' && waitText(record),
    end !== undefined && /retrying|waiting|scheduled/.test(path) && `until ${formatClock(end)}`,
  ];
  return parts.filter(Boolean).join(' · ');
}
