import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { onChanges, outage } from '../live/live.js';
import { useStore } from '../store.js';
import { getJson } from './client.js';
import { type Remembered, recall, remember } from './remembered.js';

export interface Resource<T> {
  /** The last answer; it stays while a newer one is on its way. */
  data: T | undefined;
  /** When the server gave it, milliseconds since 1970. */
  at?: number | undefined;
  error: unknown;
  isLoading: boolean;
  reload(): void;
}

export interface PathResource<T> extends Resource<T> {
  /** What `data` answers, which may be the path of before. */
  of: string | undefined;
}

export interface ResourceOptions {
  /** Reads again when jobs have changed, at most once a second. Defaults to true. */
  isLive?: boolean;
  /** Reads again after this long as well. Defaults to never. */
  everyMs?: number;
}

interface Loaded<T> extends Partial<Remembered<T>> {
  path: string | undefined;
  error: unknown;
}

/** What the API says at `path`, kept fresh; undefined reads nothing. What it said before is there at once. */
export function useResource<T>(path: string | undefined, options: ResourceOptions = {}): PathResource<T> {
  const { isLive = true, everyMs } = options;
  const [state, setLoaded] = useState<Loaded<T>>({ path, error: undefined });
  const running = useRef<AbortController | undefined>(undefined);

  const load = useCallback(() => {
    if (path === undefined || running.current) return;
    const abort = new AbortController();
    running.current = abort;
    const end = (next: Loaded<T>) => {
      if (running.current === abort) running.current = undefined;
      if (!abort.signal.aborted) setLoaded(next);
    };
    getJson<T>(path, abort.signal).then(
      (data) => end({ path, error: undefined, ...remember(path, data) }),
      (error) => end({ path, error, ...recall<T>(path) }),
    );
  }, [path]);
  /** What is on its way may be older than what somebody has just done. */
  const reload = useCallback(() => {
    running.current?.abort();
    running.current = undefined;
    load();
  }, [load]);

  useEffect(() => {
    load();
    return () => {
      running.current?.abort();
      running.current = undefined;
    };
  }, [load]);
  useEffect(() => {
    if (!isLive) return;
    // What changed while nobody listened.
    load();
    return onChanges(load);
  }, [isLive, load]);
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => {
      if (!document.hidden) load();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, load]);

  const lost = useStore(outage);
  useEffect(() => {
    // What could not be read, or not be followed, meanwhile.
    if (!lost) load();
  }, [lost === undefined, load]);

  const known = path !== undefined && state.path !== path ? recall<T>(path) : undefined;
  const loaded: Loaded<T> = known ? { path, error: undefined, ...known } : state;
  const isLoading = path !== undefined && (loaded.path !== path || (!loaded.data && !loaded.error));
  return {
    data: loaded.data,
    // What is followed was as it is until the outage began.
    at: isLive && lost && loaded.at !== undefined ? Math.max(loaded.at, lost.sinceMs) : loaded.at,
    error: loaded.path === path ? loaded.error : undefined,
    isLoading,
    reload,
    of: loaded.path,
  };
}
