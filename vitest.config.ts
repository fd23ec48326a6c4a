import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';
import { PATIENCE_MS } from './test/support/patience-ms.js';

const shared = {
  globalSetup: ['test/support/global-setup.ts'],
  setupFiles: ['test/support/patience.ts'],
  // A busy machine is late. These end a test that hangs, and one that waits in vain says so before.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: PATIENCE_MS } },
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: 'suite',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          // Most files wait for servers and processes, and one of them, the fault runs, for most of the time.
          maxWorkers: 4,
          // Nothing here has global state, and most files import the same modules.
          isolate: false,
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          globalSetup: ['test/support/global-setup.ts', 'test/e2e/browser-setup.ts'],
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          maxWorkers: 2,
          isolate: false,
          // After the others: a browser takes both cores.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
