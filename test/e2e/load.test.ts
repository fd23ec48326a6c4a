import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { DashboardPage } from './dashboard-page.js';
import { startLiveSystem } from './live-system.js';

const JOBS_PER_MINUTE = 10_000;
const TICK_MS = 60;
/** A tenth of it in every run; `JETFLEET_LOAD=1` tries each page for a minute and prints what it saw. */
const isLong = process.env.JETFLEET_LOAD === '1';
const SECONDS = isLong ? 60 : 4;
const PAGES = isLong ? ['/', '/jobs', '/machines/job', '/workers'] : ['/jobs'];
/** What a page may keep its reader waiting; a run beside other tests shares its cores with them. */
const MOST_MS = isLong ? 200 : 1_000;

it.each(PAGES)(
  `%s answers at ${JOBS_PER_MINUTE} jobs a minute`,
  async (path) => {
    await using system = await startLiveSystem();
    const { queue } = system.fleet;
    await using tab = await DashboardPage.open(system.http.url, path);
    await tab.see('h1');
    await tab.page.evaluate(() => {
      const seen: number[] = [];
      Object.assign(window, { longTasks: seen });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) seen.push(duration);
      }).observe({ type: 'longtask' });
    });
    const ticks = (SECONDS * 1_000) / TICK_MS;
    const perTick = (JOBS_PER_MINUTE / 60_000) * TICK_MS;
    for (let tick = 0; tick < ticks; tick++) {
      const jobs = Array.from({ length: perTick }, () => ({ type: 'greet', payload: { tick } }));
      await Promise.all([queue.addJobs(jobs), delay(TICK_MS)]);
    }
    const tasks = await tab.page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks);
    const longest = Math.max(0, ...tasks);
    if (isLong)
      process.stdout.write(
        `${path}: ${tasks.length} tasks over 50 ms, the longest ${Math.round(longest)} ms\n`,
      );
    expect(longest).toBeLessThan(MOST_MS);
    // A busy machine may run them a little later than they come.
    await vi.waitFor(
      async () => expect((await queue.getStats()).byType.greet?.completed).toBe(Math.ceil(ticks) * perTick),
      { timeout: 30_000, interval: 100 },
    );
    expect(tab.problems).toEqual([]);
  },
  120_000,
);
