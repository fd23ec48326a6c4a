import { type Browser, connect, type Page } from 'puppeteer-core';
import { inject } from 'vitest';

let browser: Promise<Browser> | undefined;
let free: Page | undefined;

/**
 * A tab in a session that no other worker has, with nothing stored. The tests of a worker use one after each other: a
 * session and a renderer for each would cost more than most tests do. One that is still in use is left to its test.
 */
export async function takeTab(): Promise<Page> {
  const page = free ?? (await newTab());
  free = undefined;
  return page;
}

/**
 * Ends the page of a test and forgets what it has stored. The empty page is of the same site as the dashboard: one of
 * another would get a renderer of its own, and the dashboard after it as well.
 */
export async function giveTabBack(page: Page): Promise<void> {
  try {
    await page.evaluate(() => {
      localStorage.clear();
      sessionStorage.clear();
    });
    await page.goto(inject('emptyPage'));
  } catch {
    // A page that does not answer is of no use to another test.
    return page.close().catch(() => undefined);
  }
  if (free) return page.close();
  free = page;
}

async function newTab(): Promise<Page> {
  browser ??= connect({ browserWSEndpoint: inject('chromium'), defaultViewport: null });
  const context = await (await browser).createBrowserContext();
  const page = await context.newPage();
  // Each worker has a window, and only one of them can have the focus of the system.
  await page.emulateFocusedPage(true);
  return page;
}
