import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FINDINGS } from '../../src/upkeep/finding.js';

const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| `'));

it('docs/doctor.md has one row for each finding, as the table of the code has it', () => {
  const wanted = Object.entries(FINDINGS).map(
    ([code, { severity, explanation, fix }]) =>
      `| \`${code}\` | ${severity} | ${explanation} | ${fix ?? 'nothing: it needs a person'} |`,
  );
  expect(rows).toEqual(wanted);
});
