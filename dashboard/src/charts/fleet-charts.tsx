import { useMemo } from 'preact/hooks';
import { MOMENTS, type Moment, moments } from '../live/live.js';
import { useStore } from '../store.js';
import { formatDuration } from '../ui/format.js';
import { type Line, LineChart } from './line-chart.js';

const RATES: readonly Line[] = [
  { label: 'completed', tone: 'tone-1' },
  { label: 'added', tone: 'tone-2' },
  { label: 'failed', tone: 'tone-3' },
];
const WAITS: readonly Line[] = [
  { label: 'median', tone: 'tone-1' },
  { label: '95th percentile', tone: 'tone-2' },
];
const formatRate = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(1));

function useColumns(pick: (moment: Moment) => (number | undefined)[]) {
  const all = useStore(moments);
  return useMemo(() => {
    const rows = all.map((moment) => [moment.at, ...pick(moment)]);
    const width = rows[0]?.length ?? 1 + pick({ at: 0, added: 0, completed: 0, failed: 0 }).length;
    const columns = Array.from({ length: width }, (_, index) => rows.map((row) => row[index] ?? null));
    return columns as [number[], ...(number | null)[][]];
  }, [all]);
}

/** Jobs added, completed and failed in each of the last seconds. */
export function RatesChart() {
  const data = useColumns(({ completed, added, failed }) => [completed, added, failed]);
  return (
    <LineChart
      title="Jobs per second"
      lines={RATES}
      data={data}
      format={formatRate}
      spanS={MOMENTS}
      least={4}
    />
  );
}

/** How long jobs waited that started in each of the last seconds. */
export function WaitChart() {
  const data = useColumns(({ waitP50, waitP95 }) => [waitP50, waitP95]);
  return (
    <LineChart
      title="Wait until the start"
      lines={WAITS}
      data={data}
      format={formatDuration}
      spanS={MOMENTS}
      least={10}
    />
  );
}
