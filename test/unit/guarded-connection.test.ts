import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const broker = new URL('../../src/broker/', import.meta.url);
/** The one place, and what it sends by. */
const GUARDED = ['guarded.ts', 'publish-all.ts'];

it('publishes, subscribes, flushes and answers in one place, which no state of a connection makes throw', () => {
  const files = readdirSync(broker).filter((name) => name.endsWith('.ts') && !GUARDED.includes(name));
  const found = files.filter((name) =>
    /onnection\.(publish|subscribe|flush|request|drain)\(|\.respond\(|publishAll\(/.test(
      readFileSync(new URL(name, broker), 'utf8'),
    ),
  );
  expect(found).toEqual([]);
});
