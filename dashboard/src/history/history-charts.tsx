import { useMemo, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { StatsHistory } from '../../../src/jobs/stats-history.js';
import { colourOf } from '../charts/colour-of.js';
import { formatCount } from '../ui/format.js';
import {
  BACKLOG,
  type ChartKind,
  type Heat,
  type HeatOf,
  heatOf,
  OLDEST,
  RATES,
  RUNS,
  rowText,
  TIME_STEPS_MS,
  WAITS,
} from './series.js';
import { clockText, TimePlot } from './time-plot.js';

interface ChartsProps {
  history: StatsHistory;
  onBrush(fromMs: number, toMs: number): void;
}

/** All charts of the history. Depths are known of all jobs only. */
export function HistoryCharts({ history, onBrush }: ChartsProps) {
  const isOfAll = history.points.some(({ depth }) => depth);
  const kinds = [RATES, WAITS, RUNS, ...(isOfAll ? [BACKLOG, OLDEST] : [])];
  return (
    <div class="grid two history-charts">
      {kinds.map((kind) => (
        <section key={kind.title} class="panel of-line-chart">
          <HistoryChart kind={kind} history={history} onBrush={onBrush} />
        </section>
      ))}
      <section class="panel of-line-chart">
        <Heatmap history={history} onBrush={onBrush} />
      </section>
    </div>
  );
}

function useSteps({ points, to }: StatsHistory) {
  return useMemo(() => {
    const steps = points.map(({ at }) => Date.parse(at));
    return { steps, endMs: Date.parse(to), seconds: [...steps, Date.parse(to)].map((ms) => ms / 1_000) };
  }, [points, to]);
}

function HistoryChart({ kind, history, onBrush }: ChartsProps & { kind: ChartKind }) {
  const { title, series, format, least, isStepped, isTime } = kind;
  const { steps, endMs, seconds } = useSteps(history);
  const [step, setStep] = useState<number | undefined>(undefined);
  const data = useMemo(
    () => [
      seconds,
      // The last step goes on until its end.
      ...series.map(({ of }) => {
        const values = history.points.map((point) => of(point) ?? null);
        return [...values, isStepped ? (values.at(-1) ?? null) : null];
      }),
    ],
    [history, kind],
  ) as uPlot.AlignedData;
  const valuesAt = (at: number) => {
    const point = history.points[at];
    return series.map(({ label, of }) => ({ label, value: point && of(point) }));
  };
  const textOf = (at: number) =>
    `${clockText((steps[at] ?? endMs) / 1_000)}: ${valuesAt(at)
      .map(({ label, value }) => `${label} ${value === undefined ? 'none' : format(value)}`)
      .join(', ')}`;
  return (
    <figure class="line-chart">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          <li class="quiet at">{step === undefined ? 'all' : clockText((steps[step] ?? 0) / 1_000)}</li>
          {series.map(({ label, tone, of, whole }) => {
            const point = step === undefined ? undefined : history.points[step];
            const value = point && of(point);
            return (
              <li key={label} class={tone}>
                <span class="swatch" />
                {label}{' '}
                <strong>{point ? (value === undefined ? '–' : format(value)) : whole(history)}</strong>
              </li>
            );
          })}
        </ul>
      </figcaption>
      <TimePlot
        label={title}
        steps={steps}
        endMs={endMs}
        data={data}
        drawn={title}
        textOf={textOf}
        onPoint={setStep}
        onBrush={onBrush}
        options={(near) => ({
          scales: { y: { range: (_, __, max) => [0, Math.max(least, (max ?? 0) * 1.15)] } },
          axes: [{ values: (_, ticks) => ticks.map(format), ...(isTime && { incrs: [...TIME_STEPS_MS] }) }],
          series: [
            {},
            ...series.map(({ label, tone }) => ({
              label,
              stroke: colourOf(near, tone),
              width: 2,
              spanGaps: false,
              points: { show: !isStepped, size: 4, filter: alone },
              ...(isStepped && { paths: uPlot.paths.stepped?.({ align: 1 }) as uPlot.Series.PathBuilder }),
            })),
          ],
        })}
      />
    </figure>
  );
}

const HEATS: readonly [of: HeatOf, label: string][] = [
  ['waitBuckets', 'Wait'],
  ['runBuckets', 'Run'],
];

/** How many jobs took how long in each step: the darker, the more. */
function Heatmap({ history, onBrush }: ChartsProps) {
  const [of, setOf] = useState<HeatOf>('runBuckets');
  const { steps, endMs, seconds } = useSteps(history);
  const heat = useMemo(() => heatOf(history, of), [history, of]);
  const [pointed, setPointed] = useState<{ step: number; row?: number } | undefined>(undefined);
  const data = useMemo(() => [seconds, seconds.map(() => null)], [seconds]) as uPlot.AlignedData;
  const countOf = (step: number, row?: number) =>
    heat.cells
      .filter((cell) => cell.step === step && (row === undefined || cell.row === row))
      .reduce((sum, { count }) => sum + count, 0);
  const textOf = (at: number) => {
    const cells = heat.cells.filter(({ step }) => step === at);
    const most = cells.reduce((best, cell) => (cell.count > best.count ? cell : best), { count: 0, row: 0 });
    const words = most.count > 0 ? `, most of them ${rowText(most.row)}` : '';
    return `${clockText((steps[at] ?? endMs) / 1_000)}: ${formatCount(countOf(at))} jobs${words}`;
  };
  const pointedText = ({ step, row }: { step: number; row?: number }) =>
    row === undefined
      ? textOf(step)
      : `${clockText((steps[step] ?? endMs) / 1_000)}, ${rowText(row)}: ${formatCount(countOf(step, row))} of ${formatCount(countOf(step))} jobs`;
  return (
    <figure class="line-chart">
      <figcaption>
        <h2>Heatmap</h2>
        <span class="legend at" aria-live="off">
          {pointed ? pointedText(pointed) : `up to ${formatCount(heat.most)} jobs in a cell`}
        </span>
        <span class="segments">
          {HEATS.map(([each, label]) => (
            <button
              key={each}
              type="button"
              class="small"
              aria-pressed={each === of}
              onClick={() => setOf(each)}
            >
              {label}
            </button>
          ))}
        </span>
      </figcaption>
      <TimePlot
        label={`Heatmap of ${of === 'runBuckets' ? 'run' : 'wait'} times`}
        steps={steps}
        endMs={endMs}
        data={data}
        drawn={`${of} ${heat.rows} ${heat.cells.length} ${heat.most} ${history.to}`}
        textOf={textOf}
        onPoint={(step, y) =>
          setPointed(
            step === undefined
              ? undefined
              : {
                  step,
                  ...(y !== undefined && { row: Math.max(0, Math.min(heat.rows - 1, Math.floor(y))) }),
                },
          )
        }
        onBrush={onBrush}
        options={(near) => ({
          scales: { y: { range: [0, heat.rows] } },
          axes: [{ splits: () => rowsShown(heat.rows), values: (_, rows) => rows.map(rowLabel) }],
          series: [{}, { scale: 'y', show: true, points: { show: false } }],
          hooks: { draw: [(plot) => paint(plot, heat, [...steps, endMs], colourOf(near, 'tone-2'))] },
        })}
      />
    </figure>
  );
}

function rowsShown(rows: number): number[] {
  return Array.from({ length: Math.ceil(rows / 4) }, (_, at) => at * 4 + 1);
}

/** Where a row begins. */
function rowLabel(row: number): string {
  return rowText(row).split(' to ')[0] ?? '';
}

function paint(plot: uPlot, { cells, most }: Heat, ends: readonly number[], colour: string): void {
  const { ctx } = plot;
  ctx.save();
  ctx.fillStyle = colour;
  for (const { step, row, count } of cells) {
    const left = plot.valToPos((ends[step] ?? 0) / 1_000, 'x', true);
    const right = plot.valToPos((ends[step + 1] ?? 0) / 1_000, 'x', true);
    const top = plot.valToPos(row + 1, 'y', true);
    const bottom = plot.valToPos(row, 'y', true);
    // A single job among thousands is still to be seen.
    ctx.globalAlpha = 0.18 + 0.82 * Math.sqrt(count / most);
    ctx.fillRect(left, top, Math.max(1, right - left - 0.5), Math.max(1, bottom - top - 0.5));
  }
  ctx.restore();
}

/** Values that no line shows, as those before and after them are missing. */
function alone({ data }: uPlot, series: number): number[] {
  const values = data[series] ?? [];
  const isThere = (at: number) => typeof values[at] === 'number';
  return Array.from(values, (_, at) => at).filter(
    (at) => isThere(at) && !isThere(at - 1) && !isThere(at + 1),
  );
}
