import { useEffect, useRef, useState } from 'preact/hooks';
import type { Chart } from '../api/answers.js';
import { messageOf } from '../api/client.js';
import { formatCount } from '../ui/format.js';
import { drawingOf, importDrawing, withParents } from './chart-source.js';

/** Where there is little room, a drawing is not made smaller than this part of itself: it scrolls. */
const READABLE = 0.5;

interface StateChartProps {
  chart: Chart;
  /** Ids of the innermost states that are active. */
  lit?: readonly string[];
  /** Ids of the arrows taken last. */
  taken?: readonly string[];
  /** Ids of all arrows taken so far; what they do not touch is dimmed. */
  path?: readonly string[];
  counts?: Record<string, number>;
}

/** The drawing of a machine; what is lit changes without drawing it again. */
export function StateChart({ chart, lit = [], taken = [], path = [], counts }: StateChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const [drawing, setDrawing] = useState<SVGSVGElement | undefined>(undefined);
  const [error, setError] = useState('');
  const [isWhole, setWhole] = useState(false);

  useEffect(() => {
    let isStale = false;
    drawingOf(chart.id, chart.version).then(
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
  }, [chart.id, chart.version]);

  useEffect(() => {
    if (drawing) box.current?.replaceChildren(drawing);
  }, [drawing]);

  useEffect(() => {
    if (!drawing) return;
    const around = new Set(lit.flatMap(withParents));
    const walked = new Set([...path, ...taken]);
    const ends = chart.edges.filter(({ id }) => walked.has(id)).flatMap(({ from, to }) => [from, to]);
    const visited = new Set([...lit, ...ends].flatMap(withParents));
    drawing.classList.toggle('has-path', walked.size > 0);
    for (const state of drawing.querySelectorAll<SVGGElement>('[data-state]')) {
      const id = state.dataset.state ?? '';
      state.classList.toggle('lit', lit.includes(id));
      state.classList.toggle('lit-within', around.has(id) && !lit.includes(id));
      state.classList.toggle('walked', visited.has(id));
    }
    for (const edge of drawing.querySelectorAll<SVGGElement>('[data-edge]')) {
      const id = edge.dataset.edge ?? '';
      edge.classList.toggle('lit', taken.includes(id));
      edge.classList.toggle('walked', walked.has(id));
    }
    showLit(drawing);
  }, [drawing, lit.join(), taken.join(), path.join(), isWhole]);

  useEffect(() => {
    if (!drawing || !counts) return;
    for (const text of drawing.querySelectorAll<SVGTextElement>('[data-count-of]')) {
      const count = counts[text.dataset.countOf ?? ''];
      const words = count === undefined ? '' : formatCount(count);
      if (text.textContent !== words) text.textContent = words;
      text.classList.toggle('some', (count ?? 0) > 0);
    }
  }, [drawing, counts]);

  if (error) return <p class="quiet">{error}</p>;
  return (
    <div class="state-chart-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="state-chart" tabIndex={0} aria-label={`State chart of ${chart.id}`}>
        <div ref={box} class={isWhole ? 'drawing whole' : 'drawing'} />
        <p class="off-screen" aria-live="polite">
          {lit.length > 0 ? `State of ${chart.id}: ${lit.join(', ')}` : ''}
        </p>
      </section>
      <button type="button" class="small" aria-pressed={isWhole} onClick={() => setWhole(!isWhole)}>
        {isWhole ? 'Fit' : 'Full size'}
      </button>
    </div>
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

function prepare(svg: SVGSVGElement, chart: Chart): void {
  const { width, height } = svg.viewBox.baseVal;
  svg.setAttribute('width', String(width));
  svg.setAttribute('height', String(height));
  svg.style.setProperty('--whole', `${width}px`);
  svg.style.setProperty('--readable', `${Math.round(width * READABLE)}px`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `Drawing of the machine ${chart.id}`);
}
