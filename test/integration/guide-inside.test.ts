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

test('the guide of hooks', async () => {
  const lines = await printedBy('docs/guides/hooks.md');
  expect(lines.slice(0, 1)).toEqual(['greet begins, attempt 1']);
  expect(lines.slice(1).sort()).toEqual(['greet completed, true', 'hello, acme']);
});

test('the guide of what a handler can do', async () => {
  expect(await printedBy('docs/guides/inside-a-handler.md')).toEqual([
    'ONE',
    'TWO',
    'THREE',
    '{ done: 3, total: 3 } 3',
    "[ '3 words' ]",
  ]);
});

test('the guide of priorities', async () => {
  expect(await printedBy('docs/guides/priorities.md')).toEqual(['true']);
});
