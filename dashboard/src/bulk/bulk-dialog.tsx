import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../api/client.js';
import { Link } from '../router.js';
import { createStore, useStore } from '../store.js';
import { Dialog } from '../ui/dialog.js';
import { say } from '../ui/toasts.js';
import { type Bulk, changeAll, findIds, type Progress } from './bulk.js';
import { jobs, WORDS } from './bulk-words.js';

const asked = createStore<(Bulk & { answer(isDone: boolean): void }) | undefined>(undefined);

/** Counts the jobs, asks, and does it, with its progress. @returns false when it was called off before anything was done */
export function bulk(what: Bulk): Promise<boolean> {
  return new Promise((resolve) => {
    const own = {
      ...what,
      answer: (isDone: boolean) => {
        // One that was stopped may end while the next one is open.
        if (asked.get() === own) asked.set(undefined);
        resolve(isDone);
      },
    };
    asked.set(own);
  });
}

type Step =
  | { at: 'counting'; count: number }
  | { at: 'asking'; ids: readonly string[] }
  | { at: 'running'; ids: readonly string[]; progress: Progress }
  | { at: 'over'; ids: readonly string[]; progress: Progress; error?: string };

const SHOWN_FAILURES = 5;
const PACES = [0, 1, 10, 100];

export function BulkDialog() {
  const what = useStore(asked);
  return what ? <Steps what={what} onEnd={what.answer} /> : null;
}

function Steps({ what, onEnd }: { what: Bulk; onEnd(isDone: boolean): void }) {
  const [step, setStep] = useState<Step>({ at: 'counting', count: 0 });
  const [rate, setRate] = useState(what.rate ?? 0);
  const abort = useRef(new AbortController());
  const { verb, text, done, isDanger } = WORDS[what.action];

  useEffect(() => {
    const { signal } = abort.current;
    const onCount = (count: number) => !signal.aborted && setStep({ at: 'counting', count });
    findIds(what, onCount, signal).then(
      (ids) => {
        if (signal.aborted) return;
        if (ids.length > 0) return setStep({ at: 'asking', ids });
        say('There is no job with which this can be done.', 'bad');
        onEnd(false);
      },
      (error) => {
        say(messageOf(error), 'bad');
        onEnd(false);
      },
    );
    return () => abort.current.abort();
  }, []);

  const run = async (ids: readonly string[]) => {
    let progress: Progress = { done: 0, failed: [], tried: 0 };
    const onProgress = (next: Progress) => {
      progress = next;
      setStep({ at: 'running', ids, progress });
    };
    onProgress(progress);
    try {
      await changeAll(what, ids, rate || undefined, onProgress, abort.current.signal);
    } catch (error) {
      return setStep({ at: 'over', ids, progress, error: messageOf(error) });
    }
    say(`${jobs(progress.done)} ${done}.`);
    if (progress.failed.length > 0) setStep({ at: 'over', ids, progress });
    else onEnd(true);
  };
  const close = () => {
    abort.current.abort();
    onEnd(step.at === 'running' || step.at === 'over');
  };

  const count = step.at === 'counting' ? undefined : jobs(step.ids.length);
  const to = what.action === 'priority' ? ` to ${what.priority}` : '';
  const all = count === undefined ? '' : `${count}${what.whose ? ` ${what.whose}` : ''}${to}`;
  return (
    <Dialog
      title={count === undefined ? 'Counting the jobs' : `${verb} ${all}${step.at === 'asking' ? '?' : ''}`}
      onClose={close}
    >
      <div class="dialog-body bulk-steps">
        {step.at === 'counting' && <p role="status">{jobs(step.count)} so far</p>}
        {step.at === 'asking' && <p>{text}</p>}
        {step.at === 'asking' && what.action === 'retry' && <Pace rate={rate} onRate={setRate} />}
        {step.at === 'running' && <Running count={step.ids.length} progress={step.progress} />}
        {step.at === 'over' && <Outcome step={step} done={done} />}
      </div>
      <footer>
        <button type="button" onClick={close}>
          {step.at === 'asking' ? 'Keep them as they are' : step.at === 'over' ? 'Close' : 'Stop'}
        </button>
        {step.at === 'asking' && (
          <button type="button" class={isDanger ? 'danger' : 'primary'} onClick={() => run(step.ids)}>
            {verb} {count}
          </button>
        )}
      </footer>
    </Dialog>
  );
}

function Pace({ rate, onRate }: { rate: number; onRate(rate: number): void }) {
  return (
    <label class="pace">
      Pace
      <select value={rate} onChange={({ currentTarget }) => onRate(Number(currentTarget.value))}>
        {PACES.map((each) => (
          <option key={each} value={each}>
            {each === 0 ? 'all at once' : `${each} a second; the broker keeps the pace`}
          </option>
        ))}
      </select>
    </label>
  );
}

function Running({ count, progress: { tried, failed } }: { count: number; progress: Progress }) {
  return (
    <>
      <progress max={count} value={tried} aria-label="Jobs that are done" />
      <p>
        {tried.toLocaleString('en')} of {jobs(count)}
        {failed.length > 0 && `, of which ${failed.length} stay as they are`}
      </p>
      <p class="quiet">What is done stays done when you stop.</p>
    </>
  );
}

function Outcome({ step: { ids, progress, error }, done }: { step: Step & { at: 'over' }; done: string }) {
  const left = ids.length - progress.tried;
  return (
    <>
      {error && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
      <p>
        {jobs(progress.done)} {done}
        {progress.failed.length > 0 && `, ${progress.failed.length} stay as they are`}
        {left > 0 && `, ${left} were not tried`}. <Link to="/audit">The audit trail</Link> says so.
      </p>
      <ul class="lines">
        {progress.failed.slice(0, SHOWN_FAILURES).map(({ id, detail }) => (
          <li key={id}>
            <strong class="id">{id}</strong> <span class="quiet">{detail}</span>
          </li>
        ))}
        {progress.failed.length > SHOWN_FAILURES && (
          <li class="quiet">and {progress.failed.length - SHOWN_FAILURES} more</li>
        )}
      </ul>
    </>
  );
}
