import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { codeOf, printed } from '../support/snippets.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** What the program of a guide prints. */
async function printedBy(guide: string): Promise<string[]> {
  const [program = ''] = codeOf(guide, 'ts');
  return printed(program, { NATS_URL: nats.url });
}

test('the guide of signals', async () => {
  expect(await printedBy('docs/guides/signals.md')).toEqual(['8 GPUs, approved by Ann']);
});

test('the guide of flows', async () => {
  expect(await printedBy('docs/guides/flows.md')).toEqual(['report: 10 + 20']);
});
