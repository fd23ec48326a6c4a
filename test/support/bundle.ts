import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const OUT = new URL('../../dist/', import.meta.url);
let count = 0;

/** A script and all that it imports as one file, which Node starts in a third of the time. */
export interface Bundle extends AsyncDisposable {
  path: string;
}

/** @param script in `test/`, such as `fault/fault-worker.ts` */
export async function bundleScript(script: string): Promise<Bundle> {
  const name = script.replaceAll(/[^a-z-]+/g, '-');
  // Inside the package, so that it finds the package's own name.
  const path = fileURLToPath(new URL(`${name}-${process.pid}-${++count}.mjs`, OUT));
  await build({
    entryPoints: [fileURLToPath(new URL(`../${script}`, import.meta.url))],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    // CommonJS dependencies ask for Node's modules by `require`.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
  });
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}
