/** The calls of the command line that the pages show name commands and options that exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { shownCallFaults } from '../support/command-line.js';

const pages = [
  ...['README.md', 'CONTRIBUTING.md'],
  ...['docs', 'docs/guides'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];
const FENCE = /^ *```(\w*)\n([\s\S]*?)^ *```/gm;
const SHELLS = ['', 'sh', 'bash', 'text'];
/** Where a command of a shell begins. */
const CALL = /(?:^|npx |\$ |\$\(|<\(|&& |[|;"] ?) *jetfleet ([a-z][^|;&#>\n]*)/gm;

function callsIn(page: string): string[] {
  const text = readFileSync(page, 'utf8').replaceAll('\\\n', ' ');
  const blocks = [...text.matchAll(FENCE)].flatMap(([, language = '', code = '']) =>
    SHELLS.includes(language) ? [code] : [],
  );
  const spans = [...text.replaceAll(FENCE, '').matchAll(/`([^`]+)`/g)].map(([, code = '']) =>
    code.replaceAll(/\s+/g, ' '),
  );
  return [...blocks, ...spans].flatMap((code) =>
    [...code.matchAll(CALL)].map(([, call = '']) => call.trim()),
  );
}

test.for(pages)('%s calls commands that exist', (page) => {
  expect(callsIn(page).flatMap(shownCallFaults)).toEqual([]);
});

test('many calls are found, and a wrong one is', () => {
  expect(pages.flatMap(callsIn).length).toBeGreaterThan(150);
  expect(shownCallFaults('http')).toEqual(['no command http in: jetfleet http']);
  expect(shownCallFaults("job add x --data '{}' --prio high")).toHaveLength(1);
});
