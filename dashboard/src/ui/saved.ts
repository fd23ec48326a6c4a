/** What a browser keeps for its user: JSON under a name. It may be full, switched off, or filled by anybody. */

/** Undefined for nothing, and for what is no JSON. */
export function saved(name: string, storage?: Storage): unknown {
  try {
    return JSON.parse((storage ?? localStorage).getItem(name) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

/** @returns false where the browser does not keep it */
export function save(name: string, value: unknown, storage?: Storage): boolean {
  try {
    (storage ?? localStorage).setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
