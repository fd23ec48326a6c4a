import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { JobPage, MachineSummary, WorkerInfo } from '../api/answers.js';
import { getJson, queryOf } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { pathOfJob } from '../jobs/exact-job.js';
import { lastTick } from '../live/live.js';
import { navigate } from '../router.js';
import { useStore } from '../store.js';
import { Dialog } from '../ui/dialog.js';
import { usePages } from '../ui/pages.js';
import { type Entry, entriesOf, found, type PaletteActions } from './entries.js';

interface PaletteProps {
  actions: PaletteActions;
  onClose(): void;
}

const GROUPS: readonly Entry['group'][] = ['Jobs', 'Actions', 'Pages', 'Types', 'Machines', 'Workers'];
const JOBS = 6;
const TYPING_MS = 150;
const STILL = { isLive: false } as const;

/** Finds jobs by the beginning of their id, types, machines, workers, pages and actions, all by keyboard. */
export function Palette({ actions, onClose }: PaletteProps) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  const jobs = useJobs(text);
  const known = useKnown(actions);
  const entries = useMemo(() => {
    const all = [...jobs, ...found(known, text)];
    return GROUPS.flatMap((group) => all.filter((entry) => entry.group === group));
  }, [jobs, known, text]);
  const chosen = Math.min(at, entries.length - 1);
  useLayoutEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [chosen, text, entries.length]);

  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter') run(entries[chosen]);
    else if (step !== undefined) setAt(Math.max(0, Math.min(entries.length - 1, chosen + step)));
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Find anything" onClose={onClose} isWide>
      <div class="palette">
        <input
          type="text"
          role="combobox"
          aria-label="Find jobs, types, machines, workers, pages and actions"
          aria-expanded="true"
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={entries[chosen] ? `${listId}-${chosen}` : undefined}
          placeholder="The id of a job, a type, a machine, a worker, a page or an action"
          autocomplete="off"
          spellcheck={false}
          autofocus
          onInput={({ currentTarget }) => {
            setText(currentTarget.value.trim());
            setAt(0);
          }}
          onKeyDown={onKey}
        />
        <div id={listId} role="listbox" aria-label="Found" ref={list}>
          {GROUPS.map((group) => (
            <Group key={group} group={group} entries={entries} chosen={chosen} listId={listId} onRun={run} />
          ))}
        </div>
        {entries.length === 0 && <p class="quiet">Nothing is called that.</p>}
      </div>
    </Dialog>
  );
}

interface GroupProps {
  group: Entry['group'];
  entries: readonly Entry[];
  chosen: number;
  listId: string;
  onRun(entry: Entry): void;
}

function Group({ group, entries, chosen, listId, onRun }: GroupProps) {
  const own = entries.flatMap((entry, index) => (entry.group === group ? [{ entry, index }] : []));
  if (own.length === 0) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a listbox has groups, and no fieldsets
    <div role="group" aria-label={group}>
      <div class="palette-group" aria-hidden="true">
        {group}
      </div>
      {own.map(({ entry, index }) => (
        // The field has the focus, and its keys choose.
        // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: options of a combobox
        <div
          key={index}
          id={`${listId}-${index}`}
          role="option"
          aria-selected={index === chosen}
          onClick={() => onRun(entry)}
        >
          <span class="palette-name">{entry.name}</span>
          {entry.about && <span class="quiet">{entry.about}</span>}
        </div>
      ))}
    </div>
  );
}

/** Jobs whose id begins like the text, once nobody types for a moment. */
function useJobs(text: string): Entry[] {
  const [jobs, setJobs] = useState<Entry[]>([]);
  useEffect(() => {
    setJobs([]);
    if (!/^[A-Za-z0-9_-]+$/.test(text)) return;
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const path = `/jobs${queryOf({ id: text, limit: JOBS })}`;
        const page = await getJson<JobPage>(path, abort.signal);
        setJobs(page.jobs.map(entryOf));
      } catch {
        // What else is found is there all the same.
      }
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text]);
  return jobs;
}

function entryOf({ id, type, state }: JobPage['jobs'][number]): Entry {
  return { group: 'Jobs', name: id, about: `${type} · ${state}`, run: () => navigate(pathOfJob(id)) };
}

function useKnown(actions: PaletteActions): Entry[] {
  const stats = useStore(lastTick)?.stats ?? undefined;
  const machines = useResource<{ machines: MachineSummary[] }>('/machines', STILL).data?.machines;
  const workers = useResource<{ workers: WorkerInfo[] }>('/workers', STILL).data?.workers;
  const pages = usePages();
  const [mayChange, mayAdmin] = [useMay('operator'), useMay('admin')];
  return useMemo(
    () =>
      entriesOf({
        stats,
        machines: machines ?? [],
        workers: workers ?? [],
        pages,
        mayChange,
        mayAdmin,
        actions,
      }),
    [stats, machines, workers, mayChange, mayAdmin],
  );
}
