/** Dots that move along the edges that machines take. */

/** On a drawing at once; more of an edge are not told apart by eye. */
const MAX_TOKENS = 60;
const MAX_OF_EDGE = 5;
const TRAVEL_MS = 900;
/** Those of one second set out one after the other. */
const SPREAD_MS = 800;
const RADIUS = 5;
/** Tokens that set out together hide each other on a short line. */
const APART = 16;
const SVG = 'http://www.w3.org/2000/svg';

interface Token {
  dot: SVGCircleElement;
  line: SVGPathElement;
  length: number;
  startsMs: number;
}

const moving = new WeakMap<SVGSVGElement, Token[]>();

/**
 * Sends tokens along edges, by the ids of these and how often each was taken. Who wants less motion sees the edges lit instead, until
 * the next call.
 */
export function sendTokens(drawing: SVGSVGElement, taken: ReadonlyMap<string, number>): void {
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  for (const edge of drawing.querySelectorAll<SVGGElement>('[data-edge]')) {
    const count = taken.get(edge.dataset.edge ?? '') ?? 0;
    edge.classList.toggle('taken', isStill && count > 0);
    if (!isStill && count > 0) send(drawing, edge, count);
  }
}

function send(drawing: SVGSVGElement, edge: SVGGElement, count: number): void {
  const line = edge.querySelector<SVGPathElement>('.line');
  if (!line) return;
  const tokens = moving.get(drawing) ?? [];
  const isRunning = tokens.length > 0;
  moving.set(drawing, tokens);
  const length = line.getTotalLength();
  const sent = Math.min(count, MAX_OF_EDGE, 1 + Math.floor(length / APART), MAX_TOKENS - tokens.length);
  for (let index = 0; index < sent; index++) {
    const dot = document.createElementNS(SVG, 'circle');
    dot.setAttribute('class', 'token');
    dot.setAttribute('r', String(RADIUS));
    dot.setAttribute('visibility', 'hidden');
    drawing.append(dot);
    tokens.push({ dot, line, length, startsMs: performance.now() + (SPREAD_MS * index) / sent });
  }
  if (!isRunning && tokens.length > 0) requestAnimationFrame(() => step(drawing));
}

function step(drawing: SVGSVGElement): void {
  const now = performance.now();
  const left = (moving.get(drawing) ?? []).filter(({ dot, line, length, startsMs }) => {
    const way = (now - startsMs) / TRAVEL_MS;
    if (way >= 1 || !drawing.isConnected) {
      dot.remove();
      return false;
    }
    if (way >= 0) {
      const { x, y } = line.getPointAtLength(length * way);
      dot.setAttribute('cx', String(x));
      dot.setAttribute('cy', String(y));
      dot.setAttribute('visibility', 'visible');
    }
    return true;
  });
  moving.set(drawing, left);
  if (left.length > 0) requestAnimationFrame(() => step(drawing));
}
