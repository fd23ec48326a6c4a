import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/jobs/errors.js';

const rows = [
  ...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(JETFLEET_\w+)` \| (.+?) \| (.+?) \|$/gm),
].map(([, code, meaning, remedy]) => ({ code, meaning, remedy }));

it('docs/errors.md explains every error code, in the words of the code, and no other', () => {
  const documented = Object.fromEntries(rows.map(({ code, meaning }) => [code, meaning]));
  expect(documented).toEqual(ERROR_CODES);
});

it('every error code comes with a way out', () => {
  expect(rows.filter(({ remedy }) => (remedy ?? '').length < 20)).toEqual([]);
});
