import { useState } from 'preact/hooks';
import type { InspectionRecord } from '../api/answers.js';
import { JsonView } from '../ui/json.js';
import { Empty } from '../ui/page.js';
import { SequenceView } from './sequence-view.js';
import { StepLog } from './step-log.js';

const VIEWS = { log: 'Log', sequence: 'Sequence', context: 'Context' } as const;
type View = keyof typeof VIEWS;

/** What the machines of the job do while the page is open: as a log, between actors, and what they know. */
export function Inside({ steps, isOver }: { steps: readonly InspectionRecord[]; isOver: boolean }) {
  const [view, setView] = useState<View>('log');
  return (
    <section class="panel">
      <div class="panel-head">
        <h2>Inside the machines</h2>
        <fieldset class="switch" aria-label="View">
          {(Object.keys(VIEWS) as View[]).map((name) => (
            <button key={name} type="button" aria-pressed={view === name} onClick={() => setView(name)}>
              {VIEWS[name]}
            </button>
          ))}
        </fieldset>
      </div>
      {steps.length === 0 ? (
        <Empty title={isOver ? 'Nothing moves any more.' : 'Nothing has moved since you opened this page.'}>
          <p>
            Workers tell every step while somebody watches.{' '}
            {isOver && 'Replay the records above, or run the job again.'}
          </p>
        </Empty>
      ) : (
        <>
          {view === 'log' && <StepLog steps={steps} />}
          {view === 'sequence' && <SequenceView steps={steps} />}
          {view === 'context' && <Contexts steps={steps} />}
        </>
      )}
    </section>
  );
}

function Contexts({ steps }: { steps: readonly InspectionRecord[] }) {
  const latest = new Map<string, unknown>();
  for (const { actor, context } of steps) if (context !== undefined) latest.set(actor, context);
  if (latest.size === 0) return <Empty title="No machine has told its context yet." />;
  return (
    <div class="contexts">
      {[...latest].map(([actor, context]) => (
        <div key={actor}>
          <h3>{actor}</h3>
          <div class="json">
            <JsonView value={context} />
          </div>
        </div>
      ))}
    </div>
  );
}
