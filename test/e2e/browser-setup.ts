import { execFileSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';
import { startChromium } from './chromium.js';
import { ensureChromium } from './install-chromium.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the browser listens that all files share. */
    chromium: string;
  }
}

/** Bundles the dashboard and starts the browser, once for all files. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  ensureChromium();
  execFileSync(process.execPath, ['scripts/build-dashboard.mjs'], { stdio: 'inherit' });
  const { browser, close } = await startChromium();
  project.provide('chromium', browser.wsEndpoint());
  return close;
}
