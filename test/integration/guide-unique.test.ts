import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { startNats } from '../support/nats.js';
import { codeOf, printed, printedByShell, snippetsOf } from '../support/snippets.js';

const page = 'docs/guides/unique.md';
let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const printedAt = (place: number) => printed(codeOf(page, 'ts')[place] ?? '', { NATS_URL: nats.url });

test('the guide of unique jobs names one job of two calls', async () => {
  expect(await printedAt(0)).toEqual(['true false true']);
});

test('the guide of unique jobs makes the key of the payload', async () => {
  expect(await printedAt(1)).toEqual(['true false true']);
});

test('the guide of unique jobs has the last of two calls count', async () => {
  expect(await printedAt(2)).toEqual(["{ text: 'Hello' }"]);
});

test('the guide of unique jobs adds them on the command line', async () => {
  const [code = ''] = codeOf(page, 'sh');
  const [first = '', second = '', debounced = ''] = await printedByShell(code, { NATS_URL: nats.url });
  expect(JSON.parse(second)).toEqual({ id: first, created: false });
  await using queue = new JobQueueService({ servers: nats.url });
  expect(await queue.getJob(debounced)).toMatchObject({ unique: { key: 'draft-8', scope: 'waiting' } });
});

test('the guide of unique jobs has no other snippet', () => {
  expect(snippetsOf(page).map(({ language }) => language)).toEqual(['ts', 'ts', 'ts', 'sh']);
});
