import type { ScheduleTiming } from './cron.js';

/** When a schedule fires, in words: `0 3 * * * in Europe/Berlin`, `every 90 s`. */
export function timingText({ cron, timeZone, everyMs }: ScheduleTiming): string {
  if (everyMs !== undefined) return `every ${everyMs / 1_000} s`;
  // Who wrote five fields knows them again.
  const pattern = (cron ?? '').replace(/^0 (?=\S+( \S+){4}$)/, '');
  return timeZone === undefined ? pattern : `${pattern} in ${timeZone}`;
}
