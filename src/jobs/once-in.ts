interface Known<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
}

/** What there is one of for each key, such as an answer that many wait for: it is made, or asked for, by the first who needs it. */
export function onceIn<K, V>(known: Known<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}
