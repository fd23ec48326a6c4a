/**
 * Builds where the sources are newer than what was built last. npm runs this also when `npx jetfleet` is called in a clone, and a build
 * there would take the files away from whatever runs from them.
 */
import { spawnSync } from 'node:child_process';
import { isBuilt } from './is-built.mjs';

const SOURCES = [
  'src',
  'machines',
  'dashboard',
  // What the dashboard says to do about an error.
  'docs/errors.md',
  'scripts',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

if (!isBuilt(SOURCES)) {
  const { status, error } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  if (error) console.error(error.message);
  process.exitCode = status ?? 1;
}
