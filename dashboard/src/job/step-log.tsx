import { useEffect, useRef } from 'preact/hooks';
import { clipTo } from '../../../src/jobs/excerpt.js';
import { formatClock, formatCount } from '../ui/format.js';
import { missingBefore, type ToldStep } from './steps.js';

/** Lines in the page; more would make each new one slower. */
const SHOWN = 200;
/** Characters of what came with an event. */
const SHOWN_CONTENT = 160;

interface StepLogProps {
  steps: readonly ToldStep[];
  /** The place of the step that the page shows. */
  shown: number;
  onShow(step: number): void;
}

/** Every step in words, newest first. Each shows itself on the charts. */
export function StepLog({ steps, shown, onShow }: StepLogProps) {
  const from = Math.max(0, steps.length - SHOWN);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const line = list.current?.querySelector<HTMLElement>('.shown');
    if (!list.current || !line) return;
    // The page itself stays where it is.
    const top = line.offsetTop - list.current.offsetTop;
    const { scrollTop, clientHeight } = list.current;
    if (top < scrollTop || top + line.offsetHeight > scrollTop + clientHeight)
      list.current.scrollTop = top - clientHeight / 2;
  }, [shown]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <ol ref={list} class="log steps" tabIndex={0} aria-label="Steps, newest first">
      {steps
        .slice(from)
        .map((step, offset) => (
          <Line
            key={step.index}
            step={step}
            left={missingBefore(steps, from + offset)}
            isShown={from + offset === shown}
            onShow={() => onShow(from + offset)}
          />
        ))
        .reverse()}
      {from > 0 && <li class="quiet">{formatCount(from)} earlier ones</li>}
    </ol>
  );
}

interface LineProps {
  step: ToldStep;
  /** How many before it are not known. */
  left: number;
  isShown: boolean;
  onShow(): void;
}

function Line({ step, left, isShown, onShow }: LineProps) {
  return (
    <>
      <li class={`${step.kind} ${isShown ? 'shown' : ''}`} aria-current={isShown ? 'step' : undefined}>
        <button type="button" class="link" title="Show this step on the charts" onClick={onShow}>
          <time dateTime={step.at}>{formatClock(step.at)}</time>
        </button>
        <span class="log-actor">{step.actor}</span>
        <span>
          {stepWords(step)}
          {step.data !== undefined && <Content data={step.data} />}
        </span>
      </li>
      {left > 0 && <li class="quiet">{formatCount(left)} steps are not kept</li>}
    </>
  );
}

/** What came with an event, in one line; the whole on hover. */
function Content({ data }: { data: unknown }) {
  const text = JSON.stringify(data);
  return (
    <code class="quiet" title={text}>
      {' '}
      {clipTo(text, SHOWN_CONTENT)}
    </code>
  );
}

/** XState's names of its own events say little to people: `xstate.done.actor.run` is `run done`. */
export function eventWords(event: string): string {
  const [, kind, actor] = /^xstate\.(done|error|snapshot)\.actor\.(.+)$/.exec(event) ?? [];
  if (kind) return `${actor?.replace(/^\d+\./, '')} ${kind}`;
  const [, state] = /^xstate\.done\.state\.(?:.*\.)?([^.]+)$/.exec(event) ?? [];
  if (state) return `${state} done`;
  const [, settled] = /^xstate\.promise\.(resolve|reject)$/.exec(event) ?? [];
  if (settled) return settled === 'resolve' ? 'its result' : 'its error';
  if (event === 'xstate.init') return 'start';
  if (event === 'xstate.stop') return 'stop';
  const [, delay] = /^xstate\.after\.([^.]+)\./.exec(event) ?? [];
  return delay ? `after ${delay}` : event;
}

/** What a step did, without its actor. */
export function stepWords({ kind, event = '', sentBy, edges = [], active = [], status }: ToldStep): string {
  switch (kind) {
    case 'actor':
      return 'is made';
    case 'event':
      return `hears ${eventWords(event)}${sentBy ? ` from ${sentBy}` : ''}`;
    case 'transition':
      return edges.length === 0
        ? `takes ${eventWords(event)}${active.length > 0 ? `, stands in ${active.join(', ')}` : ''}`
        : edges
            .map(
              (edge) =>
                `${edge.from || 'anywhere'} → ${edge.to} on ${eventWords(edge.event)}${edge.guard ? ` [${edge.guard}]` : ''}`,
            )
            .join('; ');
    case 'snapshot':
      return `stands in ${active.join(', ') || 'its only state'}`;
    case 'done':
      return `ends: ${status ?? 'done'}`;
    default:
      return kind;
  }
}
