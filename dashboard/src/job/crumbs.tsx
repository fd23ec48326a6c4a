import { useState } from 'preact/hooks';
import type { MachineAnswer } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { StateChart } from '../charts/state-chart.js';
import { formatClock, spoken } from '../ui/format.js';
import { Loaded } from '../ui/page.js';
import { litNow } from './lit.js';
import type { Stage } from './stages.js';
import type { ToldStep } from './steps.js';

interface CrumbsProps {
  stages: readonly Stage[];
  steps: readonly ToldStep[];
  /** The places of the stage and of the last step that are shown. */
  shown: { stage: number; step: number };
  onShow(stage: number): void;
}

/** Of a long life the first ones, and those around the one that is shown. */
const FIRST = 2;
const AROUND = 5;

/** The states that the job went through, as a way; the chart that is the same for every job opens on demand. */
export function Crumbs({ stages, steps, shown, onShow }: CrumbsProps) {
  const [isOpen, setOpen] = useState(false);
  const { stage: at } = shown;
  const isNear = (index: number) =>
    index < FIRST || index === stages.length - 1 || Math.abs(index - at) < AROUND;
  return (
    <section class="panel crumbs" aria-label="The way of the job">
      <ol>
        {stages.map((stage, index) => {
          if (!isNear(index)) return isNear(index - 1) ? <li key={stage.key}>…</li> : null;
          const [status = '', state = status] = stage.path.split('.');
          return (
            <li key={stage.key}>
              <button
                type="button"
                class={`crumb ${state === 'cancelled' ? 'cancelled' : status} ${index === at ? 'lit' : ''}`}
                data-state={stage.path}
                aria-current={index === at ? 'step' : undefined}
                title={formatClock(stage.at)}
                onClick={() => onShow(index)}
              >
                {spoken(state)}
              </button>
            </li>
          );
        })}
      </ol>
      <button type="button" class="small" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? 'Hide the chart' : 'Chart of every job'}
      </button>
      {isOpen && <LifeChart stages={stages.slice(0, at + 1)} steps={steps.slice(0, shown.step + 1)} />}
    </section>
  );
}

function LifeChart({ stages, steps }: Pick<CrumbsProps, 'stages' | 'steps'>) {
  const machine = useResource<MachineAnswer>('/machines/job', { isLive: false });
  return (
    <div class="life-chart">
      <Loaded of={machine}>
        {({ chart }) => {
          const lit = litNow(chart, stages, steps);
          return <StateChart chart={chart} lit={lit.states} taken={lit.edges} path={lit.path} />;
        }}
      </Loaded>
    </div>
  );
}
