import { useEffect, useRef, useState } from 'preact/hooks';
import type { Chart } from '../api/answers.js';
import { ChartCard } from './chart-card.js';
import { chartPath, prepareChart } from './drawing.js';
import { DrawingFrame, useDrawing } from './drawing-frame.js';
import { count, light } from './lighting.js';
import { sendTokens } from './tokens.js';

export interface StateChartProps {
  chart: Chart;
  /** Ids of the innermost states that are active. */
  lit?: readonly string[] | undefined;
  /** Ids of the arrows taken last. */
  taken?: readonly string[] | undefined;
  /** Ids of all arrows taken so far; what they do not touch is dimmed. */
  path?: readonly string[] | undefined;
  counts?: Record<string, number> | undefined;
  /** Arrows that were taken just now, by id, and how often each: tokens move along them. */
  moved?: ReadonlyMap<string, number> | undefined;
  /** Told of the state that somebody clicks on. */
  onState?: ((id: string) => void) | undefined;
}

/** The drawing of a machine, to move about in; what is lit changes without drawing it again. */
export function ChartView({
  chart,
  lit = [],
  taken = [],
  path = [],
  counts,
  moved,
  onState,
}: StateChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [hasDetails, setDetails] = useState(false);
  // Who works on a machine changes it without another version.
  const key = JSON.stringify([chart.version, chart.edges.length]);
  const { drawing, error } = useDrawing(chartPath(chart, hasDetails), key, (svg) => prepareChart(svg, chart));

  useEffect(() => {
    if (!drawing) return;
    light(drawing, chart, { lit, taken, path });
    showLit(drawing);
  }, [drawing, lit.join(), taken.join(), path.join()]);
  useEffect(() => {
    if (drawing && counts) count(drawing, counts);
  }, [drawing, counts]);

  useEffect(() => {
    if (drawing && moved) sendTokens(drawing, moved);
  }, [drawing, moved]);
  useEffect(() => {
    if (!drawing || !onState) return;
    drawing.classList.add('clickable');
    const onClick = ({ target }: MouseEvent) => {
      const state = (target as Element).closest<SVGGElement>('[data-state]')?.dataset.state;
      if (state !== undefined) onState(state);
    };
    drawing.addEventListener('click', onClick);
    return () => drawing.removeEventListener('click', onClick);
  }, [drawing, onState]);

  if (error) return <p class="quiet">{error}</p>;
  return (
    <DrawingFrame
      frame={frame}
      drawing={drawing}
      label={`State chart of ${chart.id}`}
      lit={lit}
      words={lit.length > 0 ? `State of ${chart.id}: ${lit.join(', ')}` : ''}
      tools={
        <button type="button" class="small" aria-pressed={hasDetails} onClick={() => setDetails(!hasDetails)}>
          Guards and actions
        </button>
      }
    >
      <ChartCard box={frame} chart={chart} />
    </DrawingFrame>
  );
}

/** Brings the state that is lit into view where the drawing scrolls. */
function showLit(drawing: SVGSVGElement): void {
  const scroller = drawing.closest('.state-chart');
  const state = drawing.querySelector('.state.lit');
  if (!scroller || !state) return;
  const [outer, inner] = [scroller.getBoundingClientRect(), state.getBoundingClientRect()];
  if (
    inner.left >= outer.left &&
    inner.right <= outer.right &&
    inner.top >= outer.top &&
    inner.bottom <= outer.bottom
  )
    return;
  scroller.scrollBy({
    left: inner.left - outer.left - (outer.width - inner.width) / 2,
    top: inner.top - outer.top - (outer.height - inner.height) / 2,
  });
}
