/** Bundles dashboard/ into dist/dashboard: index.html, and assets whose names carry their hash. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const OUT = 'dist/dashboard';

/** What to do about an error, by its code: the last column of docs/errors.md, whose links have no text beside the page. */
const advice = {
  name: 'advice',
  setup(bundle) {
    bundle.onResolve({ filter: /^virtual:advice$/ }, ({ path }) => ({ path, namespace: 'advice' }));
    bundle.onLoad({ filter: /.*/, namespace: 'advice' }, async () => {
      const lines = (await readFile('docs/errors.md', 'utf8')).split('\n');
      const rows = lines.flatMap((line) => [/^\| `(\w+)` \| .* \| (.*) \|$/.exec(line) ?? []]);
      const entries = rows.flatMap(([, code, text]) =>
        code ? [[code, text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')]] : [],
      );
      return {
        contents: `export const advice = ${JSON.stringify(Object.fromEntries(entries))}`,
        loader: 'js',
      };
    });
  },
};

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
  plugins: [advice],
  logLevel: 'warning',
});
const asset = (entry, ending) => {
  const path = Object.keys(metafile.outputs).find(
    (name) => basename(name).startsWith(`${entry}-`) && name.endsWith(ending),
  );
  if (!path) throw new Error(`the bundle has no ${entry} of ${ending}`);
  return `/assets/${basename(path)}`;
};
const page = await readFile('dashboard/index.html', 'utf8');
await mkdir(OUT, { recursive: true });
await writeFile(
  join(OUT, 'index.html'),
  page.replace('{{css}}', asset('style', '.css')).replace('{{js}}', asset('app', '.js')),
);
