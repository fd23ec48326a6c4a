import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** The words that `docs/style.md` replaces. The patterns apply to prose, not to code and link targets. */
const WORDS: readonly RegExp[] = [
  /\b(?:told|tells?|telling)\b/i,
  /\bmend(?:s|ed|ing)?\b/i,
  /\banew\b/i,
  /\bstrangers?\b/i,
  /\bshall\b/i,
  /\bhalf\s+as\s+(?:many|much)\b/i,
  /\bwho(?:so)?ever\b/i,
  /\bwhatever\b/i,
  /\blook(?:s|ed|ing)?\b/i,
  /\b(?:says?|said|saying)\b/i,
  /\bsettle[sd]?\b/i,
  /\b(?:stands?|stood)\b(?!\s+for)/i,
  /\bgo(?:es)?\s+by\b/i,
  /\b(?:go(?:es)?|went)\s+on\b/i,
  /\b(?:holds?|held)\b/i,
  /\b(?:some|any|every|no)body\b/i,
  /\b(?:tried|tries|try)\s+again\b/i,
  /\bby\s+(?:itself|themselves)\b/i,
  /\bmeanwhile\b/i,
  /\ball\s+the\s+same\b/i,
  /\bpassed\s+over\b/i,
  /\bonce\s+more\b/i,
  /\bwhat\s+becomes?\s+of\b/i,
  /\bparted\s+by\b/i,
];

/** Generated pages, and the page with the word list. */
const EXCLUDED = ['docs/architecture.md', 'docs/machines.md', 'docs/benchmarks.md', 'docs/style.md'];

const pagesOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);
const pages = ['README.md', ...pagesOf('docs'), ...pagesOf('docs/guides')].filter(
  (page) => !EXCLUDED.includes(page),
);

/** Omits table cells that repeat texts of the code: other tests compare these cells with the code. */
function proseOf(page: string, line: string): string {
  if (page === 'docs/doctor.md' && line.startsWith('| `')) return '';
  if (page === 'docs/errors.md' && line.startsWith('| `')) return line.split(' | ').slice(2).join(' | ');
  if (page === 'docs/seed-parity.md') return line.replace(/›.*$/, '');
  if (page === 'docs/guides/monitoring.md' && line.startsWith('| `')) return '';
  return line;
}

/** Keeps the line breaks, so that an offset still maps to its line. */
const blank = (text: string) => text.replaceAll(/[^\n]/g, '');

/** Returns `page:line: word` for each relapse, also for phrases with a line break. */
function relapsesOf(page: string, text: string): string[] {
  const prose = text
    .replaceAll(/^ *```[\s\S]*?^ *```$/gm, blank)
    .split('\n')
    .map((line) => proseOf(page, line))
    .join('\n')
    .replaceAll(/`(?:[^`\n]|\n(?!\n))*`/g, blank)
    .replaceAll(/\]\([^)]*\)/g, (target) => `]${blank(target)}`);
  return WORDS.flatMap((word) =>
    [...prose.matchAll(new RegExp(word.source, 'gi'))].map(({ 0: found, index }) => ({ found, index })),
  )
    .sort((one, other) => one.index - other.index)
    .map(
      ({ found, index }) =>
        `${page}:${prose.slice(0, index).split('\n').length}: ${found.replace(/\s+/, ' ')}`,
    );
}

it('README and docs use the words of docs/style.md', () => {
  expect(pages.length).toBeGreaterThan(25);
  expect(pages.flatMap((page) => relapsesOf(page, readFileSync(page, 'utf8')))).toEqual([]);
});

it('reports a relapse with page and line, and ignores code', () => {
  const text = [
    'The worker is told.',
    '```',
    'const look = 1;',
    '```',
    'Run `mend()`, whoever asks. It goes',
    'on.',
  ].join('\n');
  expect(relapsesOf('docs/inspect.md', text)).toEqual([
    'docs/inspect.md:1: told',
    'docs/inspect.md:5: whoever',
    'docs/inspect.md:5: goes on',
  ]);
});

it('docs/style.md has a row for each pattern', () => {
  const replaced = readFileSync('docs/style.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split(' | ')[1] ?? '');
  expect(WORDS.filter((word) => !replaced.some((cell) => word.test(cell))).map(String)).toEqual([]);
});
