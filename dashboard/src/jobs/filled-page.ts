import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobPage } from '../api/answers.js';
import { getJson } from '../api/client.js';
import type { PathResource } from '../api/use-resource.js';

/** Answers that are asked for to fill a page. */
const MOST_PARTS = 8;

interface Whole {
  path: string;
  page: JobPage;
}

/**
 * A list whose pages are full. The server ends a page early where it has taken too long, as on a busy machine, and says where to go on: shown
 * as it is, the page would shrink for a moment. So the one before stays until the rest has come.
 * @param nextOf where the rest of a page is
 */
export function useFilledPages(
  list: PathResource<JobPage>,
  path: string,
  size: number,
  nextOf: (path: string, cursor: string, limit: number) => string,
): PathResource<JobPage> {
  const last = useRef<Whole | undefined>(undefined);
  const filling = useRef<AbortController | undefined>(undefined);
  const [, draw] = useState(0);
  const answer = list.of === path ? list.data : undefined;
  const isWhole = answer !== undefined && (answer.cursor === undefined || answer.jobs.length >= size);
  if (isWhole) last.current = { path, page: answer };
  const before = last.current?.path === path ? last.current.page : undefined;
  const isShort = answer !== undefined && !isWhole && (before !== undefined || answer.jobs.length > 0);

  useEffect(() => {
    // A page that takes longer to fill than the next answer takes to come would never be full.
    if (!isShort || !answer || filling.current) return;
    const abort = new AbortController();
    filling.current = abort;
    filled(answer, size, (cursor, limit) => getJson<JobPage>(nextOf(path, cursor, limit), abort.signal))
      .then((page) => {
        last.current = { path, page };
      })
      // What was shown stays; the next answer begins again.
      .catch(() => {})
      .finally(() => {
        if (filling.current === abort) filling.current = undefined;
        if (!abort.signal.aborted) draw((round) => round + 1);
      });
  }, [answer, isShort]);
  useEffect(
    () => () => {
      filling.current?.abort();
      filling.current = undefined;
    },
    [path],
  );
  return isShort && before ? { ...list, data: before } : list;
}

async function filled(
  first: JobPage,
  size: number,
  read: (cursor: string, limit: number) => Promise<JobPage>,
): Promise<JobPage> {
  const jobs = new Map(first.jobs.map((job) => [job.id, job]));
  let { cursor } = first;
  for (let part = 0; part < MOST_PARTS && cursor !== undefined && jobs.size < size; part++) {
    const page = await read(cursor, size - jobs.size);
    for (const job of page.jobs) if (!jobs.has(job.id)) jobs.set(job.id, job);
    cursor = page.cursor;
  }
  return { jobs: [...jobs.values()], ...(cursor !== undefined && { cursor }) };
}
