import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const rows = [
  ...readFileSync('docs/seed-parity.md', 'utf8').matchAll(
    /^\| (?<feature>[^|]+) \| [^|]+ \| `(?<file>test\/[^`]+)` › (?<title>[^|]+) \|$/gm,
  ),
].map(({ groups }) => ({ feature: groups?.feature, file: groups?.file ?? '', title: groups?.title ?? '' }));

it('docs/seed-parity.md has all twelve features', () => {
  expect(rows).toHaveLength(12);
});

it.each(rows)('$feature: the named test exists', ({ file, title }) => {
  expect(readFileSync(file, 'utf8')).toContain(`'${title.trim()}`);
});
