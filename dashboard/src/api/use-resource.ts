import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { onChanges } from '../live/live.js';
import { getJson } from './client.js';

export interface Resource<T> {
  /** The last answer; it stays while a newer one is on its way. */
  data: T | undefined;
  error: unknown;
  isLoading: boolean;
  reload(): void;
}

export interface ResourceOptions {
  /** Reads again when jobs have changed, at most once a second. Defaults to true. */
  isLive?: boolean;
  /** Reads again after this long as well. Defaults to never. */
  everyMs?: number;
}

interface Loaded<T> {
  path: string | undefined;
  data: T | undefined;
  error: unknown;
}

/** What the API says at `path`, kept fresh; undefined reads nothing. */
export function useResource<T>(path: string | undefined, options: ResourceOptions = {}): Resource<T> {
  const { isLive = true, everyMs } = options;
  const [loaded, setLoaded] = useState<Loaded<T>>({ path, data: undefined, error: undefined });
  const running = useRef<AbortController | undefined>(undefined);

  const load = useCallback(() => {
    if (path === undefined || running.current) return;
    const abort = new AbortController();
    running.current = abort;
    const end = (next: (before: Loaded<T>) => Loaded<T>) => {
      if (running.current === abort) running.current = undefined;
      if (!abort.signal.aborted) setLoaded(next);
    };
    getJson<T>(path, abort.signal).then(
      (data) => end(() => ({ path, data, error: undefined })),
      (error) => end((before) => ({ path, data: before.path === path ? before.data : undefined, error })),
    );
  }, [path]);

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

  const isLoading = path !== undefined && (loaded.path !== path || (!loaded.data && !loaded.error));
  return {
    data: loaded.data,
    error: loaded.path === path ? loaded.error : undefined,
    isLoading,
    reload: load,
  };
}
