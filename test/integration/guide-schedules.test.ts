import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { codeOf, printed } from '../support/snippets.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

test('the guide of schedules', async () => {
  const [program = ''] = codeOf('docs/guides/schedules.md', 'ts');
  expect(await printed(program, { NATS_URL: nats.url })).toEqual([
    'nightly 0 0 3 * * * Europe/Berlin',
    'nightly: true',
    'completed',
  ]);
});
