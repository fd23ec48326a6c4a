import { clipTo } from '../../../src/jobs/excerpt.js';
import { Empty } from '../ui/page.js';
import { eventWords } from './step-log.js';
import type { ToldStep } from './steps.js';

const SHOWN = 60;
const COLUMN = 190;
const ROW = 30;
const HEAD = 44;

/** Who sent what to whom, oldest on top. The log says the same in words. */
export function SequenceView({ steps }: { steps: readonly ToldStep[] }) {
  const messages = steps.filter(({ kind }) => kind === 'event').slice(-SHOWN);
  if (messages.length === 0) return <Empty title="No message between actors yet." />;
  const actors = [...new Set(messages.flatMap(({ sentBy, actor }) => [sentBy ?? 'worker', actor]))];
  const x = (actor: string) => actors.indexOf(actor) * COLUMN + COLUMN / 2;
  const width = actors.length * COLUMN;
  const height = HEAD + messages.length * ROW + 16;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="sequence" tabIndex={0} aria-label="Messages between actors">
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`Messages between ${actors.join(', ')}`}
      >
        {actors.map((actor) => (
          <g key={actor} class="lifeline">
            <line x1={x(actor)} x2={x(actor)} y1={HEAD - 8} y2={height} />
            <rect x={x(actor) - COLUMN / 2 + 8} y={6} width={COLUMN - 16} height={28} rx={8} />
            <text x={x(actor)} y={25}>
              {clipTo(actor, 24)}
            </text>
          </g>
        ))}
        {messages.map((message, index) => (
          <Message
            key={message.index}
            from={x(message.sentBy ?? 'worker')}
            to={x(message.actor)}
            y={HEAD + index * ROW + 20}
            words={eventWords(message.event ?? '')}
          />
        ))}
      </svg>
    </section>
  );
}

function Message({ from, to, y, words }: { from: number; to: number; y: number; words: string }) {
  if (from === to) {
    return (
      <g class="message">
        <path d={`M${from} ${y - 6}h22v10h-16`} />
        <path class="head" d={`M${from + 2} ${y + 4}l7 -4v8z`} />
        <text class="beside" x={from + 30} y={y + 3}>
          {clipTo(words, 22)}
        </text>
      </g>
    );
  }
  const back = from < to ? -8 : 8;
  return (
    <g class="message">
      <line x1={from} x2={to + back} y1={y} y2={y} />
      <path class="head" d={`M${to} ${y}l${back} -4v8z`} />
      <text x={(from + to) / 2} y={y - 5}>
        {clipTo(words, Math.floor(Math.abs(to - from) / 7.5))}
      </text>
    </g>
  );
}
