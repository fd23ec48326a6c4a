import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const page = readFileSync('docs/security.md', 'utf8');

it('docs/security.md names a test that exists for each promise', () => {
  const [, table = ''] = page.split('## Each promise has a test');
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| promise'));
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const [, promise = '', test = ''] = row.split('|').map((cell) => cell.trim());
    expect(existsSync(test), `${test} for: ${promise}`).toBe(true);
  }
});

it('docs/security.md describes every role of the broker', () => {
  const roles = readFileSync('deploy/nats/roles.conf', 'utf8').matchAll(/^\s+user: "(\w+)"$/gm);
  const names = [...roles].map(([, name]) => name);
  expect(names).toEqual(['producer', 'scheduler', 'worker', 'observer', 'server', 'admin']);
  for (const name of names) expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\|`, 'm'));
});
