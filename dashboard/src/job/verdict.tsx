import { useEffect, useState } from 'preact/hooks';
import { isTerminal } from '../../../src/jobs/vocabulary.js';
import type { JobRecord } from '../api/answers.js';
import { formatDuration } from '../ui/format.js';
import { Time } from '../ui/time.js';
import { adviceFor } from './advice.js';
import { goesOnAt, waitText } from './waits.js';

/** What happened to a job, in a sentence; why, where it failed; and what to do about that. */
export function Verdict({ job }: { job: JobRecord }) {
  const { status, state, error } = job;
  const tone = state === 'cancelled' ? 'cancelled' : status;
  return (
    <section class={`callout verdict ${tone}`} aria-label="What happened">
      <p class="verdict-words">
        <Sentence job={job} />
      </p>
      {error && (
        <p>
          <code>{error.code}</code> {error.message}
        </p>
      )}
      {error && <Advice code={error.code} />}
    </section>
  );
}

function Sentence({ job }: { job: JobRecord }) {
  const { state, attempt, maxAttempts, worker } = job;
  const took = tookOf(job);
  const after = took === undefined ? '' : ` after ${formatDuration(took)}`;
  switch (state) {
    case 'queued':
      return (
        <>
          Waits in the queue, added <Time at={job.createdAt} />.
        </>
      );
    case 'scheduled':
      return (
        <>
          Starts <Time at={goesOnAt(job)} />.
        </>
      );
    case 'retrying':
      return (
        <>
          Attempt {attempt} of {maxAttempts} failed. The next one begins <Time at={goesOnAt(job)} />.
        </>
      );
    case 'running':
      return (
        <>
          Attempt {attempt} of {maxAttempts} runs{worker && ` on ${worker}`}, begun{' '}
          <Time at={job.updatedAt} />.
        </>
      );
    case 'waiting':
      return (
        <>
          Sleeps {waitText(job)}
          {goesOnAt(job) !== undefined && (
            <>
              {' '}
              and goes on <Time at={goesOnAt(job)} />
            </>
          )}
          .
        </>
      );
    case 'completed':
      return (
        <>
          Completed{after}
          {attempt > 1 && `, on attempt ${attempt}`}.
        </>
      );
    case 'exhausted':
      return (
        <>
          Failed{after}: {maxAttempts === 1 ? 'its only attempt' : `all ${maxAttempts} attempts`} failed.
        </>
      );
    case 'rejected':
      return <>Failed{after}: it was not tried again, since that could not help.</>;
    case 'timed_out':
      return <>Failed{after}: it ran out of time.</>;
    case 'expired':
      return <>Failed: it waited for its first attempt longer than it may.</>;
    case 'cancelled':
      return <>Was cancelled{after}.</>;
    default:
      return <>{state}</>;
  }
}

/** From its first start to its end. */
function tookOf({ startedAt, finishedAt, status }: JobRecord): number | undefined {
  if (!isTerminal(status) || startedAt === undefined || finishedAt === undefined) return undefined;
  return Date.parse(finishedAt) - Date.parse(startedAt);
}

/** What the documentation says to do about an error of a code; nothing for codes that are not Jetfleet's. */
function Advice({ code }: { code: string }) {
  const [advice, setAdvice] = useState<string | undefined>(undefined);
  useEffect(() => {
    let isStale = false;
    adviceFor(code).then(
      (text) => !isStale && setAdvice(text),
      () => {},
    );
    return () => {
      isStale = true;
    };
  }, [code]);
  if (!advice) return null;
  return (
    <p class="advice">
      <strong>What to do:</strong>{' '}
      {advice.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}
    </p>
  );
}
