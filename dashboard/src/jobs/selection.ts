import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

export interface Selection {
  ids: ReadonlySet<string>;
  /** Every job that the filter finds is meant, also those on other pages. */
  isEverything: boolean;
  /** Takes one in or out; with `range`, all between the last one and this. */
  toggle(id: string, range: boolean): void;
  toggleAll(): void;
  selectEverything(): void;
  clear(): void;
}

/** Which of the rows on the page are selected; `rows` has their ids, in order. Another `list` begins with none. */
export function useSelection(rows: RefObject<readonly string[]>, list: string): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [isEverything, setEverything] = useState(false);
  const [last, setLast] = useState<string | undefined>(undefined);

  const put = (next: ReadonlySet<string>) => {
    setIds(next);
    setEverything(false);
  };
  useEffect(() => put(new Set()), [list]);
  return {
    ids,
    isEverything,
    toggle: (id, range) => {
      const next = new Set(ids);
      const isOn = !next.has(id);
      for (const each of range ? between(rows.current, last, id) : [id]) {
        if (isOn) next.add(each);
        else next.delete(each);
      }
      setLast(id);
      put(next);
    },
    toggleAll: () => put(rows.current.every((id) => ids.has(id)) ? new Set() : new Set(rows.current)),
    selectEverything: () => setEverything(true),
    clear: () => put(new Set()),
  };
}

function between(rows: readonly string[], from: string | undefined, to: string): readonly string[] {
  const ends = [rows.indexOf(from ?? to), rows.indexOf(to)].sort((a, b) => a - b);
  const [first = -1, end = -1] = ends;
  return first < 0 ? [to] : rows.slice(first, end + 1);
}
