import type { JobRecord } from '../jobs/job-record.js';
import type { Row, Verdict } from './demo-verdict.js';
import { transitionLine } from './job-text.js';
import { paint } from './output.js';

/** Where nothing can be drawn again, a progress line is worth printing this many times. */
const PLAIN_PROGRESS_LINES = 4;

/** Shows transitions line by line, and the progress below them: drawn in place on a terminal, else now and then. */
export class DemoScreen {
  readonly #stream: NodeJS.WriteStream;
  readonly #total: number;
  #progress = '';
  #done = 0;

  constructor(stream: NodeJS.WriteStream, total: number) {
    this.#stream = stream;
    this.#total = total;
  }

  line(text: string): void {
    const { isTTY } = this.#stream;
    this.#stream.write(isTTY ? `\r\x1b[2K${text}\n${this.#progress}` : `${text}\n`);
  }

  transition(record: JobRecord): void {
    this.line(transitionLine(record, this.#stream));
  }

  progress(done: number): void {
    if (done === this.#done) return;
    const step = Math.ceil(this.#total / PLAIN_PROGRESS_LINES);
    const isDue = Math.floor(done / step) > Math.floor(this.#done / step) || done === this.#total;
    this.#done = done;
    const text = `${done}/${this.#total} jobs finished`;
    if (this.#stream.isTTY) {
      this.#progress = done === this.#total ? '' : paint('bold', text, this.#stream);
      this.#stream.write(`\r\x1b[2K${this.#progress || `${text}\n`}`);
    } else if (isDue) {
      this.line(`-- ${text}`);
    }
  }

  summary({ rows }: Verdict): void {
    this.#progress = '';
    const width = (column: 'what' | 'expected') =>
      Math.min(Math.max(column.length, ...rows.map((row) => row[column].length)), 44);
    const [what, expected] = [width('what'), width('expected')];
    this.line('');
    this.line(paint('bold', `   ${'JOB'.padEnd(what)}  ${'EXPECTED'.padEnd(expected)}  GOT`, this.#stream));
    for (const row of rows) this.line(this.#summaryLine(row, what, expected));
  }

  #summaryLine(row: Row, what: number, expected: number): string {
    const mark = row.ok ? paint('green', '✓', this.#stream) : paint('red', '✗', this.#stream);
    const got = row.ok ? row.got : paint('red', row.got, this.#stream);
    return ` ${mark} ${row.what.padEnd(what)}  ${row.expected.padEnd(expected)}  ${got}`;
  }
}
