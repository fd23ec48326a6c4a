import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { ApiError, messageOf } from '../api/client.js';
import type { Resource } from '../api/use-resource.js';
import { outage } from '../live/live.js';
import { useStore } from '../store.js';
import { Time } from './time.js';

interface PageProps {
  title: string;
  /** Beside the title: what can be done here. */
  actions?: ComponentChildren;
  /** Below the title, in a sentence. */
  about?: ComponentChildren;
  children: ComponentChildren;
}

export function Page({ title, actions, about, children }: PageProps) {
  useEffect(() => {
    document.title = title === 'Overview' ? 'Jetfleet' : `${title} · Jetfleet`;
  }, [title]);
  return (
    <div class="page">
      <div class="page-head">
        <div>
          <h1>{title}</h1>
          {about && <p class="quiet">{about}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

export function Panel({ title, actions, children }: Omit<PageProps, 'about'>) {
  return (
    <section class="panel">
      <div class="panel-head">
        <h2>{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** What stands where there is nothing yet, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <div class="quiet">{children}</div>}
    </div>
  );
}

interface LoadedProps<T> {
  of: Resource<T>;
  /** What the page cannot find when the server answers 404. */
  missing?: ComponentChildren;
  /** About how high it is going to be, in pixels: what is below it keeps its place. */
  height?: number;
  children(data: T): ComponentChildren;
}

/** Shows what was loaded, with its age where it may be old, that it is loading, or why it could not be. */
export function Loaded<T>({ of, missing, height, children }: LoadedProps<T>) {
  const { data, at, error, isLoading, reload } = of;
  const lost = useStore(outage);
  if (error instanceof ApiError && error.status === 404 && missing) return <>{missing}</>;
  if (data === undefined && error !== undefined) {
    return (
      <div class="panel">
        <Empty title="This could not be loaded.">
          <p>{messageOf(error)}</p>
          <button type="button" onClick={reload}>
            Try again
          </button>
        </Empty>
      </div>
    );
  }
  if (data === undefined) {
    return (
      <div class="loading" aria-busy="true" style={height ? { minHeight: `${height}px` } : undefined}>
        {isLoading ? 'Loading …' : ''}
      </div>
    );
  }
  const isOld = lost !== undefined || error !== undefined;
  return (
    <>
      {isOld && <Age atMs={at ?? lost?.sinceMs} />}
      {children(data)}
    </>
  );
}

function Age({ atMs }: { atMs: number | undefined }) {
  return (
    <p class="age" role="note">
      <span>
        {atMs === undefined ? (
          'This may be old.'
        ) : (
          <>
            As it was <Time at={new Date(atMs).toISOString()} />.
          </>
        )}
      </span>
    </p>
  );
}
