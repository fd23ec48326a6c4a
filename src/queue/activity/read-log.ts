import type { Broker } from '../../broker/broker.js';
import { checkInteger } from '../../jobs/numbers.js';
import type { OptionNames } from '../../jobs/options.js';
import { decodeActivity } from '../../wire/activity.js';
import { findJob, noSuchJob } from '../job-lookup.js';

/** One line of a job's log. */
export interface LogLine {
  /** From 0, over all attempts of the job. */
  index: number;
  /** When it was logged, ISO 8601. */
  at: string;
  attempt: number;
  line: string;
}

/** The log of a job. */
export interface JobLog {
  /** Oldest first. */
  lines: LogLine[];
  /** How many lines the job has logged so far. */
  total: number;
  /** How many of them are not kept any more, or were never stored. */
  dropped: number;
}

export interface LogOptions {
  /** Only so many of the last lines. Defaults to all that are kept. */
  last?: number;
}

export const LOG_OPTIONS: OptionNames<Required<LogOptions>> = { last: true };

const PAGE = 200;

/**
 * What the handlers of a job have logged.
 * @throws JetfleetError `JETFLEET_NOT_FOUND`; ValidationError `JETFLEET_OPTION_INVALID`
 */
export async function readLog(broker: Broker, id: string, { last }: LogOptions): Promise<JobLog> {
  checkInteger('last', last, 1);
  const job = await findJob(broker, id);
  if (!job) throw noSuchJob(id);
  const lines: LogLine[] = [];
  let total = job.logLines ?? 0;
  for (let from = 1; ; ) {
    const page = await broker.activity.page('log', id, from, PAGE);
    for (const { data } of page) {
      const message = decodeActivity(data, broker.sealer);
      if (message?.of !== job.createdAt) continue;
      lines.push(...linesOf(message));
      total = Math.max(total, message.first + message.items.length);
    }
    const end = page.at(-1);
    if (!end || page.length < PAGE) break;
    from = end.seq + 1;
  }
  const dropped = total - lines.length;
  return { lines: last === undefined ? lines : lines.slice(-last), total, dropped };
}

/** The lines of a message; what is none is left out. */
export function linesOf(message: NonNullable<ReturnType<typeof decodeActivity>>): LogLine[] {
  const { first, attempt, items } = message;
  return items.flatMap((item, place) => {
    const [ms, line] = Array.isArray(item) ? (item as unknown[]) : [];
    const isLine = Number.isSafeInteger(ms) && Math.abs(ms as number) < 8.64e15 && typeof line === 'string';
    return isLine ? [{ index: first + place, at: new Date(ms as number).toISOString(), attempt, line }] : [];
  });
}
