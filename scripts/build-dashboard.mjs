/**
 * Bundles dashboard/ into dist/dashboard: index.html, and assets whose names carry their hash. All are compressed by gzip, as they are sent: every
 * browser takes it, also without TLS.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { noteBundled } from './bundled-packages.mjs';

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
const shared = {
  bundle: true,
  target: ['es2022', 'chrome123', 'firefox121', 'safari17.5'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  plugins: [advice],
  logLevel: 'warning',
};
const { metafile } = await build({
  ...shared,
  entryPoints: { app: 'dashboard/src/main.tsx', style: 'dashboard/src/styles/index.css' },
  outdir: join(OUT, 'assets'),
  entryNames: '[name]-[hash]',
  // What a page does not need at first is loaded when it does.
  chunkNames: '[name]-[hash]',
  splitting: true,
  format: 'esm',
  sourcemap: 'linked',
  legalComments: 'linked',
  metafile: true,
});
await noteBundled('dashboard', metafile);
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

// The page of a job as one file: all in one, since nothing is loaded later.
const { outputFiles } = await build({
  ...shared,
  entryPoints: { share: 'dashboard/src/share.tsx', style: 'dashboard/src/styles/index.css' },
  outdir: OUT,
  format: 'iife',
  legalComments: 'none',
  write: false,
});
const inlined = (ending) => outputFiles.find(({ path }) => path.endsWith(ending)).text.trim();
await writeFile(
  join(OUT, 'share.html'),
  `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="robots" content="noindex" />
    <meta name="referrer" content="no-referrer" />
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'" />
    <title>Jetfleet</title>
    <style>${inlined('.css')}</style>
  </head>
  <body>
    <div id="app"></div>
    <noscript>This page needs JavaScript. The record of the job stands in its source.</noscript>
    <script type="application/json" id="shared">{{data}}</script>
    <script>${inlined('.js')}</script>
  </body>
</html>
`,
);

for (const entry of await readdir(OUT, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || entry.name.endsWith('.map')) continue;
  const path = join(entry.parentPath, entry.name);
  await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
  await rm(path);
}
