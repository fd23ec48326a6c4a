import type { MachineAnswer, MachineSummary } from '../api/answers.js';
import { ApiError, messageOf } from '../api/client.js';
import { useResource } from '../api/use-resource.js';
import { StateChart } from '../charts/state-chart.js';
import { Link } from '../router.js';
import { Panel } from '../ui/page.js';
import { litWithin } from './lit.js';
import type { Stage } from './stages.js';
import type { ToldStep } from './steps.js';

interface OwnChartsProps {
  type: string;
  steps: readonly ToldStep[];
  /** The place of the last step that is shown; -1 for none. */
  shown: number;
  /** Where the job stands that is shown. */
  stage: Stage | undefined;
}

/** The charts that a job runs inside `running`: the one of its type, and those that it invokes, side by side. */
export function OwnCharts({ type, steps, shown, stage }: OwnChartsProps) {
  const machines = useResource<{ machines: MachineSummary[] }>('/machines', { isLive: false });
  const told = steps.flatMap(({ machine }) => (machine === undefined || machine === 'job' ? [] : [machine]));
  const ofType = machines.data?.machines.find(({ id }) => id === type && id !== 'job')?.id;
  const ids = [...new Set(told.length > 0 ? told : ofType === undefined ? [] : [ofType])];
  if (ids.length === 0) return null;
  const until = steps.slice(0, shown + 1);
  const charts = ids.map((id) => <OwnChart key={id} id={id} steps={until} stage={stage} />);
  return ids.length === 1 ? charts : <div class="grid charts">{charts}</div>;
}

function OwnChart({ id, steps, stage }: { id: string } & Pick<OwnChartsProps, 'steps' | 'stage'>) {
  const { data, error } = useResource<MachineAnswer>(`/machines/${encodeURIComponent(id)}`, {
    isLive: false,
  });
  const lit = data && litWithin(data.chart, steps, stage);
  if (!data && error === undefined) return null;
  return (
    <Panel
      title={`Inside running: ${id}`}
      actions={data && <Link to={`/machines/${encodeURIComponent(id)}`}>This machine</Link>}
    >
      {data ? (
        <StateChart chart={data.chart} lit={lit?.states} taken={lit?.edges} path={lit?.path} />
      ) : (
        <p class="quiet">{whyNot(error)}</p>
      )}
    </Panel>
  );
}

/** No worker has the machine, or nobody can be asked: these are two things. */
function whyNot(error: unknown): string {
  const isGone = error instanceof ApiError && error.status === 404;
  return isGone
    ? 'No worker that runs now has this machine.'
    : `The chart cannot be read now. ${messageOf(error)}`;
}
