/** Bundles dashboard/ into dist/dashboard: index.html, and assets whose names carry their hash. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const OUT = 'dist/dashboard';

await rm(OUT, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { app: 'dashboard/src/main.tsx', style: 'dashboard/src/styles/index.css' },
  outdir: join(OUT, 'assets'),
  entryNames: '[name]-[hash]',
  // What a page does not need at first is loaded when it does.
  chunkNames: '[name]-[hash]',
  splitting: true,
  bundle: true,
  format: 'esm',
  target: ['es2022', 'chrome123', 'firefox121', 'safari17.5'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
});
const asset = (ending) => {
  const path = Object.keys(metafile.outputs).find(
    (name) => name.endsWith(ending) && metafile.outputs[name].entryPoint,
  );
  if (!path) throw new Error(`the bundle has no ${ending} file`);
  return `/assets/${basename(path)}`;
};
const page = await readFile('dashboard/index.html', 'utf8');
await mkdir(OUT, { recursive: true });
await writeFile(
  join(OUT, 'index.html'),
  page.replace('{{css}}', asset('.css')).replace('{{js}}', asset('.js')),
);
