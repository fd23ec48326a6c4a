import { useEffect, useState } from 'preact/hooks';

/** A value that tells its readers when it becomes another one. */
export interface Store<T> {
  get(): T;
  set(next: T): void;
  /** @returns what ends the subscription */
  subscribe(onChange: () => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const readers = new Set<() => void>();
  return {
    get: () => value,
    set: (next) => {
      if (Object.is(value, next)) return;
      value = next;
      for (const reader of [...readers]) reader();
    },
    subscribe: (onChange) => {
      readers.add(onChange);
      return () => void readers.delete(onChange);
    },
  };
}

/** The value of a store; the component renders again when it changes. */
export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(() => store.get());
  useEffect(() => {
    const update = () => setValue(() => store.get());
    update();
    return store.subscribe(update);
  }, [store]);
  return value;
}
