import type { CountedCauses } from '../api/answers.js';
import { formatDuration } from '../ui/format.js';

interface TrendProps {
  /** Oldest first. */
  counts: readonly number[];
  trend: CountedCauses['trend'];
}

const HEIGHT = 24;
const STEP = 4;
const DAY_MS = 24 * 3_600_000;

/** `Last 24 h`. */
export function trendName({ stepMs }: CountedCauses['trend']): string {
  const ms = stepMs * 24;
  return `Last ${ms === DAY_MS ? '24 h' : formatDuration(ms)}`;
}

/** How many failed in each part of a time, as bars. */
export function Trend({ counts, trend: { stepMs } }: TrendProps) {
  const most = Math.max(1, ...counts);
  const last = counts.at(-1) ?? 0;
  const words = `${last} in the last ${formatDuration(stepMs)}, ${counts.at(-2) ?? 0} in the one before`;
  const width = counts.length * STEP;
  return (
    <svg
      class="trend"
      viewBox={`0 0 ${width} ${HEIGHT}`}
      width={width}
      height={HEIGHT}
      role="img"
      aria-label={words}
    >
      <title>{words}</title>
      {counts.map((count, at) => {
        const height = count === 0 ? 1 : Math.max(2, (HEIGHT * count) / most);
        return (
          <rect
            key={at}
            class={count === 0 ? 'none' : ''}
            x={at * STEP}
            y={HEIGHT - height}
            width={STEP - 1}
            height={height}
          />
        );
      })}
    </svg>
  );
}
