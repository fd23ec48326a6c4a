const NUMBER = new Intl.NumberFormat('en');
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const ABSOLUTE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** `12,345`, and `1.2M` from a hundred thousand on. */
export function formatCount(count: number): string {
  return count < 100_000 ? NUMBER.format(count) : COMPACT.format(count);
}

/** `340 ms`, `3.4 s`, `12 min`, `3 h 20 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1) return '0 ms';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const index = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[index] ?? ['s', 1_000];
  const [smaller, smallerSize] = UNITS[index + 1] ?? [];
  const rest = smallerSize ? Math.floor((ms % size) / smallerSize) : 0;
  const first = `${Math.floor(ms / size)} ${unit}`;
  return rest > 0 ? `${first} ${rest} ${smaller}` : first;
}

/** `now`, `5 s ago`, `in 3 min`. */
export function formatRelative(at: number, now: number): string {
  const ms = now - at;
  if (Math.abs(ms) < 1_500) return 'now';
  const index = UNITS.findIndex(([, size]) => Math.abs(ms) >= size);
  const [unit, size] = UNITS[index] ?? ['s', 1_000];
  const text = `${Math.round(Math.abs(ms) / size)} ${unit}`;
  return ms > 0 ? `${text} ago` : `in ${text}`;
}

export function formatAbsolute(at: number): string {
  return `${ABSOLUTE.format(at)} (${new Date(at).toISOString()})`;
}

/** `14:03:07.120` */
export function formatClock(at: string): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const index = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 2 ** (10 * index);
  return `${index === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[index]}`;
}

/** Words as people write them: `timed_out` is `timed out`. */
export function spoken(word: string): string {
  return word.replaceAll('_', ' ');
}
