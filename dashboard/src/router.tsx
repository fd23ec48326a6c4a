import type { HTMLAttributes } from 'preact';
import { comeBack, kept, leave } from './scroll.js';
import { shared } from './shared.js';
import { createStore, useStore } from './store.js';

export interface Place {
  path: string;
  query: URLSearchParams;
  /** Where the pages of a list began that lead to this one, itself included; a link that was pasted has none. */
  cursors: readonly string[];
}

/** What the history of the browser keeps of a place. */
interface Kept {
  cursors?: readonly string[];
}

export function currentPlace(): Place {
  const { cursors } = (window.history.state ?? {}) as Kept;
  return {
    path: window.location.pathname,
    query: new URLSearchParams(window.location.search),
    cursors: Array.isArray(cursors) ? cursors : [],
  };
}

const place = createStore(currentPlace());
window.addEventListener('popstate', () => {
  comeBack();
  place.set(currentPlace());
});

export function usePlace(): Place {
  return useStore(place);
}

interface NavigateOptions extends Kept {
  /** Leaves no step to come back to. */
  replace?: boolean;
}

/** Goes to a path of the dashboard, which may have a query. */
export function navigate(to: string, { replace = false, cursors }: NavigateOptions = {}): void {
  if (to === window.location.pathname + window.location.search) return;
  const isOtherPage = new URL(to, window.location.href).pathname !== window.location.pathname;
  if (!replace) leave();
  window.history[replace ? 'replaceState' : 'pushState'](kept(replace, cursors && { cursors }), '', to);
  place.set(currentPlace());
  if (!replace && (isOtherPage || cursors)) window.scrollTo(0, 0);
}

/** The same place with other values in its query; an empty one is taken out. */
export function withQuery({ path, query }: Place, changes: Record<string, string | undefined>): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  return text ? `${path}?${text}` : path;
}

/** The same list with another filter, which begins at its first page. */
export function withFilter(place: Place, changes: Record<string, string | undefined>): string {
  return withQuery(place, { ...changes, cursor: undefined });
}

/** The parts of a path that fit `:names`, or undefined where it does not fit: `match('/jobs/:id', '/jobs/a')`. */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.replace(/(.)\/$/, '$1').split('/');
  if (wanted.length !== given.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? '';
    if (part.startsWith(':')) found[part.slice(1)] = decode(text);
    else if (part !== text) return undefined;
  }
  return found;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface LinkProps extends Omit<HTMLAttributes<HTMLElement>, 'onClick' | 'role' | 'ref'> {
  to: string;
}

/** A link inside the dashboard; with a modifier key the browser opens it as it always does. */
export function Link({ to, children, ...rest }: LinkProps) {
  const go = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  // A file leads nowhere.
  if (shared) return <span {...rest}>{children}</span>;
  return (
    <a {...rest} href={to} onClick={go}>
      {children}
    </a>
  );
}
