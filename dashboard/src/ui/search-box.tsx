import { useRef } from 'preact/hooks';
import { navigate } from '../router.js';
import { Icon } from './icons.js';

export const SEARCH_ID = 'search';

/** Finds jobs by the beginning of their id. */
export function SearchBox() {
  const input = useRef<HTMLInputElement>(null);
  const search = (event: SubmitEvent) => {
    event.preventDefault();
    const id = input.current?.value.trim() ?? '';
    if (!id) return;
    navigate(`/jobs?${new URLSearchParams({ id })}`);
    if (input.current) input.current.value = '';
    input.current?.blur();
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
        <span class="hint" aria-hidden="true">
          /
        </span>
      </form>
    </search>
  );
}
