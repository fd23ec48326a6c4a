/** Lists that somebody has given a name: what the address asks for, and the columns. They stay in the browser. */
import { createStore } from '../store.js';
import { save, saved } from '../ui/saved.js';
import { type ColumnName, columnsIn, type ListName } from './columns.js';

export interface View {
  name: string;
  list: ListName;
  /** What the address asks for: `type=report&status=failed`. */
  query: string;
  columns: readonly ColumnName[];
}

const STORED = 'jetfleet-views';
const MOST = 50;
export const MAX_NAME = 60;

export const views = createStore<readonly View[]>(stored());

/** Replaces the one of the same name and list. @returns false where the browser does not keep it */
export function saveView(view: View): boolean {
  return put([...others(view), view].slice(-MOST));
}

export function deleteView(view: View): boolean {
  return put(others(view));
}

function others({ name, list }: View): View[] {
  return views.get().filter((each) => each.name !== name || each.list !== list);
}

function put(next: readonly View[]): boolean {
  views.set(next);
  return save(STORED, next);
}

/** What is no view is passed over. */
function stored(): View[] {
  const found = saved(STORED);
  return Array.isArray(found) ? found.flatMap((each) => viewIn(each) ?? []).slice(-MOST) : [];
}

function viewIn(value: unknown): View | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { name, list, query, columns } = value as Partial<Record<keyof View, unknown>>;
  const known = columnsIn(columns);
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME || !known) return undefined;
  if ((list !== 'jobs' && list !== 'dead-letters') || typeof query !== 'string') return undefined;
  return { name, list, query: new URLSearchParams(query).toString(), columns: known };
}
