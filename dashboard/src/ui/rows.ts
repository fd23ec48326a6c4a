/** Steps through the rows of the list on the page. The focus is on the link of a row, so that Enter opens it. */

const LINKS = '.data tbody .id a';
/** Where somebody was who has come back. */
let last: string | undefined;

export function moveRow(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>(LINKS)];
  const here = rowOf(document.activeElement);
  const at = links.findIndex((link) => here?.contains(link));
  const known = links.find((link) => link.href === last);
  const next = at < 0 ? (known ?? links[0]) : links[at + step];
  if (!next) return;
  last = next.href;
  next.focus({ preventScroll: true });
  rowOf(next)?.scrollIntoView({ block: 'nearest' });
}

/** Selects the row that has the focus, or takes it out. */
export function toggleRow(): void {
  rowOf(document.activeElement)?.querySelector<HTMLInputElement>('.pick input')?.click();
}

function rowOf(element: Element | null): Element | null {
  return element?.closest('.data tbody tr') ?? null;
}
