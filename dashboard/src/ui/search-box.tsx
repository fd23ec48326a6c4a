import { useRef } from 'preact/hooks';
import { openExactJob } from '../jobs/exact-job.js';
import { navigate } from '../router.js';
import { Icon } from './icons.js';
import { openPalette } from './palette-key.js';

export const SEARCH_ID = 'search';

/** Opens the job of an id, or finds those whose id begins like that. */
export function SearchBox() {
  const input = useRef<HTMLInputElement>(null);
  const search = async (event: SubmitEvent) => {
    event.preventDefault();
    const id = input.current?.value.trim() ?? '';
    if (!id) return;
    if (input.current) input.current.value = '';
    input.current?.blur();
    if (!(await openExactJob(id))) navigate(`/jobs?${new URLSearchParams({ id })}`);
  };
  return (
    <search class="search">
      <form onSubmit={search}>
        <Icon name="search" />
        <input
          ref={input}
          id={SEARCH_ID}
          type="search"
          placeholder="Find a job by id"
          aria-label="Find a job by its id"
          autocomplete="off"
          spellcheck={false}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
        />
      </form>
      <button type="button" class="hint" aria-label="Ctrl K: find anything" onClick={openPalette}>
        Ctrl K
      </button>
    </search>
  );
}
