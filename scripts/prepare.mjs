/**
 * Builds where the sources are newer than what was built last. npm runs this also when `npx jetfleet` is called in a clone, and a build
 * there would take the files away from whatever runs from them.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Touched at the end of each build. */
const BUILT = 'dist/.built';
const SOURCES = [
  'src',
  'machines',
  'dashboard',
  'scripts',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

function changedMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => changedMs(join(path, name))));
}

const built = statSync(BUILT, { throwIfNoEntry: false });
if (built === undefined || Math.max(...SOURCES.map(changedMs)) > built.mtimeMs) {
  const { status, error } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  if (error) console.error(error.message);
  process.exitCode = status ?? 1;
}
