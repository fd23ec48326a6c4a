/**
 * The layers of the library. `import 'jetfleet'` reads the first one, the core, and each other one is read when something of it is first
 * called: most of the time of an import is compiling, and few processes use everything. Sources do not know of layers.
 *
 * A layer is a file of CommonJS, because `require` reads it at once: a constructor cannot wait for an `import()`. Each module is in one file, whoever
 * uses it. A layer uses those before it directly. What comes after it, or from a package of `LATER`, is read by a getter for each name.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

/** Packages that are layers of their own, since little of the library uses them. */
const LATER = ['zod', 'croner', 'pino'];

/** What constructors and definitions are made of; a module is in the core where such ones alone lead to it from the index. */
const CORE = [
  /^src\/(index|jetfleet)\.js$/,
  /^src\/(jobs|wire(?!\/codecs\/compression)|telemetry)\//,
  /^src\/queue\/(job-(queue-service|remover|changer|reader)|queue-(connection|extension|options)|progress-options|traced-jobs)\.js$/,
  /^src\/queue\/(schedules\/schedules|dead-letters\/dead-letters|limits\/job-limits)\.js$/,
  /^src\/broker\/topology\/drift\.js$/,
  /^src\/upkeep\/finding\.js$/,
  /^src\/worker\/(job-worker-service|job-handler|hooks\/attempt-log)\.js$/,
  /^src\/money\/(cost|ledger)\.js$/,
  /^src\/gpu\/(provider|instance-name)\.js$/,
  /^src\/instances\/(instances|jobs|lifecycle-jobs|schemas|kept-owners|callback-token)\.js$/,
  /^src\/webhooks\/(jobs|schemas|keys|lifecycle-webhook|endpoints\/(limit-name|webhook-endpoints))\.js$/,
  /^machines\/(endpoint-policy|repeated)\.js$/,
];
/** The other layers in their order, by the modules that only they have. */
const LAYERS = [
  // Built with zod.
  [
    'schemas',
    /^src\/(instances|webhooks)\/(payload-\w+|lifecycle-schemas)\.js$|^src\/webhooks\/endpoints\/endpoint\.js$|^src\/inspect\/answers\.js$|^src\/money\/stored-entry\.js$|\/http-url\.js$/,
  ],
  ['gpu', /^src\/gpu\//],
  ['delivery', /^src\/webhooks\/(signature|endpoint-guard|webhook-client)\.js$|\/address-guard\.js$/],
  ['queue', /^src\/(jobs|wire|telemetry|broker|queue|money)\//],
  ['machines', /^machines\//],
  ['worker', /^src\/(?!doctor\/)/],
  ['doctor', /^src\/doctor\//],
];
const ORDER = ['core', ...LAYERS.map(([name]) => name), ...LATER];

const idOf = (path) => relative('dist', path);

/** Who imports whom, of all that the entries lead to. */
async function importsFrom(entryPoints) {
  const { metafile } = await build({
    entryPoints,
    bundle: true,
    write: false,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outdir: 'unused',
    metafile: true,
  });
  const own = ({ imports }) => imports.filter(({ external }) => !external).map(({ path }) => idOf(path));
  return new Map(Object.entries(metafile.inputs).map(([path, input]) => [idOf(path), own(input)]));
}

/** What a module leads to, as far as `goes` says. */
function reachable(id, imports, goes = () => true, found = new Set()) {
  if (found.has(id) || !goes(id)) return found;
  found.add(id);
  for (const next of imports.get(id)) reachable(next, imports, goes, found);
  return found;
}

/** Which layer each module is in that the index leads to. */
function placesFrom(index, imports) {
  const core = reachable(index, imports, (id) => CORE.some((front) => front.test(id)));
  const layerOf = (id) => (core.has(id) ? 'core' : LAYERS.find(([, modules]) => modules.test(id))[0]);
  const own = [...reachable(index, imports)].map((id) => [id, layerOf(id)]);
  return new Map([...own, ...LATER.map((name) => [name, name])]);
}

/** The names that each module exports. */
async function namesOf(places) {
  const ids = [...places.keys()].filter((id) => !LATER.includes(id));
  const { metafile } = await build({
    entryPoints: ids.map((id) => join('dist', id)),
    write: false,
    format: 'esm',
    outdir: 'unused',
    outbase: 'dist',
    metafile: true,
  });
  const names = new Map(
    Object.values(metafile.outputs).map(({ entryPoint, exports }) => [idOf(entryPoint), exports]),
  );
  for (const name of LATER)
    names.set(
      name,
      Object.keys(await import(name)).filter((each) => /^(?!default$)[\w$]+$/.test(each)),
    );
  return names;
}

const LAZILY = `
export function lazily(load, names) {
  const lazy = { __esModule: true };
  for (const name of names) {
    const get = () => {
      const value = load()[name];
      Object.defineProperty(lazy, name, { value });
      return value;
    };
    Object.defineProperty(lazy, name, { enumerable: true, configurable: true, get });
  }
  return lazy;
}`;

/**
 * What ES modules import in place of the core: Node reads the source of CommonJS that they import once more, for the names in it, and that takes
 * longer than to compile it.
 */
const DOOR = "const core = require('./core.cjs');\nexports.layers = core.layers;\n";

/** How the core reads each of the others, once. */
const LOADS = `
const read = {};
export const layers = {
  ${ORDER.slice(1)
    .map((name) => `${name}: () => (read.${name} ??= require('./${name}.cjs').modules)`)
    .join(',\n  ')}
};`;

export class Layers {
  #places;
  #names;
  /** Modules that others than those of their layer import. */
  #shared;

  /** @param index the module of the package's main entry, as the compiler made it; `entries` are those of all entries */
  static async from(index, entries) {
    const imports = await importsFrom(entries);
    const layers = new Layers();
    layers.#places = placesFrom(idOf(index), imports);
    layers.#names = await namesOf(layers.#places);
    const placeOf = (id) => layers.#places.get(id);
    const across = [...imports].flatMap(([from, to]) => to.filter((id) => placeOf(id) !== placeOf(from)));
    layers.#shared = new Set([...across, ...entries.map(idOf), ...LATER]);
    return layers;
  }

  /** Whether a module is in a layer, and so in no file beside it. */
  has(path) {
    return this.#places.has(idOf(path));
  }

  /** Writes the file of each layer. @returns what esbuild made of them */
  async write(folder, options) {
    const builds = ORDER.map((layer) =>
      build({
        ...options,
        plugins: [this.links(layer), ...options.plugins],
        stdin: { contents: this.#entry(layer), resolveDir: resolve('dist') },
        outfile: join(folder, `${layer}.cjs`),
        format: 'cjs',
        define: { 'import.meta.url': 'layerUrl' },
        banner: { js: "const layerUrl = require('node:url').pathToFileURL(__filename).href;" },
      }),
    );
    const made = await Promise.all(builds);
    await writeFile(join(folder, 'layers.cjs'), DOOR);
    return made;
  }

  #entry(layer) {
    const ids = [...this.#shared].filter((id) => this.#places.get(id) === layer).sort();
    const imports = ids.map(
      (id, n) => `import * as m${n} from ${JSON.stringify(LATER.includes(id) ? id : `./${id}`)};`,
    );
    const modules = `export const modules = { ${ids.map((id, n) => `${JSON.stringify(id)}: m${n}`).join(', ')} };`;
    if (layer !== 'core') return [...imports, modules].join('\n');
    const own = `import { layers } from 'jetfleet:layers';\nlayers.core = () => modules;\nexport { layers };`;
    return [...imports, modules, own].join('\n');
  }

  /** Leads esbuild from the modules of one layer, or of none, to those of others. */
  links(layer) {
    const place = layer === undefined ? ORDER.length : ORDER.indexOf(layer);
    return {
      name: 'layers',
      setup: (bundle) => {
        bundle.onResolve({ filter: /^jetfleet:/ }, ({ path }) => ({ path, namespace: 'layers' }));
        bundle.onResolve({ filter: /^\.\/[a-z]+\.cjs$/, namespace: 'layers' }, ({ path }) => ({
          path,
          external: true,
        }));
        bundle.onResolve({ filter: /.*/ }, ({ path, kind, resolveDir }) => {
          if (kind === 'entry-point') return undefined;
          const id = path.startsWith('.') ? idOf(resolve(resolveDir, path)) : path;
          const other = this.#places.get(id);
          return other === undefined || other === layer
            ? undefined
            : { path: id, namespace: 'layers', pluginData: other };
        });
        bundle.onLoad({ filter: /^jetfleet:lazily$/, namespace: 'layers' }, () => ({ contents: LAZILY }));
        bundle.onLoad({ filter: /^jetfleet:layers$/, namespace: 'layers' }, () => ({
          contents: layer === 'core' ? LOADS : `export { layers } from './${layer ? 'core' : 'layers'}.cjs';`,
        }));
        bundle.onLoad({ filter: /.*/, namespace: 'layers' }, ({ path, pluginData: other }) => {
          const isDirect = other === 'core' || (layer !== undefined && this.#isBefore(other, place));
          return { contents: isDirect ? this.#direct(path, other) : this.#lazy(path, other) };
        });
      },
    };
  }

  /** The schemas are used by few, whatever comes after them. */
  #isBefore(other, place) {
    return other !== 'schemas' && ORDER.indexOf(other) < place;
  }

  #direct(id, layer) {
    const names = this.#names
      .get(id)
      .map((name) => `export const ${name} = /* @__PURE__ */ of(${JSON.stringify(name)});`);
    return `import { layers } from 'jetfleet:layers';
      const of = (name) => layers.${layer}()[${JSON.stringify(id)}][name];
      ${names.join('\n')}`;
  }

  #lazy(id, layer) {
    return `const { lazily } = require('jetfleet:lazily');
      const { layers } = require('jetfleet:layers');
      module.exports = lazily(() => layers.${layer}()[${JSON.stringify(id)}], ${JSON.stringify(this.#names.get(id))});`;
  }

  /** Writes the file of an entry of the package whose module is in a layer. What that passes on of a later layer has to be functions. */
  async writeEntry(folder, name, module) {
    const id = idOf(module);
    const layer = this.#places.get(id);
    const later = await this.#passedOn(module, layer);
    const direct = this.#names.get(id).filter((each) => !later.has(each));
    const file = join(folder, `${name}.js`);
    const lines = [
      `import { layers } from './${relative(dirname(file), join(folder, 'layers.cjs'))}';`,
      `const entry = layers.${layer}()[${JSON.stringify(id)}];`,
      `export const { ${direct.join(', ')} } = entry;`,
      ...[...later].map((each) => `export function ${each}(...given) { return entry.${each}(...given); }`),
    ];
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${lines.join('\n')}\n`);
  }

  /** The names that a module exports from later layers. */
  async #passedOn(module, layer) {
    const place = ORDER.indexOf(layer);
    const later = new Set();
    const text = await readFile(module, 'utf8');
    for (const [, names, target] of text.matchAll(/^export \{([^}]*)\} from '(\.[^']+)'/gm)) {
      if (this.#isBefore(this.#places.get(idOf(resolve(dirname(module), target))), place + 1)) continue;
      for (const name of names.split(',')) later.add(name.trim().replace(/.* as /, ''));
    }
    return later;
  }
}
