import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { onlyEnglish } from '../../scripts/only-english.mjs';

const OUT = fileURLToPath(new URL('../../dist/', import.meta.url));
const TESTS = fileURLToPath(new URL('../', import.meta.url));
const OPTIONS: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  plugins: [onlyEnglish],
  // Each process compiles it anew. Names stay, and lines are short, for whoever reads a stack.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  logLevel: 'error',
};
let count = 0;

/** A script and all that it imports as one file, which Node starts in a third of the time. */
export interface Bundle extends AsyncDisposable {
  path: string;
}

/** @param script in `test/`, such as `fault/fault-worker.ts` */
export async function bundleScript(script: string): Promise<Bundle> {
  const name = script.replaceAll(/[^a-z-]+/g, '-');
  // Inside the package, so that it finds the package's own name.
  const path = join(OUT, `${name}-${process.pid}-${++count}.mjs`);
  await build({
    ...OPTIONS,
    entryPoints: [join(TESTS, script)],
    outfile: path,
    // CommonJS dependencies ask for Node's modules by `require`.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
  });
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** Scripts of which one starts the others, beside each other in a folder. What they import of packages stays where it is. */
export async function bundleScripts(scripts: readonly string[]): Promise<Bundle> {
  const path = await mkdtemp(join(OUT, `.${basename(scripts[0] ?? '', '.ts')}-`));
  await build({
    ...OPTIONS,
    entryPoints: scripts.map((script) => join(TESTS, script)),
    outdir: path,
    outExtension: { '.js': '.mjs' },
    splitting: true,
    packages: 'external',
  });
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
