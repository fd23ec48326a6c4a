import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bundleScript } from '../support/bundle.js';
import { startNats } from '../support/nats.js';

const run = promisify(execFile);

test('a connection that its owner drains, closes or reconnects at any moment ends no process', async () => {
  await using nats = await startNats();
  await using script = await bundleScript('support/lent-connections.ts');
  const { stdout } = await run(process.execPath, [script.path, nats.url, '12'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  expect(JSON.parse(stdout)).toEqual({ problems: [] });
}, 120_000);
