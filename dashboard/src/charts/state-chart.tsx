import { lazy } from '../ui/lazy.js';
import type { StateChartProps } from './chart-view.js';

const View = lazy<StateChartProps>(async () => (await import('./chart-view.js')).ChartView);

/** The drawing of a machine. Nothing of it is loaded before the first one is shown; its place is kept for it. */
export function StateChart(props: StateChartProps) {
  return (
    <div class="state-chart-place">
      <View {...props} />
    </div>
  );
}
