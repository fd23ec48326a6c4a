import type { TargetedKeyboardEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { PRIORITIES, STATUSES } from '../../../src/jobs/vocabulary.js';
import { lastTick } from '../live/live.js';
import { navigate, type Place, withFilter } from '../router.js';
import { useStore } from '../store.js';
import { ColumnsMenu, type ListName } from './columns.js';
import { openExactJob } from './exact-job.js';
import { FILTERS } from './job-list.js';
import { tagsIn } from './tags-in.js';
import { CUSTOM, fromLocalInput, RANGES, toLocalInput } from './time-range.js';
import { ViewsMenu } from './views-menu.js';

interface FilterBarProps {
  place: Place;
  /** The dead letters have one status. */
  list: ListName;
}

const TYPING_MS = 250;

/** The filter of a list of jobs; it lives in the address, so that a link shows the same. */
export function JobFilterBar({ place, list }: FilterBarProps) {
  const { query } = place;
  const hasStatus = list === 'jobs';
  const stats = useStore(lastTick)?.stats;
  const types = [...new Set([...Object.keys(stats?.byType ?? {}), query.get('type') ?? ''])]
    .filter(Boolean)
    .sort();
  const set = (changes: Record<string, string | undefined>) =>
    navigate(withFilter(place, changes), { replace: true });
  const range = query.get('range') ?? (query.get('since') || query.get('until') ? CUSTOM : '');
  const isFiltered = [...FILTERS, 'range'].some((name) => query.has(name));
  return (
    <fieldset class="filters" aria-label="Filter">
      <Choice label="Type" name="type" options={types} place={place} />
      {hasStatus && <Choice label="Status" name="status" options={STATUSES} place={place} />}
      <Choice label="Priority" name="priority" options={PRIORITIES} place={place} />
      <TextField
        label="Id begins with"
        text={query.get('id') ?? ''}
        onText={(id) => set({ id })}
        onEnter={openExactJob}
      />
      <TextField
        label="Tags"
        text={query.get('tag') ?? ''}
        placeholder="tenant:acme"
        onText={(tag) => set({ tag: tagsIn(tag).join(',') })}
      />
      {query.has('worker') && (
        <TextField label="Worker" text={query.get('worker') ?? ''} onText={(worker) => set({ worker })} />
      )}
      {!hasStatus && (
        <TextField
          label="Error code"
          text={query.get('errorCode') ?? ''}
          onText={(errorCode) => set({ errorCode })}
        />
      )}
      <label>
        Changed
        <select
          value={range}
          onChange={({ currentTarget: { value } }) =>
            set({ range: value, since: undefined, until: undefined })
          }
        >
          <option value="">any time</option>
          {Object.entries(RANGES).map(([name, [label]]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
          <option value={CUSTOM}>from … to …</option>
        </select>
      </label>
      {range === CUSTOM &&
        (['since', 'until'] as const).map((end) => (
          <label key={end}>
            {end === 'since' ? 'From' : 'To'}
            <input
              type="datetime-local"
              value={toLocalInput(query.get(end) ?? undefined)}
              onChange={({ currentTarget }) =>
                set({ range: CUSTOM, [end]: fromLocalInput(currentTarget.value) })
              }
            />
          </label>
        ))}
      {isFiltered && (
        <button type="button" class="link" onClick={() => navigate(place.path, { replace: true })}>
          Clear
        </button>
      )}
      <span class="menus">
        <ColumnsMenu list={list} />
        <ViewsMenu place={place} list={list} />
      </span>
    </fieldset>
  );
}

interface ChoiceProps {
  label: string;
  name: string;
  options: readonly string[];
  place: Place;
}

function Choice({ label, name, options, place }: ChoiceProps) {
  return (
    <label>
      {label}
      <select
        name={name}
        value={place.query.get(name) ?? ''}
        onChange={({ currentTarget: { value } }) =>
          navigate(withFilter(place, { [name]: value }), { replace: true })
        }
      >
        <option value="">all</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

interface TextFieldProps {
  label: string;
  text: string;
  placeholder?: string;
  /** Told once nothing was typed for a moment. */
  onText(text: string): void;
  onEnter?: (text: string) => unknown;
}

function TextField({ label, text, placeholder, onText, onEnter }: TextFieldProps) {
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (input.current && document.activeElement !== input.current) input.current.value = text;
  }, [text]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const onInput = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onText(input.current?.value.trim() ?? ''), TYPING_MS);
  };
  const onKey = ({ key, currentTarget }: TargetedKeyboardEvent<HTMLInputElement>) => {
    if (key !== 'Enter') return;
    const whole = currentTarget.value.trim();
    clearTimeout(timer.current);
    onText(whole);
    onEnter?.(whole);
  };
  return (
    <label class="grow">
      {label}
      <input
        ref={input}
        type="search"
        defaultValue={text}
        placeholder={placeholder}
        onInput={onInput}
        onKeyDown={onKey}
        autocomplete="off"
        spellcheck={false}
      />
    </label>
  );
}
