import { clip } from '../jobs/excerpt.js';

const MAX_DEPTH = 8;
const MAX_ITEMS = 50;
const MAX_TEXT = 1_000;

/** A copy as JSON that is short enough to look at: deep, long and numerous parts are cut. What has no JSON form is left out. */
export function clipValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return clip(value, MAX_TEXT);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof Date) return value.toJSON();
  if (value instanceof Error) return { name: value.name, message: clipValue(value.message) };
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => clipValue(item, depth + 1));
    return value.length > MAX_ITEMS ? [...items, `… ${value.length - MAX_ITEMS} more`] : items;
  }
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(entries.map(([name, item]) => [name, clipValue(item, depth + 1)]));
}
