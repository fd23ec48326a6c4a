import { JobQueueService, type JobRecord } from 'jetfleet';
import { startHttpServer } from 'jetfleet/http';
import { percentile } from '../statistics.js';
import type { Measure } from './measure.js';

const TYPE = 'listed';
const AT_ONCE = 5_000;
const PAGE = 50;
const PAGES = 20;

/** Beginnings of ids: of many jobs, of some, of one, and of none. */
const PREFIXES = ['job-', 'job-1', 'job-19', 'job-199', 'job-1999', 'none-'];

/** Pages of finished jobs over HTTP, with the filters that people use, each followed by its cursor; then searches by id. */
export const measureLists: Measure = async ({ server, sizes: { listJobs } }) => {
  const queue = new JobQueueService({ servers: server.url });
  await finishedJobs(queue, listJobs);
  const api = await startHttpServer(queue, { port: 0, tokens: [], dashboard: false });
  const middle = new Date().toISOString();
  const queries = [
    'order=newest',
    'order=oldest',
    'status=completed&order=newest',
    'status=failed&order=newest',
    `type=${TYPE}&order=newest`,
    'priority=high&status=completed&order=newest',
    `until=${middle}&status=completed&order=newest`,
    'id=job-7',
  ];
  const timesMs: number[] = [];
  for (const query of queries)
    timesMs.push(...(await pageTimes(`${api.url}/api/v1/jobs?limit=${PAGE}&${query}`, PAGES)));
  const search = (id: string, order: string, pages: number) =>
    pageTimes(`${api.url}/api/v1/jobs?limit=${PAGE}&id=${id}&order=${order}`, pages);
  const firstMs = await search('none-', 'newest', Number.POSITIVE_INFINITY);
  const searchMs: number[] = [];
  for (const id of PREFIXES)
    for (const order of ['newest', 'oldest']) searchMs.push(...(await search(id, order, 1)));
  await api.close();
  await queue.close();
  return {
    pages: timesMs.length,
    pageP50Ms: percentile(timesMs, 50),
    pageP99Ms: percentile(timesMs, 99),
    pageMaxMs: percentile(timesMs, 100),
    firstSearchMs: firstMs.reduce((sum, each) => sum + each, 0),
    searchP50Ms: percentile(searchMs, 50),
    searchMaxMs: percentile(searchMs, 100),
  };
};

/** One in ten has failed. The records are written as a worker writes them, without running anything. */
async function finishedJobs(queue: JobQueueService, count: number): Promise<void> {
  const broker = await queue.broker();
  for (let from = 0; from < count; from += AT_ONCE) {
    const part = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) =>
      finished(from + index),
    );
    await Promise.all(part.map((record) => broker.appendEvent(record, 0)));
  }
}

function finished(n: number): JobRecord {
  const at = new Date().toISOString();
  const failed = n % 10 === 0;
  return {
    v: 1,
    id: `job-${n}`,
    type: TYPE,
    priority: n % 2 === 0 ? 'high' : 'low',
    status: failed ? 'failed' : 'completed',
    state: failed ? 'exhausted' : 'completed',
    payload: { n },
    attempt: 1,
    maxAttempts: 3,
    createdAt: at,
    updatedAt: at,
    startedAt: at,
    finishedAt: at,
    machine: { id: 'job', version: 1 },
  };
}

/** Follows the cursor for up to `pages` pages. */
async function pageTimes(url: string, pages: number): Promise<number[]> {
  const timesMs: number[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined && timesMs.length < pages; ) {
    const start = performance.now();
    const response = await fetch(cursor === '' ? url : `${url}&cursor=${encodeURIComponent(cursor)}`);
    const page = (await response.json()) as { jobs?: unknown[]; cursor?: string };
    timesMs.push(performance.now() - start);
    if (!response.ok || !page.jobs) throw new Error(`${url} answered ${response.status}`);
    cursor = page.cursor;
  }
  return timesMs;
}
