import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Chart, ChartEdge } from '../api/answers.js';

type ChartState = Chart['states'][number];

/** What the pointer is on. */
interface Pointed {
  /** One state, or the edges of one line. */
  state?: ChartState;
  edges?: ChartEdge[];
  left: number;
  top: number;
}

const HIDE_AFTER_MS = 200;
const WIDTH_PX = 300;

/** What stands behind a box or an arrow: guards, actions, what a state means. It stays while the pointer is on it, until Esc. */
export function ChartCard({ box, chart }: { box: RefObject<HTMLElement | null>; chart: Chart }) {
  const [pointed, setPointed] = useState<Pointed | undefined>(undefined);
  useEffect(() => {
    const frame = box.current;
    if (!frame) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onOver = (event: PointerEvent) => {
      const target = event.target as Element;
      if (target.closest('.chart-card')) return clearTimeout(timer);
      const found = pointedAt(chart, target);
      clearTimeout(timer);
      if (!found) timer = setTimeout(() => setPointed(undefined), HIDE_AFTER_MS);
      else if (event.buttons === 0 || event.pointerType !== 'mouse')
        setPointed({ ...found, ...placeOf(frame, target, event) });
    };
    const hide = () => {
      clearTimeout(timer);
      setPointed(undefined);
    };
    const onLeave = () => {
      timer = setTimeout(hide, HIDE_AFTER_MS);
    };
    const onKey = ({ key }: KeyboardEvent) => key === 'Escape' && hide();
    const onDown = ({ target, pointerType }: PointerEvent) => {
      // A finger that comes down has just asked for it.
      if (pointerType === 'mouse' && !(target as Element).closest('.chart-card')) hide();
    };
    frame.addEventListener('pointerover', onOver);
    frame.addEventListener('pointerleave', onLeave);
    frame.addEventListener('pointerdown', onDown);
    frame.addEventListener('scroll', hide, { capture: true, passive: true });
    document.addEventListener('keydown', onKey);
    return () => {
      clearTimeout(timer);
      frame.removeEventListener('pointerover', onOver);
      frame.removeEventListener('pointerleave', onLeave);
      frame.removeEventListener('pointerdown', onDown);
      frame.removeEventListener('scroll', hide, { capture: true });
      document.removeEventListener('keydown', onKey);
    };
  }, [chart]);
  if (!pointed) return null;
  const { state, edges = [], left, top } = pointed;
  return (
    <div class="chart-card" role="tooltip" style={{ left: `${left}px`, top: `${top}px` }}>
      {state && <StateCard state={state} />}
      {edges.length > 0 && <EdgesCard edges={edges} />}
    </div>
  );
}

function StateCard({ state: { key, description, invokes, entry = [], exit = [] } }: { state: ChartState }) {
  const lines = [
    ['runs', invokes],
    ['on entry', entry],
    ['on exit', exit],
  ] as const;
  return (
    <>
      <strong>{key}</strong>
      {description && <p>{description}</p>}
      {lines.map(
        ([words, names]) => names.length > 0 && <p key={words}>{`${words}: ${names.join(', ')}`}</p>,
      )}
    </>
  );
}

/** The ways from one state to another, in the order in which they are tried. */
function EdgesCard({ edges }: { edges: readonly ChartEdge[] }) {
  const [first] = edges;
  return (
    <>
      <strong>
        {first?.from || 'any state'} → {first?.to || 'any state'}
      </strong>
      <ul>
        {edges.map(({ id, label, guard, actions }) => (
          <li key={id}>
            {label || 'at once'}
            {guard && <span class="quiet"> if {guard}</span>}
            {actions.length > 0 && <span class="quiet"> / {actions.join(', ')}</span>}
          </li>
        ))}
      </ul>
    </>
  );
}

function pointedAt({ states, edges }: Chart, target: Element): Pick<Pointed, 'state' | 'edges'> | undefined {
  const at = target.closest<SVGGElement>('[data-edge], [data-state]');
  if (!at) return undefined;
  const edge = edges.find(({ id }) => id === at.dataset.edge);
  if (edge) return { edges: edges.filter(({ from, to }) => from === edge.from && to === edge.to) };
  const state = states.find(({ id }) => id === at.dataset.state);
  return state && { state };
}

/** Below the pointer, and inside the frame. */
function placeOf(frame: HTMLElement, target: Element, { clientX, clientY }: PointerEvent) {
  const outer = frame.getBoundingClientRect();
  const { bottom, height } = target.getBoundingClientRect();
  const below = height < 80 ? bottom : clientY;
  return {
    left: Math.max(0, Math.min(clientX - outer.left - WIDTH_PX / 3, outer.width - WIDTH_PX)),
    top: below - outer.top + 8,
  };
}
