import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bundleScript } from '../support/bundle.js';
import { startNats } from '../support/nats.js';

test('connecting leaves no hooks behind, which would make every promise of the process dearer', async () => {
  await using nats = await startNats();
  await using script = await bundleScript('support/promise-hooks.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script.path, nats.url]);
  expect(stdout).toBe('false\n');
});
