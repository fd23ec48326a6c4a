import { useEffect } from 'preact/hooks';
import type { FlowGraph, FlowNode, NodeStand } from '../../../src/jobs/flow-graph.js';
import { DrawingFrame, useDrawing } from '../charts/drawing-frame.js';
import { navigate } from '../router.js';
import { shared } from '../shared.js';
import { type FamilyRow, pathOfJob } from './family.js';

export interface JobGraphProps {
  /** Where the API has the jobs; their drawing is below it. */
  path: string;
  /** The same object as long as it is drawn the same way. */
  graph: FlowGraph;
  stands: ReadonlyMap<string, NodeStand>;
  rows: readonly FamilyRow[];
  /** The job whose page it is. */
  here: string;
  /** Shows the jobs of a box that stands for many. */
  onMany(node: FlowNode): void;
}

/** Jobs as they were drawn once, with where they stand now; each box leads to its job, or to its jobs. */
export function JobGraphView({ path, graph, stands, rows, here, onMany }: JobGraphProps) {
  const shape = JSON.stringify(graph);
  const { drawing, error } = useDrawing(`${path}/svg?standalone=false`, shape, (svg) => {
    svg.setAttribute('role', 'group');
    svg.setAttribute('aria-label', 'Jobs that belong together');
  });
  const ownKey = rows.find(({ id }) => id === here)?.key;
  const words = [...stands].map(([id, stand]) => `${id} ${stand.tone} ${stand.words}`).join();
  useEffect(() => {
    if (drawing) for (const node of graph.nodes) paint(drawing, node, stands.get(node.id), ownKey);
  }, [drawing, graph, words, ownKey]);
  useEffect(() => {
    if (!drawing || shared) return undefined;
    const open = (node: FlowNode) => {
      const row = node.keys.length === 1 ? rows.find(({ key }) => key === node.id) : undefined;
      if (row) navigate(pathOfJob(row));
      else onMany(node);
    };
    return linked(drawing, graph.nodes, open);
  }, [drawing, graph, rows.length]);
  if (error) return <p class="quiet">{error}</p>;
  const lit = [...stands].flatMap(([id, { tone }]) => (tone === 'processing' ? [id] : []));
  return <DrawingFrame drawing={drawing} label="Graph of jobs that belong together" lit={lit} words="" />;
}

const TONES = ['blocked', 'pending', 'processing', 'completed', 'failed', 'cancelled', 'dropped'] as const;

function paint(
  drawing: SVGSVGElement,
  node: FlowNode,
  stand: NodeStand | undefined,
  ownKey: string | undefined,
): void {
  const box = drawing.querySelector<SVGGElement>(`[data-state="${CSS.escape(node.id)}"]`);
  if (!box || !stand) return;
  for (const tone of TONES) box.classList.toggle(tone, tone === stand.tone);
  box.classList.toggle('lit', stand.tone === 'processing');
  const isHere = ownKey !== undefined && node.keys.includes(ownKey);
  box.classList.toggle('here', isHere);
  if (isHere) box.setAttribute('aria-current', 'true');
  else box.removeAttribute('aria-current');
  const text = box.querySelector('[data-stand-of]');
  if (text && text.textContent !== stand.words) text.textContent = stand.words;
}

/** Makes links of the boxes: one of them can be reached by Tab, the arrow keys go on from there. @returns what undoes it */
function linked(
  drawing: SVGSVGElement,
  nodes: readonly FlowNode[],
  onOpen: (node: FlowNode) => void,
): () => void {
  const boxes = [...drawing.querySelectorAll<SVGGElement>('[data-state]')];
  drawing.classList.add('clickable');
  for (const [index, box] of boxes.entries()) {
    const isMany = (nodes.find(({ id }) => id === box.dataset.state)?.keys.length ?? 1) > 1;
    box.setAttribute('role', isMany ? 'button' : 'link');
    box.setAttribute('tabindex', index === 0 ? '0' : '-1');
  }
  const open = (target: EventTarget | null) => {
    const id = (target as Element).closest<SVGGElement>('[data-state]')?.dataset.state;
    const node = nodes.find((each) => each.id === id);
    if (node) onOpen(node);
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
