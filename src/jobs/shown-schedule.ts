import { maskSecrets } from './mask.js';
import { maskText } from './mask-text.js';
import type { Schedule } from './schedule.js';
import { shownError } from './shown-job.js';

/** A schedule as it is shown to people: whole, but for secrets. */
export function withoutSecrets(schedule: Schedule): Schedule {
  const { payload, webhookUrl, lastRun } = schedule;
  return {
    ...schedule,
    payload: maskSecrets(payload),
    ...(webhookUrl !== undefined && { webhookUrl: maskText(webhookUrl) }),
    ...(lastRun?.error && { lastRun: { ...lastRun, error: shownError(lastRun.error) } }),
  };
}
