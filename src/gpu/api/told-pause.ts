/** How long an answer asks its callers to wait, by the headers that APIs have for it. */
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from '../../jobs/retry-after.js';

/** A limit that an answer tells of. */
interface ToldLimit {
  remaining: number;
  resetMs: number;
}

const HEADERS = [
  ['ratelimit-remaining', 'ratelimit-reset'],
  ['x-ratelimit-remaining', 'x-ratelimit-reset'],
  ['x-rate-limit-remaining', 'x-rate-limit-reset'],
] as const;

/** `Retry-After` as milliseconds, by the date of the answer where it has one. */
export function retryAfterIn(headers: Headers): number | undefined {
  return parseRetryAfter(headers.get('retry-after'), nowOf(headers));
}

/**
 * For how long nothing is left, by `RateLimit` (IETF draft, in its three forms) or `X-RateLimit-Remaining` with `X-RateLimit-Reset`, which
 * is in seconds from now or a time; undefined where something is left, or nothing is said.
 */
export function usedUpForMs(headers: Headers): number | undefined {
  const nowMs = nowOf(headers);
  const pairs = HEADERS.flatMap(([remaining, reset]) =>
    paired(headers.get(remaining), headers.get(reset), nowMs),
  );
  const used = [...listed(headers.get('ratelimit')), ...pairs].filter(
    ({ remaining, resetMs }) => remaining <= 0 && resetMs > 0,
  );
  if (used.length === 0) return undefined;
  return Math.min(Math.max(...used.map(({ resetMs }) => resetMs)), MAX_RETRY_AFTER_MS);
}

function nowOf(headers: Headers): number {
  return Date.parse(headers.get('date') ?? '') || Date.now();
}

/** `"minute";r=0;t=12, "hour";r=2800;t=1812`, or `limit=10, remaining=0, reset=3` of earlier drafts. */
function listed(value: string | null): ToldLimit[] {
  const text = value ?? '';
  const members = /\bremaining=/.test(text) ? [text] : text.split(',');
  return members.flatMap((member) => {
    const remaining = /\b(?:r|remaining)=(\d+)/.exec(member)?.[1];
    const reset = /\b(?:t|reset)=(\d+)/.exec(member)?.[1];
    return remaining === undefined || reset === undefined
      ? []
      : [{ remaining: Number(remaining), resetMs: Number(reset) * 1_000 }];
  });
}

/** One number each, or one for each of several windows: `1, 1000` and `1, 1419704`. */
function paired(remaining: string | null, reset: string | null, nowMs: number): ToldLimit[] {
  if (!remaining || !reset) return [];
  const left = remaining.split(',').map((part) => part.trim());
  const isTime = left.length === 1 && !/^\d+(\.\d+)?$/.test(reset.trim());
  const resets = isTime ? [reset] : reset.split(',');
  return left.flatMap((part, at) => {
    const resetMs = msUntil(resets[at]?.trim() ?? '', nowMs);
    return /^-?\d+$/.test(part) && resetMs !== undefined ? [{ remaining: Number(part), resetMs }] : [];
  });
}

/** Seconds from now, seconds or milliseconds since 1970, or a date. */
function msUntil(text: string, nowMs: number): number | undefined {
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 1e12) return number - nowMs;
  if (number >= 1e9) return number * 1_000 - nowMs;
  if (!Number.isNaN(number)) return number * 1_000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : atMs - nowMs;
}
