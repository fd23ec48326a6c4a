/** Forgets what was put first into a set or map, until it has `max` entries. */
export function forgetOldest<K>(known: Set<K> | Map<K, unknown>, max: number): void {
  for (const oldest of known.keys()) {
    if (known.size <= max) return;
    known.delete(oldest);
  }
}
