import type { ComponentChildren } from 'preact';
import { createStore, useStore } from './store.js';

export interface Place {
  path: string;
  query: URLSearchParams;
}

function currentPlace(): Place {
  return { path: window.location.pathname, query: new URLSearchParams(window.location.search) };
}

const place = createStore(currentPlace());
window.addEventListener('popstate', () => place.set(currentPlace()));

export function usePlace(): Place {
  return useStore(place);
}

/** Goes to a path of the dashboard, which may have a query. `replace` leaves no step to come back to. */
export function navigate(to: string, { replace = false } = {}): void {
  if (to === window.location.pathname + window.location.search) return;
  const isOtherPage = new URL(to, window.location.href).pathname !== window.location.pathname;
  window.history[replace ? 'replaceState' : 'pushState'](null, '', to);
  place.set(currentPlace());
  if (isOtherPage) window.scrollTo(0, 0);
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

interface LinkProps {
  to: string;
  class?: string;
  'aria-current'?: 'page' | undefined;
  children?: ComponentChildren;
}

/** A link inside the dashboard; with a modifier key the browser opens it as it always does. */
export function Link({ to, children, ...rest }: LinkProps) {
  const go = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a {...rest} href={to} onClick={go}>
      {children}
    </a>
  );
}
