import { defineConfig } from 'vitest/config';
import { BUILT_SOURCES, builtSources } from './test/support/built-sources.js';
import { LongestFirst } from './test/support/longest-first.js';
import { PATIENCE_MS } from './test/support/patience-ms.js';

export default defineConfig({
  plugins: [builtSources()],
  test: {
    server: { deps: { external: [BUILT_SOURCES] } },
    dir: 'test',
    globalSetup: [
      'test/support/global-setup.ts',
      'test/support/postgres-setup.ts',
      'test/e2e/browser-setup.ts',
    ],
    setupFiles: ['test/support/patience.ts'],
    sequence: { sequencer: LongestFirst },
    // Most files wait for servers, browsers and processes, and one of them, the fault runs, for most of the time.
    maxWorkers: 4,
    // Nothing here has global state, and most files import the same modules.
    isolate: false,
    // A busy machine is late. These end a test that hangs, and one that waits in vain says so before.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
});
