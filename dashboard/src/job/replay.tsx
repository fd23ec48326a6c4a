import { useEffect, useState } from 'preact/hooks';
import { formatClock, spoken } from '../ui/format.js';
import { Icon } from '../ui/icons.js';
import type { Stage } from './stages.js';

export interface Replay {
  /** The stage that is shown; the last one while the job is followed. */
  index: number;
  /** Whether it shows the job as it is now. */
  isNow: boolean;
  isPlaying: boolean;
  show(index: number): void;
  togglePlay(): void;
}

const STEP_MS = 900;

/** Walks through the stages of a job; at the last one it goes along with the job. */
export function useReplay(stages: readonly Stage[]): Replay {
  const last = Math.max(0, stages.length - 1);
  const [at, setAt] = useState<number | undefined>(undefined);
  const [isPlaying, setPlaying] = useState(false);
  const index = Math.min(at ?? last, last);
  const isNow = at === undefined;

  const show = (next: number) => setAt(next >= last ? undefined : Math.max(0, next));
  const togglePlay = () => {
    if (!isPlaying && isNow) setAt(0);
    setPlaying(!isPlaying);
  };
  useEffect(() => {
    if (!isPlaying) return;
    if (isNow) return setPlaying(false);
    const timer = setTimeout(() => show(index + 1), STEP_MS);
    return () => clearTimeout(timer);
  }, [isPlaying, index, isNow, last]);
  useReplayKeys({ index, show, togglePlay });
  return { index, isNow, isPlaying, show, togglePlay };
}

/** Space and the arrows, unless they mean something else where the focus is. */
function useReplayKeys({ index, show, togglePlay }: Pick<Replay, 'index' | 'show' | 'togglePlay'>): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const isSlider = target.matches('.replay input');
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
      if (!isSlider && target.closest('input, textarea, select, button, a, summary, [tabindex="0"]')) return;
      if (event.key === ' ') togglePlay();
      // A slider moves by itself.
      else if (event.key === 'ArrowLeft' && !isSlider) show(index - 1);
      else if (event.key === 'ArrowRight' && !isSlider) show(index + 1);
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });
}

export function ReplayBar({ stages, replay }: { stages: readonly Stage[]; replay: Replay }) {
  const { index, isNow, isPlaying, show, togglePlay } = replay;
  const stage = stages[index];
  if (!stage) return null;
  const words = `${spoken(stage.path)} at ${formatClock(stage.at)}`;
  return (
    <div class="replay">
      <button
        type="button"
        class="square"
        aria-label={isPlaying ? 'Pause the replay' : 'Replay the job'}
        title={isPlaying ? 'Pause (Space)' : 'Replay (Space)'}
        disabled={stages.length < 2}
        onClick={togglePlay}
      >
        <Icon name={isPlaying ? 'pause' : 'play'} />
      </button>
      <input
        type="range"
        min={0}
        max={stages.length - 1}
        step={1}
        value={index}
        disabled={stages.length < 2}
        aria-label="Time in the life of the job"
        aria-valuetext={words}
        onInput={({ currentTarget }) => show(Number(currentTarget.value))}
      />
      <span class="replay-words">
        {index + 1} of {stages.length} · {words}
      </span>
      <button
        type="button"
        class={isNow ? 'ghost now is-now' : 'now'}
        disabled={isNow}
        onClick={() => show(stages.length)}
      >
        {isNow ? 'Now' : 'Back to now'}
      </button>
    </div>
  );
}
