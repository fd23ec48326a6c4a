import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { asFile, runFile, snippetsOf } from '../support/snippets.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

test('the guide of schedules', async () => {
  const [program = ''] = snippetsOf('docs/guides/schedules.md').flatMap(({ language, code }) =>
    language === 'ts' ? [code] : [],
  );
  const { lines, ended } = runFile(await asFile(program), [], { NATS_URL: nats.url });
  expect(await ended, lines.join('\n')).toBe(0);
  expect(lines).toEqual(['nightly 0 0 3 * * * Europe/Berlin', 'nightly: true', 'completed']);
});
