import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Browser, launch } from 'puppeteer-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  // Each window would load the pages of two address bar popups, which costs more than most of our tests.
  // A page that is left would be kept alive, for a way back that no test goes.
  '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess,BackForwardCache',
];

/** Why there is no browser to test with. */
export class ChromiumError extends Error {
  readonly code = 'CHROMIUM_NOT_FOUND';
}

/**
 * The path of Chromium: CHROMIUM_BIN, or what PATH has under one of its names.
 * @throws ChromiumError when there is none
 */
export function findChromium(): string {
  const given = process.env.CHROMIUM_BIN;
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const candidates = given ? [given] : NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = candidates.find(isExecutable);
  if (found) return found;
  throw new ChromiumError(
    given
      ? `CHROMIUM_NOT_FOUND: CHROMIUM_BIN is ${given}, which cannot be run`
      : `CHROMIUM_NOT_FOUND: PATH has none of ${NAMES.join(', ')}; install Chromium ("apt-get install chromium"), or set CHROMIUM_BIN to its path`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a browser with a profile of its own; `close` ends it and removes the profile. */
export async function startChromium(): Promise<{ browser: Browser; close(): Promise<void> }> {
  const executablePath = findChromium();
  const userDataDir = mkdtempSync(join(tmpdir(), 'jetfleet-chromium-'));
  const browser = await launch({ executablePath, userDataDir, args: FLAGS });
  return {
    browser,
    close: async () => {
      await browser.close();
      rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
