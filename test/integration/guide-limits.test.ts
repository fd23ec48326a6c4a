import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { asFile, runFile, snippetsOf } from '../support/snippets.js';

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
  const code = snippetsOf(page).filter(({ language }) => language === 'ts')[place]?.code ?? '';
  const { lines, ended } = runFile(await asFile(code), [], { NATS_URL: nats.url });
  expect(await ended, lines.join('\n')).toBe(0);
  expect(lines).toEqual([line]);
});

test('the guide of limits has no other snippet', () => {
  expect(snippetsOf(page)).toHaveLength(3);
});
