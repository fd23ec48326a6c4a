/**
 * Prints the bill of materials of the package: what its users install, as CycloneDX. `npm sbom --omit=dev` leaves out every dependency that a
 * tool of the repository depends on as well, such as zod, so npm is given a lock file without these tools.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const read = (name) => JSON.parse(readFileSync(name, 'utf8'));
const { devDependencies: _, scripts: __, overrides = {}, ...manifest } = read('package.json');
const lock = read('package-lock.json');
delete lock.packages[''].devDependencies;
lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([, { dev }]) => !dev));
manifest.overrides = Object.fromEntries(
  Object.entries(overrides).filter(([name]) =>
    Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`)),
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
