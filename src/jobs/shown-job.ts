import type { JobErrorInfo } from './errors.js';
import type { FollowUp, JobRecord, PastFailure } from './job-record.js';
import { maskSecrets } from './mask.js';
import { maskText } from './mask-text.js';

/** A record as it is shown to people, whatever shows it: whole, but for secrets, and without excerpts of what was sent. */
export function shownJob(record: JobRecord): JobRecord {
  const { payload, checkpoint, result, progress, error, next, failures, webhookUrl } = record;
  return {
    ...record,
    payload: maskSecrets(payload),
    ...(webhookUrl !== undefined && { webhookUrl: maskText(webhookUrl) }),
    ...(checkpoint !== undefined && { checkpoint: maskSecrets(checkpoint) }),
    ...(result !== undefined && { result: maskSecrets(result) }),
    ...(progress !== undefined && { progress: maskSecrets(progress) }),
    ...(error && { error: shownError(error) }),
    ...(next && { next: next.map(shownFollowUp) }),
    ...(failures && { failures: failures.map(shownFailure) }),
  };
}

/** The excerpt is the beginning of a body, or of an endpoint's answer: where it cannot be read, no secret can be found. */
export function shownError({ excerpt: _, ...error }: JobErrorInfo): JobErrorInfo {
  const { problems, message, stack, details } = error;
  return {
    ...error,
    message: maskText(message),
    ...(stack !== undefined && { stack: maskText(stack) }),
    ...(details && { details: maskSecrets(details) as Record<string, unknown> }),
    ...(problems && {
      problems: problems.map((each) => ({
        ...each,
        path: maskText(each.path),
        message: maskText(each.message),
      })),
    }),
  };
}

function shownFollowUp(next: FollowUp): FollowUp {
  const { payload, webhookUrl } = next;
  return {
    ...next,
    payload: maskSecrets(payload),
    ...(webhookUrl !== undefined && { webhookUrl: maskText(webhookUrl) }),
  };
}

function shownFailure(failure: PastFailure): PastFailure {
  const { message } = failure;
  return message === undefined ? failure : { ...failure, message: maskText(message) };
}
