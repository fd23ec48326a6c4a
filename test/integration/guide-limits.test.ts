import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { codeOf, printed, snippetsOf } from '../support/snippets.js';

const page = 'docs/guides/limits.md';
let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

test.each([
  [0, '3'],
  [1, 'one begins, one ends, two begins, two ends'],
  [2, 'acme 5 1 0'],
])('snippet %i of the guide of limits prints %s', async (place, line) => {
  expect(await printed(codeOf(page, 'ts')[place] ?? '', { NATS_URL: nats.url })).toEqual([line]);
});

test('the guide of limits has no other snippet', () => {
  expect(snippetsOf(page)).toHaveLength(3);
});
