import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { startNats } from '../support/nats.js';
import { asFile, runFile, runShell, snippetsOf } from '../support/snippets.js';

const page = 'docs/guides/unique.md';
let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

async function printed(place: number): Promise<string[]> {
  const code = snippetsOf(page).filter(({ language }) => language === 'ts')[place]?.code ?? '';
  const { lines, ended } = runFile(await asFile(code), [], { NATS_URL: nats.url });
  expect(await ended, lines.join('\n')).toBe(0);
  return lines;
}

test('the guide of unique jobs names one job of two calls', async () => {
  expect(await printed(0)).toEqual(['true false true']);
});

test('the guide of unique jobs makes the key of the payload', async () => {
  expect(await printed(1)).toEqual(['true false true']);
});

test('the guide of unique jobs has the last of two calls count', async () => {
  expect(await printed(2)).toEqual(["{ text: 'Hello' }"]);
});

test('the guide of unique jobs adds them on the command line', async () => {
  const code = snippetsOf(page).find(({ language }) => language === 'sh')?.code ?? '';
  const { lines, ended } = runShell(code, { NATS_URL: nats.url });
  expect(await ended, lines.join('\n')).toBe(0);
  const [first = '', second = '', debounced = ''] = lines;
  expect(JSON.parse(second)).toEqual({ id: first, created: false });
  await using queue = new JobQueueService({ servers: nats.url });
  expect(await queue.getJob(debounced)).toMatchObject({ unique: { key: 'draft-8', scope: 'waiting' } });
});

test('the guide of unique jobs has no other snippet', () => {
  expect(snippetsOf(page).map(({ language }) => language)).toEqual(['ts', 'ts', 'ts', 'sh']);
});
