/**
 * Puts the library and the command line into few files, dist/lib: Node reads these instead of some six hundred, and both share what they
 * have in common. What the main entry leads to is in layers (scripts/layers.mjs), the rest in ES modules. What comes along of other packages than
 * `dependencies` is listed in dist/lib/LICENSES.txt with its licence.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { build, transform } from 'esbuild';
import { folderOf, noteBundled } from './bundled-packages.mjs';
import { Layers } from './layers.mjs';
import { onlyEnglish } from './only-english.mjs';

const OUT = 'dist/lib';
const MAIN = 'dist/src/index.js';
const CLI = 'dist/src/cli/main.js';
const { dependencies, peerDependencies, exports } = JSON.parse(await readFile('package.json', 'utf8'));

/** `./dist/lib/gpu/novita.js` is made of what the compiler made for its types. */
const entries = Object.values(exports).flatMap(({ types, default: path }) =>
  types ? [[path.slice(`./${OUT}/`.length, -'.js'.length), types.replace(/\.d\.ts$/, '.js')]] : [],
);

/**
 * Parts of packages that nothing here uses: metrics of the process with a copy of the optional peer for traces, quantiles, the threads of
 * a logger, which find their files beside a package that is not there.
 */
const UNUSED =
  /node_modules\/(prom-client\/lib\/(defaultMetrics|summary|pushgateway|cluster)|pino\/lib\/transport)\.js$/;

/** An unused part fails when it is called, and names itself. */
const withoutUnused = {
  name: 'without-unused',
  setup(bundle) {
    bundle.onLoad({ filter: UNUSED }, ({ path }) => {
      const text = `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)} is not in the bundle of Jetfleet`;
      return { contents: `module.exports = function () { throw new Error(${JSON.stringify(text)}); };` };
    });
  },
};

/** Our names stay, for whoever reads a stack; those inside of other packages do not. An error of commander is called as its class. */
const shorterPackages = {
  name: 'shorter-packages',
  setup(bundle) {
    bundle.onLoad({ filter: /node_modules\/.*\.[cm]?js$/ }, async ({ path }) => {
      if (folderOf(path).endsWith('/commander')) return undefined;
      const { code } = await transform(await readFile(path, 'utf8'), {
        minifyIdentifiers: true,
        sourcefile: path,
      });
      return { contents: code };
    });
  },
};

const options = {
  bundle: true,
  // These a user has, or installs if they are wanted: objects of theirs go from hand to hand. Schemas of zod do so too, but they work with any copy
  // of it, and the ninety files of zod would be a third of the time of an import.
  external: Object.keys({ ...dependencies, ...peerDependencies }).filter((name) => name !== 'zod'),
  plugins: [onlyEnglish, withoutUnused, shorterPackages],
  platform: 'node',
  target: 'node20',
  sourcemap: false,
  // Comments and indents are a third of it; names stay, and lines are short, for whoever reads a stack.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
};

await rm(OUT, { recursive: true, force: true });
const layers = await Layers.from(MAIN, [...entries.map(([, module]) => module), CLI]);
const made = await layers.write(OUT, options);
const isInLayer = ([, module]) => layers.has(module);
for (const [name, module] of entries.filter(isInLayer)) await layers.writeEntry(OUT, name, module);
made.push(
  await build({
    ...options,
    plugins: [layers.links(), ...options.plugins],
    entryPoints: {
      ...Object.fromEntries(entries.filter((entry) => !isInLayer(entry))),
      jetfleet: CLI,
      // Beside the layers, so that it finds them.
      layers: 'jetfleet:layers',
    },
    outdir: OUT,
    chunkNames: 'chunk-[hash]',
    // What is loaded by itself, such as the web server, stays a file of its own.
    splitting: true,
    format: 'esm',
    // CommonJS dependencies ask for Node's modules by `require`.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
  }),
);

// ELK is a program of its own, which a thread runs (src/inspect/chart-elk.ts): a fifth of its 1.6 MB, and of the 8 MB of its package.
await writeFile(
  join(OUT, 'elk.br'),
  brotliCompressSync(await readFile('node_modules/elkjs/lib/elk.bundled.js')),
);

const outputs = Object.assign({}, ...made.map(({ metafile }) => metafile.outputs));
const folders = await noteBundled('lib', { outputs }, ['node_modules/elkjs']);
await writeFile(join(OUT, 'LICENSES.txt'), await notices(folders));

/** The name and version of each package, and the licence in the words that it brings along. Packages with the same words share them. */
async function notices(folders) {
  const namesOf = new Map();
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
    const text = file ? await readFile(join(folder, file), 'utf8') : `Licence: ${license}`;
    namesOf.set(text.trim(), [...(namesOf.get(text.trim()) ?? []), `${name} ${version}`]);
  }
  return [...namesOf]
    .map(([text, names]) => `${names.join('\n')}\n\n${text}\n`)
    .join(`\n${'-'.repeat(80)}\n`);
}
