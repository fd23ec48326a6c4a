import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const rows = readFileSync(new URL('docs/features.md', root), 'utf8')
  .split('\n')
  .filter((line) => /^\| [^|]+ \| (yes|part|no) \|/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '').trim()));

it('docs/features.md has a row for each of the 72 features', () => {
  expect(rows).toHaveLength(72);
  expect(new Set(rows.map(([feature]) => feature)).size).toBe(72);
});

it('docs/features.md proves each feature by a test that exists, and says why of each that is left out', () => {
  for (const [feature, status, here, peer, proof] of rows) {
    expect(here, feature).not.toBe('');
    expect(peer, feature).not.toBe('');
    if (status === 'no') expect(proof?.startsWith('test/') ?? false, feature).toBe(false);
    else
      expect(proof?.startsWith('test/') && existsSync(new URL(proof, root)), `${feature}: ${proof}`).toBe(
        true,
      );
  }
});
