import { useEffect, useMemo } from 'preact/hooks';
import { type FlowNode, graphOfFlow, type NodeStand, standsOf } from '../../../src/jobs/flow-graph.js';
import type { FlowStatus } from '../api/answers.js';
import { DrawingFrame, useDrawing } from '../charts/drawing-frame.js';
import { navigate } from '../router.js';
import { shared } from '../shared.js';

export interface FlowGraphProps {
  flow: FlowStatus;
  /** The job whose page it is. */
  here: string;
}

/** A flow as it was drawn once, with where its jobs stand now; each box leads to its job. */
export function FlowView({ flow, here }: FlowGraphProps) {
  // What runs after what never changes.
  const shape = flow.jobs
    .map(({ key, type, after, onFailure }) => [key, type, after, onFailure].join())
    .join(';');
  const graph = useMemo(() => graphOfFlow(flow.jobs), [shape]);
  const stands = standsOf(graph, flow);
  const path = `/flows/${encodeURIComponent(flow.id)}/svg?standalone=false`;
  const { drawing, error } = useDrawing(path, shape, (svg) => {
    svg.setAttribute('role', 'group');
    svg.setAttribute('aria-label', `Jobs of the flow ${flow.id}`);
  });
  const words = [...stands].map(([id, stand]) => `${id} ${stand.tone} ${stand.words}`).join();
  useEffect(() => {
    if (drawing) for (const node of graph.nodes) paint(drawing, node, stands.get(node.id), flow, here);
  }, [drawing, words, here]);
  useEffect(() => (drawing && !shared ? linked(drawing, graph.nodes, flow) : undefined), [drawing, graph]);
  if (error) return <p class="quiet">{error}</p>;
  const lit = [...stands].flatMap(([id, { tone }]) => (tone === 'processing' ? [id] : []));
  return <DrawingFrame drawing={drawing} label={`Graph of the flow ${flow.id}`} lit={lit} words="" />;
}

const TONES = ['blocked', 'pending', 'processing', 'completed', 'failed', 'cancelled', 'dropped'] as const;

function paint(
  drawing: SVGSVGElement,
  node: FlowNode,
  stand: NodeStand | undefined,
  { jobs }: FlowStatus,
  here: string,
): void {
  const box = drawing.querySelector<SVGGElement>(`[data-state="${CSS.escape(node.id)}"]`);
  if (!box || !stand) return;
  for (const tone of TONES) box.classList.toggle(tone, tone === stand.tone);
  box.classList.toggle('lit', stand.tone === 'processing');
  const isHere = jobs.some(({ id, key }) => id === here && node.keys.includes(key));
  box.classList.toggle('here', isHere);
  if (isHere) box.setAttribute('aria-current', 'true');
  else box.removeAttribute('aria-current');
  const text = box.querySelector('[data-stand-of]');
  if (text && text.textContent !== stand.words) text.textContent = stand.words;
}

/** Makes links of the boxes: one of them can be reached by Tab, the arrow keys go on from there. @returns what undoes it */
function linked(drawing: SVGSVGElement, nodes: readonly FlowNode[], flow: FlowStatus): () => void {
  const boxes = [...drawing.querySelectorAll<SVGGElement>('[data-state]')];
  drawing.classList.add('clickable');
  for (const [index, box] of boxes.entries()) {
    box.setAttribute('role', 'link');
    box.setAttribute('tabindex', index === 0 ? '0' : '-1');
  }
  const open = (target: EventTarget | null) => {
    const id = (target as Element).closest<SVGGElement>('[data-state]')?.dataset.state;
    const node = nodes.find((each) => each.id === id);
    if (node) navigate(pathOf(node, flow));
  };
  const onClick = ({ target }: MouseEvent) => open(target);
  const onKey = (event: KeyboardEvent) => {
    const at = boxes.indexOf(event.target as SVGGElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    if (event.key === 'Enter') open(event.target);
    else if (step !== undefined) focus(boxes, at, at + step);
    else return;
    event.preventDefault();
  };
  drawing.addEventListener('click', onClick);
  drawing.addEventListener('keydown', onKey);
  return () => {
    drawing.removeEventListener('click', onClick);
    drawing.removeEventListener('keydown', onKey);
  };
}

const STEPS: Record<string, number> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

function focus(boxes: readonly SVGGElement[], from: number, to: number): void {
  const next = boxes[to];
  if (!next) return;
  boxes[from]?.setAttribute('tabindex', '-1');
  next.setAttribute('tabindex', '0');
  next.focus();
}

/** The page of a job, or the list of those that are alike. */
function pathOf({ id, type, keys }: FlowNode, { id: flowId, jobs }: FlowStatus): string {
  const job = jobs.find(({ key }) => key === id);
  if (keys.length === 1 && job) return `/jobs/${encodeURIComponent(job.id)}`;
  return `/jobs?${new URLSearchParams({ id: `${flowId}-`, type })}`;
}
