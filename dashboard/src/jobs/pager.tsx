import type { PageLinks } from './job-list.js';

interface PagerProps {
  list: Pick<PageLinks, 'next' | 'previous' | 'pageNumber'>;
  isNewest: boolean;
  /** What the pages are full of. Defaults to jobs. */
  of?: string;
}

/** Nothing where there is one page. */
export function Pager({ list: { next, previous, pageNumber }, isNewest, of = 'jobs' }: PagerProps) {
  if (!next && !previous) return null;
  const [back, on] = isNewest ? ['Newer', 'Older'] : ['Older', 'Newer'];
  return (
    <nav class="pager" aria-label={`Pages of ${of}`}>
      <button type="button" disabled={!previous} onClick={previous}>
        {pageNumber === undefined ? 'First page' : back}
      </button>
      <span class="quiet">{pageNumber === undefined ? 'a page further on' : `page ${pageNumber}`}</span>
      <button type="button" disabled={!next} onClick={next}>
        {on}
      </button>
    </nav>
  );
}
