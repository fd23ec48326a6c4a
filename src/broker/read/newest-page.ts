/**
 * The newest messages on a filter that matches very many subjects. To count those costs the server 30 to 100 ms each time, so this
 * asks for few pages instead of counts, from a window that fits what was found before (measured at two million subjects).
 */
import { forgetOldest } from '../../jobs/forget-oldest.js';
import type { DirectRead, StoredMessage } from './direct-read.js';

/** Sequences to begin with, for each message that is wanted. */
const FIRST_WIDTH = 8;
/** By how much a window grows in which nothing was found. */
const MOST_GROWTH = 64;
/** Messages that are read for each one that is wanted, before a smaller window is tried. */
const SURPLUS = 4;
const MAX_FILTERS = 1_000;

export class NewestPages {
  /** Sequences for each message, by filter; those used last come last. */
  readonly #widths = new Map<string, number>();

  /** Up to `limit` messages from `before` down, newest first; fewer only when there are no more. */
  async read(
    read: Pick<DirectRead, 'last' | 'page'>,
    stream: string,
    filter: string,
    before: number,
    limit: number,
  ): Promise<StoredMessage[]> {
    let end = before;
    if (!Number.isFinite(before)) {
      // Where the last message of a stream was removed, the server finds none.
      const last = (await read.last(stream, '>')) ?? (await read.last(stream, filter));
      end = last?.seq ?? 0;
    }
    const most = limit * SURPLUS;
    let width = Math.ceil((this.#widths.get(filter) ?? FIRST_WIDTH) * limit);
    let tooWide = Number.POSITIVE_INFINITY;
    let wasEmpty = false;
    while (end > 0) {
      const from = Math.max(1, end - width + 1);
      const page = await read.page(stream, filter, from, most);
      const found = page.filter(({ seq }) => seq <= end);
      const isAll = found.length < page.length || page.length < most;
      if (isAll && (found.length >= limit || from === 1)) {
        this.#remember(filter, width, found.length);
        return found.reverse().slice(0, limit);
      }
      if (isAll && found.length === 0 && !wasEmpty) {
        // Of a rare one the last is found at once.
        wasEmpty = true;
        end = Math.min(end, (await read.last(stream, filter))?.seq ?? 0);
      } else if (isAll) {
        const growth = found.length === 0 ? MOST_GROWTH : Math.min(MOST_GROWTH, (2 * limit) / found.length);
        const wider = Math.ceil(width * Math.max(growth, 1.5));
        width = wider < tooWide ? wider : Math.ceil((width + tooWide) / 2);
      } else {
        // They lie closer together towards the end. One sequence each is the closest.
        if (width <= most) return this.#all(read, stream, filter, from, end, limit);
        tooWide = width;
        width = Math.max(most, Math.floor(width / SURPLUS));
      }
      // Nothing lies between two windows of almost the same width.
      if (tooWide - width <= 1)
        return this.#all(read, stream, filter, Math.max(1, end - tooWide + 1), end, limit);
    }
    return [];
  }

  /** For messages that lie very unevenly. */
  async #all(
    read: Pick<DirectRead, 'page'>,
    stream: string,
    filter: string,
    from: number,
    end: number,
    limit: number,
  ): Promise<StoredMessage[]> {
    const last: StoredMessage[] = [];
    for (let next = from; next <= end; ) {
      const page = await read.page(stream, filter, next, 1_000);
      last.push(...page.filter(({ seq }) => seq <= end));
      last.splice(0, last.length - limit);
      const at = page.at(-1)?.seq;
      if (at === undefined || page.length < 1_000) break;
      next = at + 1;
    }
    return last.reverse();
  }

  #remember(filter: string, width: number, found: number): void {
    this.#widths.delete(filter);
    if (found > 0) this.#widths.set(filter, (1.5 * width) / found);
    forgetOldest(this.#widths, MAX_FILTERS);
  }
}
