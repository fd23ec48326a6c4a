/**
 * Writes what a user of the package can see of its types, without the rest, into api/: a change of the public API is a change of these
 * files, which a review sees. With `--check` it writes nothing, and fails when they are stale. Needs `npm run build`.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';

const FOLDER = 'api';
const { exports } = JSON.parse(await readFile('package.json', 'utf8'));
const input = Object.fromEntries(
  Object.entries(exports).flatMap(([name, { types }]) =>
    types ? [[name.slice(2) || 'jetfleet', types]] : [],
  ),
);

const bundle = await rollup({
  input,
  plugins: [dts()],
  external: [/^[^./]/],
  // What two entries share has one name of its own in api/shared.
  onwarn: ({ message }, warn) => message.includes('private shared type exports') || warn(message),
});
const { output } = await bundle.generate({
  format: 'es',
  // Short names would change with each name that comes or goes.
  minifyInternalExports: false,
  entryFileNames: '[name].d.ts',
  chunkFileNames: ({ name }) => `shared/${name.replace(/\.d$/, '')}.d.ts`,
});
const report = new Map(output.map(({ fileName, code }) => [fileName, code]));

if (process.argv.includes('--check')) {
  const there = await readdir(FOLDER, { recursive: true }).catch(() => []);
  const names = new Set([...report.keys(), ...there.filter((name) => name.endsWith('.d.ts'))]);
  const isStale = async (name) =>
    (await readFile(join(FOLDER, name), 'utf8').catch(() => '')) !== report.get(name);
  const stale = (
    await Promise.all([...names].map(async (name) => ((await isStale(name)) ? [name] : [])))
  ).flat();
  if (stale.length > 0) {
    console.error(
      `the public API has changed: ${stale.join(', ')}; run "npm run docs:api" and review the difference`,
    );
    process.exitCode = 1;
  }
} else {
  await rm(FOLDER, { recursive: true, force: true });
  for (const [name, code] of report) {
    await mkdir(dirname(join(FOLDER, name)), { recursive: true });
    await writeFile(join(FOLDER, name), code);
  }
}
