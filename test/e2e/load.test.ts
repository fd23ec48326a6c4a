import { setTimeout as delay } from 'node:timers/promises';
import type { HTTPRequest } from 'puppeteer-core';
import { afterEach, expect, it, vi } from 'vitest';
import { DashboardPage } from './dashboard-page.js';
import { type LiveSystem, startLiveSystem } from './live-system.js';

const JOBS_PER_SECOND = 200;
const TICK_MS = 60;
/**
 * One page for some seconds in every run; `JETFLEET_LOAD=1` tries all of them for a minute, or `JETFLEET_SECONDS`, and prints what it saw.
 * `JETFLEET_SLOW=6` makes the browser so many times slower, and has each answer of the API come late: then what loads late is seen.
 */
const isLong = process.env.JETFLEET_LOAD === '1';
const SECONDS = Number(process.env.JETFLEET_SECONDS ?? (isLong ? 60 : 4));
const SLOWER = Number(process.env.JETFLEET_SLOW ?? 1);
const LATE_MS = 300;
const PAGES = isLong
  ? '/ /jobs /jobs/held-1 /history /schedules /limits /money /machines /machines/job /machines/printed /workers /webhooks /endpoints /dead-letters /audit /api'.split(
      ' ',
    )
  : ['/jobs'];
/** What a page may keep its reader waiting; a run beside other tests shares its cores with them. */
const MOST_MS = isLong && SLOWER === 1 ? 50 : 1_000;
/** Of all shifts together, of which no single one comes from what the reader did. */
const MOST_SHIFT = 0.1;
/** By which the heap may grow after the first third of the time, in bytes: charts of five minutes fill up. */
const MOST_GROWTH = 3 * 1024 * 1024;

interface Seen {
  tasks: number[];
  shift: number;
  /** What moved: which element, and from where to where. */
  moved: string[];
}

/** What takes back what a test has done to its tab, which others use after it. */
const notes: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const undo of notes.splice(0)) await undo().catch(() => {});
});

it.each(PAGES)(
  `%s answers at ${JOBS_PER_SECOND} jobs a second, and stays where it is`,
  async (path) => {
    await using system = await startLiveSystem();
    const { queue } = system.fleet;
    await queue.addJob('held', {}, 'normal', { id: 'held-1' });
    await system.fleet.waitForJob('held-1', 'running');
    await using tab = await DashboardPage.open(system.http.url, '/nowhere');
    await watch(tab);
    if (SLOWER > 1) await slowDown(tab);
    await tab.goto(path);
    await tab.see('h1');
    // What is loaded later has its place by then.
    // So that what loads is not measured. On a busy machine there is always somebody who asks.
    await tab.page.waitForNetworkIdle({ idleTime: 500, concurrency: 4, timeout: 5_000 }).catch(() => {});
    // Of what loads, only what moves the page counts.
    await tab.page.evaluate(() => (window as unknown as { seen: Seen }).seen.tasks.splice(0));
    let added = await work(system, SECONDS / 3);
    const before = await heapOf(tab);
    added += await work(system, (2 * SECONDS) / 3);
    const growth = (await heapOf(tab)) - before;
    const { tasks, shift, moved } = await tab.page.evaluate(() => (window as unknown as { seen: Seen }).seen);
    const longest = Math.max(0, ...tasks);
    if (isLong)
      process.stdout.write(
        `${path}: ${tasks.length} tasks over 50 ms, the longest ${Math.round(longest)} ms; shift ${shift.toFixed(3)}; heap ${Math.round(before / 1024)} KiB, ${Math.round(growth / 1024)} KiB more at the end\n${moved.map((each) => `    ${each}\n`).join('')}`,
      );
    expect(shift, moved.join('\n')).toBeLessThan(MOST_SHIFT);
    expect(longest).toBeLessThan(MOST_MS);
    if (isLong) expect(growth).toBeLessThan(MOST_GROWTH);
    // A busy machine may run them a little later than they come.
    await vi.waitFor(async () => expect((await queue.getStats()).byType.greet?.completed).toBe(added), {
      timeout: 30_000,
      interval: 100,
    });
    expect(tab.problems).toEqual([]);
  },
  60_000 + 3 * SECONDS * 1_000,
);

/** Has each page of the tab note what keeps its reader waiting, and what moves away from under the mouse, from its first moment on. */
async function watch(tab: DashboardPage): Promise<void> {
  const note = await tab.page.evaluateOnNewDocument(() => {
    const seen: Seen = { tasks: [], shift: 0, moved: [] };
    Object.assign(window, { seen });
    const nameOf = (node: Node | null) => {
      const element = node instanceof Element ? node : node?.parentElement;
      return element ? `${element.localName}.${element.getAttribute('class') ?? ''}` : 'gone';
    };
    const place = ({ x, y, width, height }: DOMRectReadOnly) =>
      [x, y, width, height].map((each) => Math.round(each)).join(' ');
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) seen.tasks.push(duration);
    }).observe({ type: 'longtask' });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as LayoutShift[]) {
        if (entry.hadRecentInput) continue;
        seen.shift += entry.value;
        for (const { node, previousRect, currentRect } of entry.sources)
          seen.moved.push(
            `${entry.value.toFixed(3)} at ${Math.round(entry.startTime)} ms: ${nameOf(node)} from ${place(previousRect)} to ${place(currentRect)}`,
          );
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  notes.push(() => tab.page.removeScriptToEvaluateOnNewDocument(note.identifier));
}

/** What the types of the DOM do not have. */
interface LayoutShift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
  sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[];
}

/** A slow machine, and an API far away. */
async function slowDown({ page }: DashboardPage): Promise<void> {
  await page.emulateCPUThrottling(SLOWER);
  await page.setRequestInterception(true);
  const late = (request: HTTPRequest) => {
    const isAnswer = request.url().includes('/api/v1/');
    setTimeout(() => void request.continue().catch(() => {}), isAnswer ? LATE_MS : 0);
  };
  page.on('request', late);
  notes.push(async () => {
    page.off('request', late);
    await page.setRequestInterception(false);
    await page.emulateCPUThrottling(null);
  });
}

/** @returns how many jobs were added */
async function work({ fleet: { queue } }: LiveSystem, seconds: number): Promise<number> {
  const ticks = Math.ceil((seconds * 1_000) / TICK_MS);
  const perTick = (JOBS_PER_SECOND / 1_000) * TICK_MS;
  for (let tick = 0; tick < ticks; tick++) {
    const jobs = Array.from({ length: perTick }, () => ({ type: 'greet', payload: { tick } }));
    await Promise.all([queue.addJobs(jobs), delay(TICK_MS)]);
  }
  return ticks * perTick;
}

/** In bytes, without what nothing holds any more. */
async function heapOf(tab: DashboardPage): Promise<number> {
  if (!isLong) return 0;
  const client = await tab.page.createCDPSession();
  await client.send('HeapProfiler.collectGarbage');
  const { usedSize } = await client.send('Runtime.getHeapUsage');
  await client.detach();
  return usedSize;
}
