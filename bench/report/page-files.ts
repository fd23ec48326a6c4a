import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchResult } from '../result.js';
import { pageFiles } from './page.js';
import { withPart } from './stored-part.js';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const STORED = join(DOCS, 'benchmarks.json');

/** Keeps the result, and makes the page and its charts from it. */
export async function writePage(result: BenchResult): Promise<void> {
  await writeFile(STORED, `${JSON.stringify(result, undefined, 2)}\n`);
  await renderStoredPage();
}

/** As {@link writePage}, of a run of some measures, which replace those that are stored. */
export async function writePart(part: BenchResult): Promise<void> {
  await writePage(withPart(await storedResult(), part));
}

/** @throws Error when no result was ever stored */
export async function renderStoredPage(): Promise<void> {
  const result = await storedResult();
  for (const [path, content] of pageFiles(result)) {
    const file = join(DOCS, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

async function storedResult(): Promise<BenchResult> {
  return JSON.parse(await readFile(STORED, 'utf8'));
}
