import type { TargetedKeyboardEvent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { colourOf } from '../charts/colour-of.js';
import { useStore } from '../store.js';
import { colours } from '../ui/theme.js';

export interface TimePlotProps {
  label: string;
  /** When each step begins, milliseconds since 1970, and where the last one ends. */
  steps: readonly number[];
  endMs: number;
  /** Makes what is drawn; it is given an element near which it may ask for colours. */
  options(
    near: HTMLElement,
  ): Pick<uPlot.Options, 'series' | 'scales' | 'axes'> & { hooks?: uPlot.Hooks.Arrays };
  data: uPlot.AlignedData;
  /** Changes where the options do. */
  drawn: string;
  /** What is said of a step. */
  textOf(step: number): string;
  /** Told of the step that somebody points at, and of none; `y` is the place on the other scale. */
  onPoint(step: number | undefined, y?: number): void;
  onBrush(fromMs: number, toMs: number): void;
}

const HEIGHT_PX = 180;
const LEAST_DRAG_PX = 6;
/** Charts of one page show the same time. */
const SYNC = 'history';

/** A chart over time whose values somebody reads by pointing or with the arrow keys, and whose parts somebody zooms into. */
export function TimePlot(props: TimePlotProps) {
  const { label, steps, endMs, data, drawn, textOf } = props;
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const plot = useRef<uPlot | undefined>(undefined);
  const revision = useStore(colours);
  useEffect(() => {
    const element = box.current as HTMLDivElement;
    let resize: ResizeObserver | undefined;
    // Each chart in a task of its own: all of a page together would keep its reader waiting.
    const timer = setTimeout(() => {
      const made = new uPlot(wholeOptions(element, latest), latest.current.data, element);
      plot.current = made;
      resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
      resize.observe(element);
    });
    return () => {
      clearTimeout(timer);
      resize?.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [revision, drawn]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data, endMs]);
  const keys = useKeys(latest, plot);
  const at = keys.at ?? steps.length - 1;
  return (
    <div
      ref={box}
      class="plot tall"
      role="slider"
      tabIndex={0}
      aria-label={`${label}: arrow keys read it, shift selects, enter zooms in`}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, steps.length - 1)}
      aria-valuenow={Math.max(0, at)}
      aria-valuetext={textOf(at)}
      onKeyDown={keys.onKey}
      onBlur={keys.end}
    />
  );
}

/** Arrow keys point at a step, with shift they select, Enter zooms in, Escape lets go. */
function useKeys(latest: { current: TimePlotProps }, plot: { current: uPlot | undefined }) {
  const [place, setPlace] = useState<{ at: number; from: number } | undefined>(undefined);
  const point = (next: { at: number; from: number } | undefined) => {
    setPlace(next);
    latest.current.onPoint(next?.at);
    const made = plot.current;
    if (!made) return;
    const { steps, endMs } = latest.current;
    const leftOf = (step: number) => made.valToPos((steps[step] ?? endMs) / 1_000, 'x');
    if (!next) return made.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    made.setCursor({ left: leftOf(next.at), top: 10 }, false);
    const [first, last] = [Math.min(next.at, next.from), Math.max(next.at, next.from)];
    const width = next.at === next.from ? 0 : leftOf(last + 1) - leftOf(first);
    made.setSelect({ left: leftOf(first), top: 0, width, height: made.over.clientHeight }, false);
  };
  const onKey = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const { steps, endMs, onBrush } = latest.current;
    const { at = steps.length - 1, from = at } = place ?? {};
    const moves: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
    const ends: Record<string, number> = { Home: 0, End: steps.length - 1 };
    const to = ends[event.key] ?? (moves[event.key] === undefined ? undefined : at + (moves[event.key] ?? 0));
    if (to !== undefined) {
      const next = Math.max(0, Math.min(steps.length - 1, to));
      point({ at: next, from: event.shiftKey ? from : next });
    } else if (event.key === 'Enter' && place) {
      const [first, last] = [Math.min(at, from), Math.max(at, from)];
      point(undefined);
      onBrush(steps[first] ?? endMs, steps[last + 1] ?? endMs);
    } else if (event.key === 'Escape' && place) point(undefined);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return { at: place?.at, onKey, end: () => place && point(undefined) };
}

function wholeOptions(element: HTMLElement, latest: { current: TimePlotProps }): uPlot.Options {
  const { scales, axes = [], series, hooks = {} } = latest.current.options(element);
  const axis = { stroke: colourOf(element, 'tone-axis'), font: '11px system-ui, sans-serif' };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    cursor: {
      y: false,
      points: { size: 6 },
      drag: { x: true, y: false, setScale: false, dist: LEAST_DRAG_PX },
      sync: { key: SYNC, setSeries: false },
    },
    scales: {
      ...scales,
      x: {
        time: true,
        range: () => [(latest.current.steps[0] ?? 0) / 1_000, latest.current.endMs / 1_000],
      },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        ticks: { show: false },
        space: 60,
        size: 28,
        values: (_, ticks) => ticks.map(clockText),
      },
      ...axes.map((each) => ({
        ...axis,
        grid: { stroke: colourOf(element, 'tone-grid'), width: 1 },
        ticks: { show: false },
        size: 62,
        space: 34,
        ...each,
      })),
    ],
    series,
    hooks: {
      ...hooks,
      setCursor: [
        (plot) => {
          const { left = -1, top = -1 } = plot.cursor;
          const { steps, onPoint } = latest.current;
          if (left < 0) return onPoint(undefined);
          const atS = plot.posToVal(left, 'x');
          const step = steps.findLastIndex((ms) => ms / 1_000 <= atS);
          // Where somebody points at another chart, only the time is the same.
          const isOwn = plot.cursor.event != null;
          onPoint(step < 0 ? undefined : step, isOwn ? plot.posToVal(top, 'y') : undefined);
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < LEAST_DRAG_PX) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          const msAt = (px: number) => plot.posToVal(px, 'x') * 1_000;
          latest.current.onBrush(msAt(left), msAt(left + width));
        },
      ],
    },
  };
}

/** `14:05`, in the zone of the browser. */
export function clockText(seconds: number): string {
  const date = new Date(seconds * 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}
