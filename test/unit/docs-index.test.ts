import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';

const INDEX = 'docs/README.md';
const pagesOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const PAGES = [...pagesOf('docs'), ...pagesOf('docs/guides')];
const READ = ['README.md', 'CONTRIBUTING.md', ...PAGES, ...pagesOf('docs/decisions')];

const prose = (text: string) => text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');

/** Links of a page to this repository: where each leads to, from its root, and the heading that it names. */
function linksOf(page: string, text = readFileSync(page, 'utf8')): { target: string; heading: string }[] {
  const links = prose(text).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)/g);
  return [...links].map(([, path = '', heading = '']) => ({
    target: path === '' ? page : normalize(join(dirname(page), path)).replace(/\/$/, ''),
    heading,
  }));
}

/** The names of the headings of a page, as GitHub makes them. */
function headingsOf(page: string): Set<string> {
  const headings = prose(readFileSync(page, 'utf8')).matchAll(/^#{1,6} +(.+)$/gm);
  const slug = (text: string) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
  return new Set([...headings].map(([, text = '']) => slug(text)));
}

function brokenLinks(page: string, text?: string): string[] {
  const isBroken = ({ target, heading }: { target: string; heading: string }) =>
    !existsSync(target) || (heading !== '' && target.endsWith('.md') && !headingsOf(target).has(heading));
  return linksOf(page, text)
    .filter(isBroken)
    .map(({ target, heading }) => `${page}: ${target}${heading && `#${heading}`}`);
}

it('docs/README.md lists every page, and README.md links to it', () => {
  const listed = new Set(linksOf(INDEX).map(({ target }) => target));
  expect(PAGES.filter((page) => page !== INDEX && !listed.has(page))).toEqual([]);
  expect(linksOf('README.md').map(({ target }) => target)).toContain(INDEX);
});

it('every link of README, docs, guides and decisions leads to a file and a heading that exist', () => {
  expect(READ.flatMap((page) => brokenLinks(page))).toEqual([]);
});

it('a link to a file or a heading that does not exist is reported', () => {
  const text =
    '[a](absent.md) [b](style.md#glossary) [c](style.md#absent) [d](#absent) [e](https://x.invalid/)';
  expect(brokenLinks('docs/errors.md', text)).toEqual([
    'docs/errors.md: docs/absent.md',
    'docs/errors.md: docs/style.md#absent',
    'docs/errors.md: docs/errors.md#absent',
  ]);
});
