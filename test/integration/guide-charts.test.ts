import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { codeOf, printed, snippetsOf } from '../support/snippets.js';

const GUIDE = 'docs/guides/own-charts.md';
let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

test.each([
  [0, ['downloading llama, wanted', 'epoch 1', 'epoch 2', '{ epochs: 2 }']],
  [1, ['free at poll 3']],
  [2, ['both as they should be']],
])('program %i of the guide of own charts', async (place, lines) => {
  expect(await printed(codeOf(GUIDE, 'ts')[place] ?? '', { NATS_URL: nats.url })).toEqual(lines);
});

test('the guide of own charts has no other snippet', () => {
  expect(snippetsOf(GUIDE)).toHaveLength(3);
});
