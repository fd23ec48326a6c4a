/** What a list of jobs can show of each, beside its id. */
import type { ComponentChild } from 'preact';
import type { JobRecord } from '../api/answers.js';
import { Link } from '../router.js';
import { createStore, useStore } from '../store.js';
import { clock } from '../ui/clock.js';
import { formatDuration } from '../ui/format.js';
import { Popup } from '../ui/popup.js';
import { save, saved } from '../ui/saved.js';
import { PriorityBadge, StatusBadge } from '../ui/status.js';
import { Time } from '../ui/time.js';
import { Tags } from './tags.js';

interface Column {
  label: string;
  class?: string;
  cell(job: JobRecord, chosen: readonly string[]): ComponentChild;
}

const NONE = <span class="quiet">–</span>;

const COLUMNS = {
  type: { label: 'Type', class: 'type', cell: ({ type }) => type },
  priority: { label: 'Priority', cell: ({ priority }) => <PriorityBadge priority={priority} /> },
  status: { label: 'Status', cell: ({ status, state }) => <StatusBadge status={status} state={state} /> },
  error: {
    label: 'Error',
    class: 'error-cell',
    cell: (job, chosen) => <ErrorOf job={job} chosen={chosen} />,
  },
  attempt: {
    label: 'Attempt',
    class: 'number',
    cell: ({ attempt, maxAttempts }) => `${attempt}/${maxAttempts}`,
  },
  duration: { label: 'Duration', class: 'number', cell: (job) => <Duration job={job} /> },
  worker: {
    label: 'Worker',
    class: 'worker-name',
    cell: ({ worker }) =>
      worker ? <Link to={`/jobs?${new URLSearchParams({ worker })}`}>{worker}</Link> : NONE,
  },
  tags: { label: 'Tags', class: 'tags', cell: ({ tags }) => (tags?.length ? <Tags tags={tags} /> : NONE) },
  created: { label: 'Created', cell: ({ createdAt }) => <Time at={createdAt} /> },
  changed: { label: 'Changed', cell: ({ updatedAt }) => <Time at={updatedAt} /> },
} satisfies Record<string, Column>;

export type ColumnName = keyof typeof COLUMNS;
const NAMES = Object.keys(COLUMNS) as ColumnName[];

export function columnOf(name: ColumnName): Column {
  return COLUMNS[name];
}

/** The lists that each have columns of their own. */
export type ListName = 'jobs' | 'dead-letters';

const USUAL: Record<ListName, readonly ColumnName[]> = {
  jobs: ['type', 'priority', 'status', 'attempt', 'created', 'changed'],
  'dead-letters': ['type', 'priority', 'error', 'attempt', 'changed'],
};

const STORED = 'jetfleet-columns';
const chosen = createStore<Readonly<Record<ListName, readonly ColumnName[]>>>(stored());

/** Known names of columns, in their usual order; undefined for what is no list of names. */
export function columnsIn(value: unknown): ColumnName[] | undefined {
  return Array.isArray(value) ? NAMES.filter((name) => value.includes(name)) : undefined;
}

function stored(): Record<ListName, readonly ColumnName[]> {
  const found = (saved(STORED) ?? {}) as Partial<Record<ListName, unknown>>;
  const of = (list: ListName) => columnsIn(found[list]) ?? USUAL[list];
  return { jobs: of('jobs'), 'dead-letters': of('dead-letters') };
}

export function useColumns(list: ListName): readonly ColumnName[] {
  return useStore(chosen)[list];
}

export function chooseColumns(list: ListName, names: readonly ColumnName[]): void {
  chosen.set({ ...chosen.get(), [list]: names });
  save(STORED, chosen.get());
}

export function ColumnsMenu({ list }: { list: ListName }) {
  const shown = useColumns(list);
  const toggle = (name: ColumnName) =>
    chooseColumns(
      list,
      NAMES.filter((each) => (each === name) !== chosen.get()[list].includes(each)),
    );
  return (
    <Popup label="Columns">
      <fieldset class="checks">
        <legend class="off-screen">Columns</legend>
        {NAMES.map((name) => (
          <label key={name}>
            <input type="checkbox" checked={shown.includes(name)} onClick={() => toggle(name)} />
            {COLUMNS[name].label}
          </label>
        ))}
      </fieldset>
      <button type="button" class="link" onClick={() => chooseColumns(list, USUAL[list])}>
        The usual ones
      </button>
    </Popup>
  );
}

function ErrorOf({ job: { status, state, error }, chosen }: { job: JobRecord; chosen: readonly string[] }) {
  const isFailed = status === 'failed';
  if (!error && !isFailed) return NONE;
  return (
    <>
      {isFailed && !chosen.includes('status') && <StatusBadge status={status} state={state} />}
      <span class="error-text">{error?.message ?? 'no error was recorded'}</span>
      {error?.code && <code class="quiet">{error.code}</code>}
    </>
  );
}

/** From the beginning of the first attempt to the end, or until now. */
function Duration({ job: { startedAt, finishedAt, status } }: { job: JobRecord }) {
  const endMs = finishedAt === undefined ? undefined : Date.parse(finishedAt);
  const isRunning = endMs === undefined && status === 'processing';
  if (startedAt === undefined || (endMs === undefined && !isRunning)) return NONE;
  const ms = Date.parse(startedAt);
  return endMs === undefined ? <Running sinceMs={ms} /> : formatDuration(Math.max(0, endMs - ms));
}

function Running({ sinceMs }: { sinceMs: number }) {
  const now = useStore(clock);
  return formatDuration(Math.max(0, now - sinceMs));
}
