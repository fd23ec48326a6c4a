import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const folder = new URL('../../../machines/', import.meta.url);
const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'));

/** The source without comments, which may name what code may not. */
const source = async (file: string) =>
  (await readFile(new URL(file, folder), 'utf8')).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');

describe('the charts are pure', () => {
  it('finds them', () => {
    expect(files.length).toBeGreaterThan(5);
  });

  it.each(files)('%s imports only xstate, src/jobs, its neighbours and types of payloads', async (file) => {
    const types = /\b(import|export) type \{[^}]*\} from '\.\.\/src\/(instances|webhooks)\/schemas\.js';/g;
    const code = (await source(file)).replaceAll(types, '');
    const imports = [...code.matchAll(/\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map(([, path]) => path);
    for (const path of imports)
      expect(path).toMatch(/^(xstate|\.\/[a-z-]+\.js|\.\.\/src\/jobs\/[a-z-]+\.js)$/);
    expect(code).not.toMatch(/\brequire\b/);
  });

  it.each(files)('%s knows no clock, chance, timer, process or output', async (file) => {
    const forbidden =
      /\b(Date\.now|new Date|performance|Math\.random|crypto|set(Timeout|Interval|Immediate)|queueMicrotask|fetch|process|globalThis|console)\b/;
    // `processing` is a state; `process` alone is Node's.
    expect((await source(file)).match(forbidden)?.[0]).toBeUndefined();
  });
});
