import { useEffect, useState } from 'preact/hooks';
import { currentPlace, navigate, withQuery } from '../router.js';
import { shared } from '../shared.js';
import { Icon } from '../ui/icons.js';
import { type Moment, placeOfNumber } from './moments.js';

export interface Replay {
  /** The place of the moment that is shown; the last one while the job is followed. */
  index: number;
  /** Whether it shows the job as it is now. */
  isNow: boolean;
  isPlaying: boolean;
  show(index: number): void;
  togglePlay(): void;
}

const STEP_MS = 900;
/** A link follows the slider once it rests: browsers refuse to change theirs too often. */
const LINK_MS = 200;

/** Walks through the moments of a job; at the last one it goes along with the job. The page's link says which one is shown. */
export function useReplay(moments: readonly Moment[]): Replay {
  const last = Math.max(0, moments.length - 1);
  const [number, setNumber] = useState(numberInLink);
  const [isPlaying, setPlaying] = useState(false);
  const isNow = number === undefined;
  const index = isNow ? last : placeOfNumber(moments, number);

  const show = (next: number) => setNumber(next >= last ? undefined : moments[Math.max(0, next)]?.number);
  const togglePlay = () => {
    if (!isPlaying && isNow) show(0);
    setPlaying(!isPlaying);
  };
  useEffect(() => {
    const timer = setTimeout(() => link(number), LINK_MS);
    return () => clearTimeout(timer);
  }, [number]);
  useEffect(() => {
    if (!isPlaying) return;
    if (isNow) return setPlaying(false);
    // Many moments take no longer than a minute.
    const timer = setTimeout(() => show(index + 1), Math.min(STEP_MS, 60_000 / moments.length));
    return () => clearTimeout(timer);
  }, [isPlaying, index, isNow, last]);
  useReplayKeys({ index, show, togglePlay });
  return { index, isNow, isPlaying, show, togglePlay };
}

function numberInLink(): number | undefined {
  const text = new URLSearchParams(window.location.search).get('step') ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function link(number: number | undefined): void {
  if (shared) return;
  navigate(withQuery(currentPlace(), { step: number === undefined ? undefined : String(number) }), {
    replace: true,
  });
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

interface ReplayBarProps {
  count: number;
  /** What is shown, in words. */
  words: string;
  replay: Replay;
}

export function ReplayBar({ count, words, replay }: ReplayBarProps) {
  const { index, isNow, isPlaying, show, togglePlay } = replay;
  if (count === 0) return null;
  return (
    <section class="replay" aria-label="Replay">
      <button
        type="button"
        class="square"
        aria-label={isPlaying ? 'Pause the replay' : 'Replay the job'}
        title={isPlaying ? 'Pause (Space)' : 'Replay (Space)'}
        disabled={count < 2}
        onClick={togglePlay}
      >
        <Icon name={isPlaying ? 'pause' : 'play'} />
      </button>
      <input
        type="range"
        min={0}
        max={count - 1}
        step={1}
        value={index}
        disabled={count < 2}
        aria-label="Time in the life of the job"
        aria-valuetext={words}
        onInput={({ currentTarget }) => show(Number(currentTarget.value))}
      />
      <span class="replay-words">
        {index + 1} of {count} · {words}
      </span>
      <button
        type="button"
        class={isNow ? 'ghost now is-now' : 'now'}
        disabled={isNow}
        onClick={() => show(count)}
      >
        {isNow ? 'Now' : 'Back to now'}
      </button>
    </section>
  );
}
