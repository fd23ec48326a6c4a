/** How one JSON value becomes another, in the words of JSON Patch (RFC 6902): `add`, `replace` and `remove` alone. */
export interface JsonChange {
  op: 'add' | 'replace' | 'remove';
  /** A JSON Pointer (RFC 6901); empty for the whole value. */
  path: string;
  /** Absent for `remove`. */
  value?: unknown;
}

type Container = Record<string, unknown> | unknown[];

/** What makes `after` of `before`; undefined stands for no value. Values of `after` are shared, not copied. */
export function changesBetween(before: unknown, after: unknown, path = ''): JsonChange[] {
  if (Object.is(before, after)) return [];
  if (after === undefined) return [{ op: 'remove', path }];
  if (before === undefined) return [{ op: 'add', path, value: after }];
  if (Array.isArray(before) && Array.isArray(after)) return listChanges(before, after, path);
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changesBetween(before[key], after[key], `${path}/${escaped(key)}`));
  }
  return [{ op: 'replace', path, value: after }];
}

/** Item by item. What is longer is added at the end, and what is shorter is removed from there, the last one first. */
function listChanges(before: readonly unknown[], after: readonly unknown[], path: string): JsonChange[] {
  const changes: JsonChange[] = [];
  const shared = Math.min(before.length, after.length);
  for (let at = 0; at < shared; at++) changes.push(...changesBetween(before[at], after[at], `${path}/${at}`));
  for (let at = shared; at < after.length; at++)
    changes.push({ op: 'add', path: `${path}/${at}`, value: after[at] });
  for (let at = before.length - 1; at >= shared; at--) changes.push({ op: 'remove', path: `${path}/${at}` });
  return changes;
}

/** The value after changes. The one before stays as it is; a change that does not fit it is passed over. */
export function applyChanges(value: unknown, changes: readonly JsonChange[]): unknown {
  return changes.reduce((changed, change) => applied(changed, change, keysOf(change.path)), value);
}

function applied(value: unknown, change: JsonChange, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return change.op === 'remove' ? undefined : change.value;
  if (typeof value !== 'object' || value === null) return value;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const inner = at(copy, key);
  if (rest.length > 0) put(copy, key, applied(inner, change, rest));
  else if (change.op === 'remove') take(copy, key);
  else put(copy, key, change.value);
  return copy;
}

function at(container: Container, key: string): unknown {
  return Object.hasOwn(container, key) ? (container as Record<string, unknown>)[key] : undefined;
}

function put(container: Container, key: string, value: unknown): void {
  if (!Array.isArray(container)) Object.defineProperty(container, key, { value, ...PLAIN });
  // No list grows by more than one item at once.
  else if (/^\d{1,9}$/.test(key) && Number(key) <= container.length) container[Number(key)] = value;
}

function take(container: Container, key: string): void {
  if (!Array.isArray(container)) delete container[key];
  else if (/^\d{1,9}$/.test(key)) container.splice(Number(key), 1);
}

/** A key `__proto__` is a key like any other. */
const PLAIN = { enumerable: true, configurable: true, writable: true } as const;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function keysOf(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}
