import { lazy } from '../ui/lazy.js';
import type { StateChartProps } from './chart-view.js';

const View = lazy<StateChartProps>(async () => (await import('./chart-view.js')).ChartView);

const MOST_PX = 430;

/** The drawing of a machine. Nothing of it is loaded before the first one is shown; its place is kept for it. */
export function StateChart(props: StateChartProps) {
  // About as high as it is going to be: what is below it must not move.
  const height = Math.min(MOST_PX, 30 + 35 * props.chart.states.length);
  return (
    <div class="state-chart-place" style={{ '--height': `${height}px` }}>
      <View {...props} />
    </div>
  );
}
