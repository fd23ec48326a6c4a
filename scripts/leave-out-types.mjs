/** Leaves the types that no entry of the package reaches out of it, which is a third of them: npm reads dist/.npmignore. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';

const { exports } = JSON.parse(await readFile('package.json', 'utf8'));
const reached = new Set();

async function reach(path) {
  if (reached.has(path)) return;
  reached.add(path);
  const text = await readFile(path, 'utf8');
  for (const [, target] of text.matchAll(/(?:from|import)[ (]'(\.[^']+)\.js'/g))
    await reach(normalize(join(dirname(path), `${target}.d.ts`)));
}

for (const { types } of Object.values(exports)) if (types) await reach(normalize(types));
const folders = ['dist/src', 'dist/machines'].map(async (folder) =>
  (await readdir(folder, { recursive: true })).map((name) => join(folder, name)),
);
const left = (await Promise.all(folders))
  .flat()
  .filter((path) => path.endsWith('.d.ts') && !reached.has(path));
const lines = left.map((path) => `/${relative('dist', path)}`).sort();
await writeFile('dist/.npmignore', `${lines.join('\n')}\n`);
