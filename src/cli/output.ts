/** What the commands write: data on stdout, everything else on stderr. */
import { once } from 'node:events';
import { styleText } from 'node:util';
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

const PROGRESS_MS = 2_000;

/** Notes how far a long command is, now and then; a short one notes nothing. */
export function noteProgress(what: string): (done: number) => void {
  let notedMs = performance.now();
  return (done) => {
    if (performance.now() - notedMs < PROGRESS_MS) return;
    notedMs = performance.now();
    note(`${done.toLocaleString('en')} ${what} so far`);
  };
}

type Stream = NodeJS.WriteStream;
type Style = 'green' | 'red' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Text in a colour, where the stream shows colours: NO_COLOR, pipes and dumb terminals get none. */
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

/** Rows in columns as wide as their widest cell; the first row is the heading. Numbers stand to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const [heading = []] = rows;
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  const line = (row: readonly (string | number)[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        const toRight = typeof (rows[1]?.[column] ?? '') === 'number';
        return toRight ? String(cell).padStart(width) : String(cell).padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
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
