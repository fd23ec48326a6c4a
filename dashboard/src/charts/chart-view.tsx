import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Chart } from '../api/answers.js';
import { messageOf } from '../api/client.js';
import { ChartCard } from './chart-card.js';
import { drawingOf, importDrawing, prepare } from './drawing.js';
import { count, light } from './lighting.js';
import { Minimap } from './minimap.js';
import { sendTokens } from './tokens.js';
import { type Seen, useZoom } from './use-zoom.js';

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
  const scroller = useRef<HTMLElement>(null);
  const [hasDetails, setDetails] = useState(false);
  const { drawing, error } = useDrawing(chart, hasDetails);
  const place = useRef<HTMLDivElement>(null);
  // Before it is measured.
  useLayoutEffect(() => place.current?.replaceChildren(...(drawing ? [drawing] : [])), [drawing]);
  const zoom = useZoom(scroller, drawing);

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
    <div ref={frame} class="state-chart-frame" aria-busy={!drawing}>
      <div class="chart-tools">
        <span class="quiet">{zoom.isCut && 'Drag or scroll to see the rest.'}</span>
        <button type="button" class="small" aria-pressed={hasDetails} onClick={() => setDetails(!hasDetails)}>
          Guards and actions
        </button>
        <button type="button" class="small" aria-pressed={zoom.isFit} onClick={zoom.toggleFit}>
          Fit
        </button>
        <button
          type="button"
          class="small square"
          aria-label="Zoom out"
          title="Zoom out (-)"
          onClick={zoom.zoomOut}
        >
          −
        </button>
        <button
          type="button"
          class="small square"
          aria-label="Zoom in"
          title="Zoom in (+)"
          onClick={zoom.zoomIn}
        >
          +
        </button>
      </div>
      <div class={`chart-window ${drawing ? cutSides(zoom.seen, drawing) : ''}`}>
        <section
          ref={scroller}
          class="state-chart"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label={`State chart of ${chart.id}`}
        >
          <div ref={place} class="drawing" />
          <p class="off-screen" aria-live="polite">
            {lit.length > 0 ? `State of ${chart.id}: ${lit.join(', ')}` : ''}
          </p>
        </section>
        {drawing && zoom.isCut && <Minimap drawing={drawing} lit={lit} zoom={zoom} />}
      </div>
      <ChartCard box={frame} chart={chart} />
    </div>
  );
}

function useDrawing(
  chart: Chart,
  hasDetails: boolean,
): { drawing: SVGSVGElement | undefined; error: string } {
  const [drawing, setDrawing] = useState<SVGSVGElement | undefined>(undefined);
  const [error, setError] = useState('');
  useEffect(() => {
    let isStale = false;
    setError('');
    drawingOf(chart, hasDetails).then(
      (text) => {
        if (isStale) return;
        const svg = importDrawing(text);
        if (svg) prepare(svg, chart);
        else setError('The drawing could not be read.');
        setDrawing(svg);
      },
      (reason) => !isStale && setError(messageOf(reason)),
    );
    return () => {
      isStale = true;
    };
  }, [chart.id, chart.version, hasDetails]);
  return { drawing, error };
}

/** Where there is more of it, as classes that show a shadow. */
function cutSides({ x, y, width, height }: Seen, { viewBox: { baseVal: whole } }: SVGSVGElement): string {
  const sides = [
    x > 1 && 'more-left',
    y > 1 && 'more-above',
    x + width < whole.width - 1 && 'more-right',
    y + height < whole.height - 1 && 'more-below',
  ];
  return sides.filter(Boolean).join(' ');
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
