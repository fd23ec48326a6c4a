/** How far a job is, as its handler says: a percentage, `{ done, total, message }`, or whatever else it reports. */

/** The share that is done, from 0 to 1; undefined where the progress does not say. */
export function shareDone(progress: unknown): number | undefined {
  if (typeof progress === 'number') return within(progress / 100);
  const { done, total } = Object(progress) as { done?: unknown; total?: unknown };
  return typeof done === 'number' && typeof total === 'number' && total > 0
    ? within(done / total)
    : undefined;
}

/** In words, such as `3 of 4 (75%): almost there`. */
export function progressText(progress: unknown): string {
  if (typeof progress === 'number') return `${rounded(progress)}%`;
  if (typeof progress === 'string') return progress;
  const { done, total, message } = Object(progress) as Record<string, unknown>;
  const share = shareDone(progress);
  const counted =
    typeof done !== 'number'
      ? undefined
      : typeof total === 'number'
        ? `${done} of ${total}${share === undefined ? '' : ` (${rounded(100 * share)}%)`}`
        : `${done}`;
  const parts = [counted, typeof message === 'string' ? message : undefined].filter(
    (each) => each !== undefined,
  );
  return parts.length > 0 ? parts.join(': ') : (JSON.stringify(progress) ?? '');
}

function within(share: number): number | undefined {
  return Number.isFinite(share) ? Math.min(Math.max(share, 0), 1) : undefined;
}

function rounded(percent: number): number {
  return Math.round(percent * 10) / 10;
}
