/** A copy of what was read from JSON: a job's own code may change what it is given, and the record must not change with it. */
export function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson) as T;
  const copy: Record<string, unknown> = {};
  for (const key in value) {
    // An assignment would set the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: copyJson(value[key]), ...OPEN });
    else copy[key] = copyJson(value[key]);
  }
  return copy as T;
}

const OPEN = { enumerable: true, configurable: true, writable: true };
