import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LANGUAGES } from '../fault/language-scenario.js';
import { scenariosFor } from '../fault/scenarios.js';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/guarantees.md', root), 'utf8');
const promises = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| promise'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, promise = '', scenarios = '', test = '']) => ({ promise, scenarios, test }));
const known = new Set([...Object.keys(scenariosFor(false)), ...Object.keys(scenariosFor(true)), LANGUAGES]);

it('docs/guarantees.md names a scenario that exists and a test that exists for each promise', () => {
  expect(promises.length).toBeGreaterThan(10);
  for (const { promise, scenarios, test } of promises) {
    const named = [...scenarios.matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => name);
    if (scenarios !== 'every one') expect(named, promise).not.toEqual([]);
    for (const name of named) expect(known, promise).toContain(name);
    expect(existsSync(new URL(test, root)), `${test} for: ${promise}`).toBe(true);
  }
});

it('docs/guarantees.md mentions every scenario', () => {
  const named = promises.map(({ scenarios }) => scenarios).join(' ');
  for (const name of known) expect(named).toContain(`\`${name}\``);
});
