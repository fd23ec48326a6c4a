/**
 * A copy of a value that was read from JSON. What a job's own code is given may be changed by it, and the record from which
 * later attempts run must not change with it.
 */
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
