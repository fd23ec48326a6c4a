import type { InspectionRecord } from '../api/answers.js';
import { formatClock } from '../ui/format.js';

/** Lines in the page; more would make each new one slower. */
const SHOWN = 120;

/** Every step in words, newest first. */
export function StepLog({ steps }: { steps: readonly InspectionRecord[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <ol class="log" tabIndex={0} aria-label="Steps, newest first">
      {steps
        .slice(-SHOWN)
        .reverse()
        .map((step) => (
          <li key={`${step.worker}-${step.seq}`} class={step.kind}>
            <time dateTime={step.at}>{formatClock(step.at)}</time>
            <span class="log-actor">{step.actor}</span>
            <span>{wordsOf(step)}</span>
          </li>
        ))}
    </ol>
  );
}

/** XState's names of its own events say little to people: `xstate.done.actor.run` is `run done`. */
export function eventWords(event: string): string {
  const [, kind, actor] = /^xstate\.(done|error|snapshot)\.actor\.(.+)$/.exec(event) ?? [];
  if (kind) return `${actor?.replace(/^\d+\./, '')} ${kind}`;
  if (event === 'xstate.init') return 'start';
  const [, delay] = /^xstate\.after\.([^.]+)\./.exec(event) ?? [];
  return delay ? `after ${delay}` : event;
}

function wordsOf({ kind, event = '', sentBy, edges = [], active = [], status }: InspectionRecord): string {
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
