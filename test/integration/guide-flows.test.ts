import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { asFile, runFile, snippetsOf } from '../support/snippets.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** What the program of a guide prints. */
async function printed(guide: string): Promise<string[]> {
  const [program = ''] = snippetsOf(guide).flatMap(({ language, code }) => (language === 'ts' ? [code] : []));
  const { lines, ended } = runFile(await asFile(program), [], { NATS_URL: nats.url });
  expect(await ended, lines.join('\n')).toBe(0);
  return lines;
}

test('the guide of signals', async () => {
  expect(await printed('docs/guides/signals.md')).toEqual(['8 GPUs, approved by Ann']);
});

test('the guide of flows', async () => {
  expect(await printed('docs/guides/flows.md')).toEqual(['report: 10 + 20']);
});
