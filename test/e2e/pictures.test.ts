/**
 * Pictures of the dashboard. `JETFLEET_SCREENSHOTS=1` takes the five of the README; a folder in its place gets every page and a job in
 * each situation, at three widths, light and dark, to be looked at.
 */
import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DashboardPage } from './dashboard-page.js';
import { bustle, keepRendering, startScenes, writeHistory } from './picture-scenes.js';

const WANTED = process.env.JETFLEET_SCREENSHOTS ?? '';
const IMAGES = 'docs/images';
/** Of the README: from which of the scenes, and in which theme. */
const README: readonly [name: string, theme: 'light' | 'dark'][] = [
  ['overview', 'light'],
  ['failed', 'dark'],
  ['flow', 'light'],
  ['machine', 'dark'],
  ['history', 'light'],
];
const WIDTHS = [1_440, 1_024, 390];

/** Each page and situation, with what shows that it has loaded. */
const SCENES: readonly [name: string, path: string, ready: string][] = [
  ['overview', '/', '.panel .data'],
  ['live', '/jobs/video-1', '.drawing .state.lit'],
  ['ended', '/jobs/order-1', '.drawing .state'],
  ['cancelled', '/jobs/video-2', '.drawing .state'],
  ['failed', '/jobs/video-3', '.drawing .state.lit'],
  ['retried', '/jobs/invoice-9', '.attempts li:nth-child(2)'],
  ['flow', '/jobs/report-7', '.drawing .job'],
  ['family', '/jobs/album-1', '.drawing .job'],
  ['hibernating', '/jobs/approval-1', '.waits'],
  ['jobs', '/jobs', '.data.jobs tbody tr'],
  ['history', '/history', '.plot.tall canvas'],
  ['schedules', '/schedules', '.data tbody tr'],
  ['limits', '/limits', '.data tbody tr'],
  ['money', '/money', '.data tbody tr'],
  ['machines', '/machines', '.card'],
  ['machine', '/machines/render_video', '.drawing .state'],
  ['workers', '/workers', '.worker .bars'],
  ['webhooks', '/webhooks', '.data tbody tr'],
  ['webhook', '/webhooks/order-1-monitor-webhook-running', '.attempts'],
  ['endpoints', '/endpoints', '.data tbody tr'],
  ['dead-letters', '/dead-letters', '.data.jobs .error-text'],
  ['audit', '/audit', '.data tbody tr'],
  ['api', '/api', '.route'],
];

it.runIf(WANTED !== '')(
  'pictures are taken',
  async () => {
    await using system = await startScenes();
    await using tab = await DashboardPage.open(system.http.url, '/');
    const isReadme = WANTED === '1';
    const folder = isReadme ? IMAGES : WANTED;
    mkdirSync(folder, { recursive: true });
    await writeHistory(system);
    await bustle(system, isReadme ? 75 : 5);
    for (const [name, path, ready] of SCENES) {
      const shown = README.filter(([scene]) => scene === name);
      if (isReadme && shown.length === 0) continue;
      await tab.resize(WIDTHS[0] ?? 0);
      if (name !== 'overview') await tab.goto(path);
      await tab.see(ready);
      const stop = name === 'machine' ? keepRendering(system) : () => {};
      // Times are known of what was seen to leave a state.
      if (name === 'machine') await delay(8_000);
      // Drawings and charts are loaded after the page.
      await tab.page.waitForNetworkIdle({ idleTime: 400, concurrency: 4 });
      for (const theme of ['light', 'dark'] as const) {
        await tab.wear(theme);
        if (isReadme && !shown.some((each) => each[1] === theme)) continue;
        for (const width of isReadme ? [1_360] : WIDTHS) {
          await tab.resize(width);
          await delay(300);
          if (!isReadme) expect.soft(await tab.overflow(), `${name} at ${width}`).toBeLessThanOrEqual(0);
          const file = isReadme ? `dashboard-${name}-${theme}` : `${name}-${width}-${theme}`;
          await tab.page.screenshot({ path: `${folder}/${file}.png`, fullPage: !isReadme });
        }
      }
      stop();
    }
  },
  600_000,
);
