import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Plugin } from 'vitest/config';
import { isBuilt } from '../../scripts/is-built.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const SOURCES = ['src', 'machines'];

/** Where the compiler puts what it makes of them. */
export const BUILT_SOURCES = /\/dist\/(src|machines)\//;

/**
 * Has tests import what `npm run build` made of `src` and `machines`, where that is up to date: Node loads it by itself, in place of seven hundred files
 * that are transformed and sent to each worker. Stacks name files of `dist/src`.
 */
export function builtSources(): Plugin | undefined {
  if (!isBuilt([...SOURCES, 'tsconfig.json', 'tsconfig.build.json'])) return undefined;
  return {
    name: 'built-sources',
    enforce: 'pre',
    resolveId(source, importer) {
      if (!importer || !source.startsWith('.')) return undefined;
      const path = relative(ROOT, resolve(dirname(importer), source));
      if (!SOURCES.some((folder) => path.startsWith(`${folder}/`))) return undefined;
      const built = join(ROOT, 'dist', path);
      return existsSync(built) ? built : undefined;
    },
  };
}
