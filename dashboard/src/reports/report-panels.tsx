import { useLayoutEffect, useRef } from 'preact/hooks';
import type { JobRecord } from '../api/answers.js';
import { formatClock, formatCount } from '../ui/format.js';
import { JsonView } from '../ui/json.js';
import { Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { type Chunk, type LogLine, type Progress, useReports } from './use-reports.js';

/** Lines in the page; more would make each new one slower. */
const SHOWN_LINES = 200;
const SHOWN_CHARACTERS = 20_000;
/** Within so many pixels of its end, what grows is followed. */
const AT_END_PX = 24;

/** What the handler of a job says of how far it is, its log and its partial results, live. Nothing where it says nothing. */
export function ReportPanels({ job }: { job: JobRecord }) {
  const reports = useReports(job.id, job.attempt > 0);
  const { lines, chunks } = reports;
  const progress = progressOf(job, reports.progress);
  return (
    <>
      {progress && <ProgressPanel {...progress} />}
      {(lines.length > 0 || chunks.length > 0) && (
        <div class={lines.length > 0 && chunks.length > 0 ? 'grid two' : 'stack'}>
          {lines.length > 0 && <LogPanel lines={lines} />}
          {chunks.length > 0 && <OutputPanel chunks={chunks} />}
        </div>
      )}
    </>
  );
}

/** The newest that there is of this attempt: as it was reported, or as the record has it. */
function progressOf({ attempt, progress, progressAt: at }: JobRecord, reported: Progress | undefined) {
  const isOfAttempt = reported?.attempt === attempt;
  if (reported && isOfAttempt && (at === undefined || reported.at >= at)) return reported;
  return at === undefined ? undefined : { progress, at };
}

function ProgressPanel({ progress, at }: Pick<Progress, 'progress' | 'at'>) {
  const measure = measureOf(progress);
  return (
    <Panel
      title="Progress"
      actions={
        <span class="quiet">
          <Time at={at} />
        </span>
      }
    >
      {measure ? <Measure {...measure} /> : <JsonView value={progress} />}
    </Panel>
  );
}

interface MeasureProps {
  done: number;
  total: number;
  words: string;
  message?: string;
}

function Measure({ done, total, words, message }: MeasureProps) {
  return (
    <div class="progress">
      <div
        class="bar"
        role="progressbar"
        aria-label="Progress of the job"
        aria-valuemin={0}
        aria-valuenow={done}
        aria-valuemax={total}
        aria-valuetext={words}
      >
        <span class="part processing" style={{ width: `${(100 * done) / total}%` }} />
      </div>
      <strong>{words}</strong>
      {message !== undefined && <span class="quiet">{message}</span>}
    </div>
  );
}

/** A percentage or `{ done, total, message }`, by custom; undefined for anything else. */
function measureOf(progress: unknown): MeasureProps | undefined {
  if (isBetween(progress, 100)) return { done: progress, total: 100, words: `${Math.round(progress)} %` };
  const { done, total, message } = Object(progress) as Record<string, unknown>;
  if (typeof total !== 'number' || total <= 0 || !isBetween(done, total)) return undefined;
  const words = `${formatCount(done)} of ${formatCount(total)}`;
  return { done, total, words, ...(typeof message === 'string' && { message }) };
}

function isBetween(value: unknown, most: number): value is number {
  return typeof value === 'number' && value >= 0 && value <= most;
}

function LogPanel({ lines }: { lines: readonly LogLine[] }) {
  const shown = lines.slice(-SHOWN_LINES).reverse();
  const earlier = shown.at(-1)?.index ?? 0;
  const attempts = new Set(shown.map(({ attempt }) => attempt));
  return (
    <Panel title="Log">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <ol class="log job-log" tabIndex={0} aria-label="Lines of the log, newest first">
        {shown.map(({ index, at, attempt, line }) => (
          <li key={index}>
            <time dateTime={at}>{formatClock(at)}</time>
            <span>
              {attempts.size > 1 && <span class="quiet">attempt {attempt} · </span>}
              {line}
            </span>
          </li>
        ))}
        {earlier > 0 && <li class="quiet">{formatCount(earlier)} earlier lines</li>}
      </ol>
    </Panel>
  );
}

/** Texts as one, as they were meant; other values one below the other. It follows what comes, unless somebody reads further up. */
function OutputPanel({ chunks }: { chunks: readonly Chunk[] }) {
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const onScroll = () => {
    const { scrollHeight = 0, scrollTop = 0, clientHeight = 0 } = box.current ?? {};
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < AT_END_PX;
  };
  useLayoutEffect(() => {
    if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [chunks]);
  const isText = chunks.every(({ chunk }) => typeof chunk === 'string');
  const text = chunks
    .map(({ chunk }) => (isText ? chunk : JSON.stringify(chunk)))
    .join(isText ? '' : '\n')
    .slice(-SHOWN_CHARACTERS);
  return (
    <Panel
      title="Output"
      actions={<span class="quiet">{formatCount((chunks.at(-1)?.index ?? 0) + 1)} parts</span>}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="output" ref={box} tabIndex={0} aria-label="Output" onScroll={onScroll}>
        {text}
      </section>
    </Panel>
  );
}
