import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { useStore } from '../store.js';
import { colours } from '../ui/theme.js';
import { colourOf } from './colour-of.js';

export interface Line {
  label: string;
  /** Class whose colour it has. */
  tone: 'tone-1' | 'tone-2' | 'tone-3';
}

interface LineChartProps {
  title: string;
  lines: readonly Line[];
  /** Seconds since 1970, then the values of each line. */
  data: uPlot.AlignedData;
  format(value: number): string;
  /** Seconds that the axis spans at most. */
  spanS: number;
  /** What the other axis reaches at least, so that small numbers look small. */
  least: number;
}

const HEIGHT_PX = 170;
const LEAST_SPAN_S = 60;

/** Lines over time on a canvas; new data is drawn once a frame at most. */
export function LineChart({ title, lines, data, format, spanS, least }: LineChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(data);
  const revision = useStore(colours);
  latest.current = data;

  useEffect(() => {
    const element = box.current as HTMLDivElement;
    const made = new uPlot(options(element, lines, format, spanS, least), latest.current, element);
    plot.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
    };
  }, [revision, lines, format, spanS, least]);

  useEffect(() => {
    const frame = requestAnimationFrame(() => plot.current?.setData(data));
    return () => cancelAnimationFrame(frame);
  }, [data]);

  const last = (index: number) => data[index + 1]?.at(-1);
  return (
    <figure class="line-chart">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          {lines.map(({ label, tone }, index) => (
            <li key={label} class={tone}>
              <span class="swatch" />
              {label} <strong>{typeof last(index) === 'number' ? format(last(index) as number) : '–'}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={box} class="plot" aria-hidden="true" />
    </figure>
  );
}

/** Shows what there is, at least a minute and at most the whole span. */
function windowOf(min: number | null, max: number | null, spanS: number): [number, number] {
  const end = max ?? Date.now() / 1_000;
  return [end - Math.min(spanS, Math.max(LEAST_SPAN_S, end - (min ?? end))), end];
}

function options(
  element: HTMLElement,
  lines: readonly Line[],
  format: (value: number) => string,
  spanS: number,
  least: number,
): uPlot.Options {
  const axis = { stroke: colourOf(element, 'tone-axis'), font: '11px system-ui, sans-serif' };
  const grid = { stroke: colourOf(element, 'tone-grid'), width: 1 };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, 8, 0, 0],
    scales: {
      x: {
        time: true,
        range: (_, min, max) => windowOf(min, max, spanS),
      },
      y: { range: (_, __, max) => [0, Math.max(least, (max ?? 0) * 1.15)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        ticks: { show: false },
        space: 70,
        size: 28,
        values: '{HH}:{mm}:{ss}',
      },
      { ...axis, grid, ticks: { show: false }, size: 58, space: 36, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ label, tone }) => ({
        label,
        stroke: colourOf(element, tone),
        width: 2,
        spanGaps: true,
        points: { show: false },
      })),
    ],
  };
}
