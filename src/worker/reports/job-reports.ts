import type { Broker } from '../../broker/broker.js';
import { ValidationError } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { toJobError } from '../../jobs/job-error.js';
import type { JobRecord } from '../../jobs/job-record.js';
import {
  MAX_CHUNK_BYTES,
  MAX_CHUNKS,
  MAX_CHUNKS_BYTES,
  MAX_LOG_BYTES,
  MAX_LOG_LINE_LENGTH,
  MAX_LOG_LINES,
  MAX_PROGRESS_BYTES,
} from '../../jobs/limits.js';
import { type ChannelOptions, ReportChannel, type ReportingRun } from './report-channel.js';

type Kind = ChannelOptions['kind'];

const CHANNELS: Readonly<Record<Kind, Omit<ChannelOptions, 'kind' | 'run' | 'store' | 'now'>>> = {
  progress: { everyMs: 250, max: { items: 64, bytes: 256 * 1024 }, isLatest: true, overflow: 'drop' },
  log: { everyMs: 250, max: { items: MAX_LOG_LINES, bytes: MAX_LOG_BYTES }, overflow: 'drop' },
  chunk: {
    everyMs: 50,
    max: { items: MAX_CHUNKS, bytes: MAX_CHUNKS_BYTES },
    isOfAttempt: true,
    overflow: 'refuse',
  },
};
/** How long the end of a job waits for its last lines and chunks. */
const FLUSH_MS = 5_000;

/** What one run of a job reports: made by its first report, so that other jobs have none. */
export class JobReports {
  readonly #broker: Broker;
  readonly #run: ReportingRun;
  readonly #channels = new Map<Kind, ReportChannel>();
  #progress: { value: unknown; at: number } | undefined;

  constructor(broker: Broker, run: ReportingRun) {
    this.#broker = broker;
    this.#run = run;
  }

  progress(value: unknown): void {
    const text = jsonOf('the progress', value, MAX_PROGRESS_BYTES);
    this.#progress = { value: JSON.parse(text), at: this.#broker.clock.now() };
    this.#channel('progress').add(text);
  }

  log(line: unknown): void {
    const text = typeof line === 'string' ? line : String(line);
    const left = text.length - MAX_LOG_LINE_LENGTH;
    const shown = left > 0 ? `${text.slice(0, MAX_LOG_LINE_LENGTH)}… (${left} more characters)` : text;
    this.#channel('log').add(JSON.stringify([Math.round(this.#broker.clock.now()), shown]));
  }

  emit(chunk: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const text = jsonOf('the chunk', chunk, MAX_CHUNK_BYTES);
      this.#channel('chunk').add(text, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /** What the job has logged and emitted is stored before its end is, so that readers know when they have all. */
  async flush(): Promise<void> {
    const flushed = [...this.#channels].map(([kind, channel]) =>
      kind === 'progress' ? channel.stop() : channel.flush(FLUSH_MS),
    );
    await Promise.all(flushed);
  }

  /** @param hasLast whether what waits is stored first: the record of a cancelled job is written by somebody else */
  async close(hasLast: boolean): Promise<void> {
    if (hasLast) await this.flush();
    for (const channel of this.#channels.values()) channel.stop();
  }

  /** What the record of the job says of them from now on. */
  onRecord(record: JobRecord): JobRecord {
    const reported = { ...record };
    if (this.#progress) {
      reported.progress = this.#progress.value;
      reported.progressAt = new Date(this.#progress.at).toISOString();
    }
    const [lines, chunks] = [this.#channels.get('log'), this.#channels.get('chunk')];
    if (lines) reported.logLines = lines.count;
    if (chunks) reported.chunks = chunks.count;
    return reported;
  }

  #channel(kind: Kind): ReportChannel {
    const known = this.#channels.get(kind);
    if (known) return known;
    const { activity: store, clock } = this.#broker;
    const channel = new ReportChannel({
      ...CHANNELS[kind],
      kind,
      run: this.#run,
      store,
      now: () => clock.now(),
    });
    this.#channels.set(kind, channel);
    return channel;
  }
}

/** @throws ValidationError `JETFLEET_REPORT_INVALID` */
function jsonOf(what: string, value: unknown, maxBytes: number): string {
  const refused = (why: string) => new ValidationError('JETFLEET_REPORT_INVALID', `${what} ${why}`);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw refused(`has no JSON form: ${toJobError(error).message}`);
  }
  if (text === undefined) throw refused(`has no JSON form: got ${excerptOf(value)}`);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw refused(`has ${bytes} bytes of JSON, the limit is ${maxBytes}`);
  return text;
}
