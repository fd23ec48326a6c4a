/** What the commands write: data on stdout, everything else on stderr. */
import { once } from 'node:events';
import { stripVTControlCharacters, styleText } from 'node:util';
import truncatedWidth from 'fast-string-truncated-width';
import type { JobStatus } from '../jobs/vocabulary.js';

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** A reader that is slow gets no more until it has read; what waits for it lies in memory. */
const MAX_BEHIND_BYTES = 4 * 1024 * 1024;

/** Whether stdout takes more: what is shown live is left out otherwise. */
export function hasRoom(): boolean {
  return process.stdout.writableLength < MAX_BEHIND_BYTES;
}

/** Resolves once stdout takes more. */
export async function room(): Promise<void> {
  if (!hasRoom()) await once(process.stdout, 'drain');
}

/** One line for the person in front of it. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

type Stream = NodeJS.WriteStream;
type Style = 'green' | 'red' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Text in a colour, where the stream shows colours: NO_COLOR, pipes and dumb terminals get none, and FORCE_COLOR has them anywhere. */
export function paint(style: Style, text: string, stream: Stream = process.stdout): string {
  return styleText(style, text, { stream });
}

const STATUS_STYLE: Record<JobStatus, Style> = {
  pending: 'yellow',
  processing: 'cyan',
  completed: 'green',
  failed: 'red',
};

export function paintStatus(status: JobStatus, text: string, stream?: Stream): string {
  return paint(STATUS_STYLE[status], text, stream);
}

/** Text without the characters that would steer a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '�');
}

/** How many columns of a terminal a text takes; colours take none, and characters of East Asia two. */
function widthOf(text: string): number {
  return truncatedWidth(text).width;
}

const STYLE = String.raw`(?:\u001b\[[\d;]*m)*`;
const STYLED = new RegExp(`^(${STYLE}).*?(${STYLE})$`, 's');

/** A text that takes `width` columns at most. One that is cut keeps the style of its whole, and no other. */
export function fitTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const bare = stripVTControlCharacters(text);
  const { index } = truncatedWidth(bare, { limit: width, ellipsis: '…', ellipsisWidth: 1 });
  const [, begin = '', end = ''] = STYLED.exec(text) ?? [];
  return `${begin}${bare.slice(0, index)}…${end}`;
}

type Row = readonly (string | number)[];

/** The room of a table that is never cut. */
export const WHOLE = Number.POSITIVE_INFINITY;

const GAP = '  ';
/** Narrower than these a text tells nothing; the second is for terminals with no room for the first. */
const MIN_WIDTHS = [8, 3] as const;

/**
 * Rows in columns as wide as their widest cell; the first row is the heading. Numbers stand to the right.
 * @param columns what there is room for: texts are cut to it. Defaults to the width of the terminal; elsewhere nothing is cut
 */
export function table(rows: readonly Row[], columns = terminalColumns()): string {
  const [heading = [], first] = rows;
  const isText = heading.map((_, column) => typeof (first?.[column] ?? '') === 'string');
  const natural = heading.map((_, column) => Math.max(...rows.map((row) => widthOf(String(row[column])))));
  const widths = narrowed(natural, isText, columns);
  const line = (row: Row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        const text = fitTo(String(cell), width);
        const blanks = ' '.repeat(width - widthOf(text));
        return isText[column] ? text + blanks : blanks + text;
      })
      .join(GAP)
      .trimEnd();
  return rows.map(line).join('\n');
}

function terminalColumns(): number {
  return (process.stdout.isTTY && process.stdout.columns) || WHOLE;
}

/** Takes from the widest text until all columns fit; from the first, by which its row is called, only after the others. */
function narrowed(natural: readonly number[], isText: readonly boolean[], columns: number): number[] {
  const widths = [...natural];
  const texts = [...widths.keys()].filter((column) => isText[column]);
  let over = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - columns;
  for (const min of MIN_WIDTHS) {
    for (const some of [texts.filter((column) => column > 0), texts]) {
      while (over > 0) {
        const widest = some.reduce(
          (best, column) => ((widths[column] ?? 0) > (widths[best] ?? 0) ? column : best),
          some[0] ?? 0,
        );
        if (some.length === 0 || (widths[widest] ?? 0) <= min) break;
        widths[widest] = (widths[widest] ?? 0) - 1;
        over--;
      }
    }
  }
  return widths;
}

/** A reader of our output that leaves early, such as `head`, is no error. What cannot be written, as on a full disk, is. */
export function endWhenOutputFails(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE') process.exit(0);
      if (stream === process.stdout) note(`jetfleet: the output cannot be written: ${message}`);
      process.exit(1);
    });
  }
}
