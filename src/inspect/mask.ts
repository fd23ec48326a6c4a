/** What stands in the place of a secret. */
export const MASK = '[masked]';

const SECRET_NAME =
  /pass(word|wd|phrase)?$|secret|token|api[-_]?key|authorization|credential|cookie|private[-_]?key|signature|imageauth/i;
const MAX_DEPTH = 8;
const MAX_ITEMS = 50;
const MAX_TEXT = 1_000;

/**
 * A copy to look at: values whose name sounds like a secret are masked, also those of `{name, value}` and `{key, value}`
 * pairs; deep, long and numerous ones are cut. What has no JSON form is left out.
 */
export function maskSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof Date) return value.toJSON();
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => maskSecrets(item, depth + 1));
    return value.length > MAX_ITEMS ? [...items, `… ${value.length - MAX_ITEMS} more`] : items;
  }
  return maskEntries(value as Record<string, unknown>, depth);
}

function maskEntries(value: Record<string, unknown>, depth: number): Record<string, unknown> {
  const named = [value.name, value.key].find((name) => typeof name === 'string' && SECRET_NAME.test(name));
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(
    entries.map(([name, item]) => {
      const isSecret = SECRET_NAME.test(name) || (named !== undefined && name === 'value');
      return [name, isSecret && item !== undefined && item !== null ? MASK : maskSecrets(item, depth + 1)];
    }),
  );
}
