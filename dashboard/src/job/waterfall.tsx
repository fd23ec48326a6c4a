import { useMemo, useState } from 'preact/hooks';
import type { FamilyJob } from '../../../src/jobs/family.js';
import { Link } from '../router.js';
import { shared } from '../shared.js';
import { useStore } from '../store.js';
import { clock } from '../ui/clock.js';
import { formatClock, formatCount, formatDuration } from '../ui/format.js';
import { type Bar, type Lane, lanesOfFollowing, lanesOfJob, type Span, spanOf } from './lanes.js';
import type { Stage } from './stages.js';
import type { ToldStep } from './steps.js';

interface WaterfallProps {
  stages: readonly Stage[];
  steps: readonly ToldStep[];
  /** The job whose page it is, and what belongs to it or followed from it. */
  root: string;
  descendants: readonly FamilyJob[];
  /** The time of the moment that the page shows. */
  at: string | undefined;
  /** Shows the moment at a time on the charts. */
  onShow(at: string): void;
}

const SPANS = { all: 'Whole story', job: 'This job', run: 'Last run' } as const;
type SpanName = keyof typeof SPANS;
const TICKS = 5;

/** Where the time of a job went, over one axis: in the queue, in attempts and between them, in its machines, and in the jobs that followed. */
export function Waterfall({ stages, steps, root, descendants, at, onShow }: WaterfallProps) {
  const now = useStore(clock);
  const [name, setName] = useState<SpanName>('all');
  const [words, setWords] = useState('');
  const own = useMemo(() => lanesOfJob(stages, steps), [stages, steps]);
  const { lanes: following, hidden } = useMemo(
    () => lanesOfFollowing(descendants, root),
    [descendants, root],
  );
  const isOpen = [...own, ...following].some(({ bars }) => bars.some(({ to }) => to === undefined));
  const spans = useMemo(() => spansOf(own, following, now), [own, following, isOpen ? now : 0]);
  const span = spans[name] ?? spans.all;
  if (!span) return null;
  const lanes = [...own, ...(name === 'all' ? following : [])];
  const say = ({ currentTarget }: Event) => setWords((currentTarget as HTMLElement).title);
  const sayNothing = () => setWords('');
  const cursor = at === undefined ? undefined : partOf(Date.parse(at), span);
  return (
    <section class="panel waterfall" aria-label="Where the time went">
      <div class="panel-head">
        <h2>Where the time went</h2>
        <Spans
          names={(Object.keys(SPANS) as SpanName[]).filter((each) => spans[each])}
          name={name}
          onName={setName}
        />
      </div>
      <Axis span={span} />
      <ol class="lanes">
        {lanes.map((lane) => (
          <li key={lane.key} class={lane.isWithin ? 'within' : ''}>
            <span class="lane-name" title={lane.about ?? lane.name}>
              {lane.to ? <Link to={lane.to}>{lane.name}</Link> : lane.name}
            </span>
            <span class="lane">
              {lane.bars.map((bar) => (
                <BarView
                  key={bar.key}
                  bar={bar}
                  lane={lane}
                  span={span}
                  now={now}
                  onShow={onShow}
                  say={say}
                  sayNothing={sayNothing}
                />
              ))}
              {cursor !== undefined && cursor >= 0 && cursor <= 1 && (
                <span class="lane-cursor" style={{ left: percent(cursor) }} />
              )}
            </span>
          </li>
        ))}
      </ol>
      {hidden > 0 && name === 'all' && (
        <p class="quiet">and {formatCount(hidden)} more jobs and webhooks that came of it</p>
      )}
      <p class="quiet waterfall-words" aria-live="off">
        {words || 'Point at a bar for its times; a click shows that moment on the charts.'}
      </p>
    </section>
  );
}

interface SpansProps {
  names: readonly SpanName[];
  name: SpanName;
  onName(name: SpanName): void;
}

function Spans({ names, name, onName }: SpansProps) {
  if (names.length < 2) return null;
  return (
    <fieldset class="switch" aria-label="Time that is shown">
      {names.map((each) => (
        <button key={each} type="button" aria-pressed={each === name} onClick={() => onName(each)}>
          {SPANS[each]}
        </button>
      ))}
    </fieldset>
  );
}

