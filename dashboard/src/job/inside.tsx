import { useState } from 'preact/hooks';
import { formatCount } from '../ui/format.js';
import { JsonView } from '../ui/json.js';
import { Empty } from '../ui/page.js';
import { SequenceView } from './sequence-view.js';
import { StepLog } from './step-log.js';
import type { ToldStep } from './steps.js';

const VIEWS = { log: 'Log', sequence: 'Sequence', context: 'Context' } as const;
type View = keyof typeof VIEWS;

interface InsideProps {
  steps: readonly ToldStep[];
  /** How many are not known. */
  dropped: number;
  /** The place of the last step that the page shows; -1 for none. */
  shown: number;
  isOver: boolean;
  onShow(step: number): void;
}

/** What the machines of the job did until the moment that is shown: as a log, between actors, and what they know. */
export function Inside({ steps, dropped, shown, isOver, onShow }: InsideProps) {
  const [view, setView] = useState<View>('log');
  const until = steps.slice(0, shown + 1);
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
        <Nothing isOver={isOver} />
      ) : (
        <>
          {view === 'log' && <StepLog steps={steps} shown={shown} onShow={onShow} />}
          {view === 'sequence' && <SequenceView steps={until} />}
          {view === 'context' && <Contexts steps={until} />}
          {dropped > 0 && (
            <p class="quiet">
              {formatCount(dropped)} of {formatCount(steps.length + dropped)} steps are not kept: only the
              first and the last ones are.
            </p>
          )}
        </>
      )}
    </section>
  );
}

function Nothing({ isOver }: { isOver: boolean }) {
  return (
    <Empty title={isOver ? 'No steps are kept of this job.' : 'Nothing has moved yet.'}>
      <p>
        Workers keep the steps of attempts that failed in a state chart, and of jobs that somebody watched.
        With <code>{"inspect: { keep: 'all' }"}</code> they keep those of every job.
      </p>
    </Empty>
  );
}

/** What each machine knows, and what its last step changed. */
function Contexts({ steps }: { steps: readonly ToldStep[] }) {
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
