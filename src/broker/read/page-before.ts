import type { StoredMessage } from './direct-get.js';

/** Messages on a filter of a stream, at most `limit`, none before the sequence `first`. */
interface Wanted {
  stream: string;
  filter: string;
  limit: number;
  first: number;
}

interface Reads {
  last(stream: string, filter: string): Promise<StoredMessage | undefined>;
  count(stream: string, filter: string, seq: number): Promise<number>;
  page(stream: string, filter: string, seq: number, limit: number): Promise<StoredMessage[]>;
  pages(
    stream: string,
    filter: string,
    seq: number,
    pageSize: number,
    upTo: number,
  ): AsyncIterable<StoredMessage[]>;
}

/**
 * Messages from `seq` down, newest first. The server reads upwards alone: counts tell how far back to begin.
 * @param seq may be infinite, for the last message
 */
export async function pageBefore(read: Reads, wanted: Wanted, seq: number): Promise<StoredMessage[]> {
  const { stream, filter, limit, first } = wanted;
  const isLast = !Number.isFinite(seq);
  const end = isLast ? ((await read.last(stream, filter))?.seq ?? 0) : seq;
  if (end < first) return [];
  // Where most messages match, those right before the end are enough, and counting costs more than reading.
  const near = Math.max(first, end - limit + 1);
  const nearby = (await read.page(stream, filter, near, limit)).filter((message) => message.seq <= end);
  if (nearby.length === limit || near === first) return nearby.reverse();
  const after = isLast ? 0 : await read.count(stream, filter, end + 1);
  const start = await startOf(read, wanted, end, after);
  const size = Math.max(start.matches, limit) + 1;
  const all: StoredMessage[] = [];
  // No count says exactly how many there are.
  for await (const page of read.pages(stream, filter, start.seq, size, end)) all.push(...page);
  const found = all.reverse().slice(0, limit);
  if (found.length === limit || start.seq === first) return found;
  // Messages that came between two counts were taken for some that lie before the end.
  const missing = { ...wanted, limit: limit - found.length };
  return [...found, ...(await pageBefore(read, missing, start.seq - 1))];
}

/**
 * A sequence from which `limit` matches remain up to `end`, or a few more; `after` matches lie beyond it. Both numbers
 * are estimates: messages come and go between two counts.
 */
async function startOf(
  read: Reads,
  { stream, filter, limit, first }: Wanted,
  end: number,
  after: number,
): Promise<{ seq: number; matches: number }> {
  const matchesFrom = async (seq: number) => (await read.count(stream, filter, seq)) - after;
  let tooLate = end + 1;
  for (let width = limit; ; width *= 4) {
    const seq = Math.max(first, end - width + 1);
    let matches = await matchesFrom(seq);
    if (matches < limit && seq > first) {
      tooLate = seq;
      continue;
    }
    let start = seq;
    // A window that is far too rich: halve what lies between it and the one that was too poor.
    while (matches > limit * 4 && tooLate - start > 1) {
      const middle = Math.floor((start + tooLate) / 2);
      const inMiddle = await matchesFrom(middle);
      if (inMiddle < limit) tooLate = middle;
      else [start, matches] = [middle, inMiddle];
    }
    return { seq: start, matches };
  }
}
