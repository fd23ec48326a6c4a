import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { isBuilt } from '../../scripts/is-built.mjs';
import { startChromium } from './chromium.js';
import { ensureChromium } from './install-chromium.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the browser listens that all files share. */
    chromium: string;
    /** The address of a page on which nothing happens. */
    emptyPage: string;
  }
}

/** Starts the browser, once for all files, where one of those that run needs it, and bundles the dashboard first unless the last build has it. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (!project.vitest.state.getPaths().some((path) => path.includes('/test/e2e/'))) return;
  ensureChromium();
  if (!isBuilt(['dashboard', 'src', 'docs/errors.md', 'scripts', 'package.json']))
    execFileSync(process.execPath, ['scripts/build-dashboard.mjs'], { stdio: 'inherit' });
  const { browser, close } = await startChromium();
  project.provide('chromium', browser.wsEndpoint());
  const empty = createServer((_, response) => response.setHeader('content-type', 'text/html').end());
  await once(empty.listen(0, '127.0.0.1'), 'listening');
  project.provide('emptyPage', `http://127.0.0.1:${(empty.address() as AddressInfo).port}/`);
  return async () => {
    await close();
    empty.close();
  };
}