/** The spans that differ: what followed, and runs before the last one, are left out where there are none. */
function spansOf(
  own: readonly Lane[],
  following: readonly Lane[],
  now: number,
): Partial<Record<SpanName, Span>> {
  const all = spanOf([...own, ...following], now);
  const job = following.length > 0 ? spanOf(own, now) : undefined;
  const last = own.find(({ key }) => key === 'processing.running')?.bars.at(-1);
  const run = last && { from: last.from, to: Math.max(last.to ?? now, last.from + 1) };
  const isPart = run && all && run.to - run.from < 0.95 * (all.to - all.from);
  return { ...(all && { all }), ...(job && { job }), ...(isPart && { run }) };
}

interface BarViewProps {
  bar: Bar;
  lane: Lane;
  span: Span;
  now: number;
  onShow(at: string): void;
  say(event: Event): void;
  sayNothing(): void;
}

function BarView({ bar, lane, span, now, onShow, say, sayNothing }: BarViewProps) {
  const from = partOf(bar.from, span);
  const to = partOf(bar.to ?? Math.max(now, bar.from), span);
  if (to < 0 || from > 1) return null;
  const left = Math.max(from, 0);
  const width = Math.min(to, 1) - left;
  const isPoint = bar.to === bar.from && lane.isWithin !== true;
  const kind = isPoint ? (left > 0.98 ? 'point last' : 'point') : bar.to === undefined ? 'open' : '';
  const facts = {
    class: `bar ${bar.tone} ${kind}`,
    // The last one stays on the axis, however short it is.
    style: { left: `min(${percent(left)}, 100% - 3px)`, ...(!isPoint && { width: percent(width) }) },
    title: wordsOf(bar, span),
    'aria-label': `${lane.about ?? lane.name}: ${wordsOf(bar, span)}`,
    onMouseEnter: say,
    onMouseLeave: sayNothing,
    onFocus: say,
    onBlur: sayNothing,
  };
  const label = bar.label !== undefined && width > 0.12 && <span>{bar.label}</span>;
  if (lane.to !== undefined && !shared) {
    return (
      <Link to={lane.to} {...facts}>
        {label}
      </Link>
    );
  }
  return (
    <button type="button" {...facts} onClick={(event) => onShow(momentAt(event, bar, span))}>
      {label}
    </button>
  );
}

/** The time under the mouse; by keyboard, that of the begin. */
function momentAt({ detail, clientX, currentTarget }: MouseEvent, { from, to }: Bar, span: Span): string {
  const axis = (currentTarget as Element).parentElement?.getBoundingClientRect();
  const isByMouse = detail > 0 && axis !== undefined && axis.width > 0;
  const ms = isByMouse ? span.from + ((clientX - axis.left) / axis.width) * (span.to - span.from) : from;
  return new Date(Math.min(Math.max(ms, from), to ?? Number.POSITIVE_INFINITY)).toISOString();
}

function wordsOf({ words, from, to }: Bar, span: Span): string {
  const begin = formatClock(new Date(from).toISOString());
  const after = `${formatDuration(from - span.from)} after the beginning`;
  if (to === from) return `${words} · at ${begin}, ${after}`;
  const end = to === undefined ? 'now' : formatClock(new Date(to).toISOString());
  const took = to === undefined ? 'still' : formatDuration(to - from);
  return `${words} · ${begin} to ${end} · ${took}`;
}

function Axis({ span }: { span: Span }) {
  const ticks = Array.from({ length: TICKS }, (_, index) => index / (TICKS - 1));
  return (
    <div class="lane-axis" aria-hidden="true">
      <span class="lane">
        {ticks.map((part) => (
          <span key={part} style={{ left: percent(part) }}>
            {formatDuration(part * (span.to - span.from))}
          </span>
        ))}
      </span>
    </div>
  );
}

function partOf(ms: number, { from, to }: Span): number {
  return (ms - from) / (to - from);
}

function percent(part: number): string {
  return `${(100 * part).toFixed(3)}%`;
}
