/**
 * Prints the bill of materials of the package: what its users install, and what is bundled into it, as CycloneDX. npm is given a manifest and a lock
 * file of these alone: `npm sbom --omit=dev` leaves out every dependency that a tool of the repository depends on as well, such as zod.
 * Needs `npm run build`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundledPackages } from './bundled-packages.mjs';

const read = (name) => JSON.parse(readFileSync(name, 'utf8'));
const { devDependencies, scripts: _, overrides = {}, ...manifest } = read('package.json');
const lock = read('package-lock.json');

const bundled = (await bundledPackages()).filter((name) => name in devDependencies);
manifest.dependencies = {
  ...manifest.dependencies,
  ...Object.fromEntries(bundled.map((name) => [name, devDependencies[name]])),
};

/** Where Node finds a package from the folder of another one: beside it, or further up. */
function placeOf(name, from) {
  for (let folder = from; ; folder = folder.replace(/(^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '')) {
    const place = `${folder && `${folder}/`}node_modules/${name}`;
    if (lock.packages[place]) return place;
    if (folder === '') return undefined;
  }
}

const kept = new Set();
function keep(names, from) {
  for (const name of names) {
    const place = placeOf(name, from);
    if (place === undefined || kept.has(place)) continue;
    kept.add(place);
    const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = lock.packages[place];
    const peers = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
    keep([...Object.keys(dependencies), ...peers], place);
  }
}
keep(Object.keys(manifest.dependencies), '');
const packages = [...kept].map((place) => [place, { ...lock.packages[place], dev: undefined }]);
lock.packages = { '': { ...manifest, devDependencies: undefined }, ...Object.fromEntries(packages) };
manifest.overrides = Object.fromEntries(
  Object.entries(overrides).filter(([name]) =>
    [...kept].some((place) => place.endsWith(`node_modules/${name}`)),
  ),
);

const cwd = mkdtempSync(join(tmpdir(), 'jetfleet-sbom-'));
try {
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(cwd, 'package-lock.json'), JSON.stringify(lock));
  const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx'];
  const { status } = spawnSync('npm', args, { cwd, stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(cwd, { recursive: true, force: true });
}
