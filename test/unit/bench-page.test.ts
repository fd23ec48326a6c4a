import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pageFiles } from '../../bench/report/page.js';
import { withPart } from '../../bench/report/stored-part.js';
import { resultTable } from '../../bench/report/table.js';
import { summarise } from '../../bench/statistics.js';
import { benchResult } from '../support/bench-result.js';

/**
 * The tags of a text in XML, closed in the order in which they were opened, or an error that says where not.
 */
function openTags(xml: string): string[] {
  const open: string[] = [];
  for (const [tag, closing, name, , selfClosing] of xml.matchAll(
    /<(\/?)([\w-]+)((?:\s+[\w:-]+="[^"<&]*(?:&\w+;[^"<&]*)*")*)\s*(\/?)>/g,
  )) {
    if (closing && open.pop() !== name) throw new Error(`${tag} closes what is not open`);
    if (!closing && !selfClosing) open.push(name as string);
  }
  return open;
}

describe('the page of the benchmark', () => {
  const result = benchResult();
  const files = pageFiles(result);
  const page = files.get('benchmarks.md') ?? '';

  it('shows every ratio', () => {
    const names = Object.keys(result.ratios);
    expect(names).toHaveLength(17);
    expect(names.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
  });

  it('shows medians with the smallest and largest run', () => {
    expect(page).toContain('| fsync | Jetfleet | 12,345 (11,111 to 14,814) |');
  });

  it('says which figures are of a run of their own', () => {
    const apart = { add: '2026-01-02' };
    const lines = (pageFiles({ ...result, apart }).get('benchmarks.md') ?? '').split('\n');
    const at = lines.indexOf('*Measured by itself on 2026-01-02.*');
    expect(lines[at - 2]).toBe('## Adding one at a time');
    expect(page).not.toContain('Measured by itself');
  });

  it('takes the figures of a part that is measured again, and their ratios', () => {
    const names = Object.keys(result.figures).filter((name) => name.includes('.add.'));
    const faster = Object.fromEntries(
      names.map((name) => [name, summarise([name.includes('jetfleet') ? 900 : 300])]),
    );
    const stored = {
      ...result,
      failures: [{ unit: 'fsync.pg-boss.add', message: 'ended' }, ...result.failures],
    };
    const merged = withPart(stored, {
      ...result,
      date: '2026-02-03',
      figures: faster,
      ratios: {},
      failures: [],
    });
    expect(merged.ratios).toEqual({
      ...result.ratios,
      'fsync.addVsBullmq': 3,
      'fsync.addVsPgBoss': 3,
      'periodic.addVsBullmq': 3,
    });
    expect(merged).toMatchObject({
      date: '2026-01-01',
      apart: { add: '2026-02-03' },
      failures: result.failures,
    });
    expect(Object.keys(merged.figures).sort()).toEqual(Object.keys(result.figures).sort());
  });

  it('says what was not measured, in one line', () => {
    expect(page).toContain('- `fsync.jetfleet.monitors`: too slow\n');
  });

  it('links every chart that it has, and no other', () => {
    const linked = [...page.matchAll(/\]\((images\/[^)]+)\)/g)].map(([, path]) => path);
    expect(linked.length).toBeGreaterThan(4);
    expect(linked.sort()).toEqual([...files.keys()].filter((path) => path.endsWith('.svg')).sort());
  });

  it('draws well-formed SVG', () => {
    const charts = [...files].filter(([path]) => path.endsWith('.svg')).map(([, svg]) => svg);
    for (const svg of charts) {
      expect(openTags(svg)).toEqual([]);
      expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 \d+ \d+"[^>]*>\n<title>[^<]+<\/title>/);
      expect(svg.replaceAll(/<[^<>]*>/g, '')).not.toMatch(/[<>]|&(?!\w+;)/);
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('is printed as a table with every figure and ratio', () => {
    const table = resultTable(result);
    const names = [...Object.keys(result.figures), ...Object.keys(result.ratios)];
    expect(names.filter((name) => !table.includes(name))).toEqual([]);
  });
});

describe.skipIf(!existsSync('docs/benchmarks.json'))('docs/benchmarks.md', () => {
  it('shows the figures of docs/benchmarks.json', () => {
    const stored = JSON.parse(readFileSync('docs/benchmarks.json', 'utf8'));
    const stale = [...pageFiles(stored)].filter(([path, content]) => {
      const file = join('docs', path);
      return !existsSync(file) || readFileSync(file, 'utf8') !== content;
    });
    // Make it again with `npm run bench -- --render`.
    expect(stale.map(([path]) => path)).toEqual([]);
  });

  it('has every ratio that the README quotes', () => {
    const page = readFileSync('docs/benchmarks.md', 'utf8');
    const readme = readFileSync('README.md', 'utf8');
    const section = readme.slice(readme.indexOf('## How fast it is'), readme.indexOf('## The wire contract'));
    const values = [...page.matchAll(/^\| `\w+\.\w+` \| ([\d.]+) \|$/gm)].map(([, value]) => Number(value));
    const quoted = [...section.matchAll(/\b(\d+(?:\.(\d+))?)x/g)];
    expect(values.length).toBeGreaterThan(10);
    expect(quoted.length).toBeGreaterThan(5);
    const isOne = ([, text, decimals = '']: RegExpMatchArray) =>
      values.some((value) => value.toFixed(decimals.length) === text);
    expect(quoted.filter((each) => !isOne(each)).map(([text]) => text)).toEqual([]);
  });
});
