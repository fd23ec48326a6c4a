import { useMemo } from 'preact/hooks';
import { depthsOf, type FlowGraph } from '../../../src/jobs/flow-graph.js';
import { lazy } from '../ui/lazy.js';
import type { JobGraphProps } from './job-graph-view.js';

const View = lazy<JobGraphProps>(async () => (await import('./job-graph-view.js')).JobGraphView);

/** The drawing of jobs that belong together, loaded with the first one. Its place has about its height by then. */
export function JobGraph(props: JobGraphProps) {
  const height = useMemo(() => heightOf(props.graph), [props.graph]);
  return (
    <div class="job-graph-place" style={{ '--height': `${height}px` }}>
      <View {...props} />
    </div>
  );
}

/** A box with the room around it, and how wide a page is to its height, as the server lays it out. */
const BOX = { width: 220, height: 82 } as const;
const ASPECT = 1.8;
/** Of what fits better of two ways; beyond that it leads to the right. */
const TINY = 80;

/** About how high it is going to be: boxes of one depth stand beside each other. */
function heightOf({ nodes, edges }: FlowGraph): number {
  const after = (id: string) => edges.flatMap(({ from, to }) => (to === id ? [from] : []));
  const depths = [...depthsOf(nodes.map(({ id }) => ({ key: id, after: after(id) }))).values()];
  const layers = Math.max(1, ...depths);
  const widest = Math.max(1, ...depths.map((depth) => depths.filter((each) => each === depth).length));
  const right = { width: layers * BOX.width, height: widest * BOX.height };
  const down = { width: widest * BOX.width, height: layers * BOX.height };
  const needed = ({ width, height }: typeof right) => Math.max(width / ASPECT, height);
  const isDown = nodes.length + edges.length <= TINY && needed(down) < needed(right);
  return isDown ? down.height : right.height;
}
