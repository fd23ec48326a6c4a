import { lazy } from '../ui/lazy.js';
import type { FlowGraphProps } from './flow-view.js';

const View = lazy<FlowGraphProps>(async () => (await import('./flow-view.js')).FlowView);

/** The drawing of a flow, loaded with the first one. */
export function FlowGraph(props: FlowGraphProps) {
  return (
    <div class="flow-graph-place">
      <View {...props} />
    </div>
  );
}
