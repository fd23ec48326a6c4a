import { createRequire } from 'node:module';

/** The version of the package, found by its own name: the same from the sources and from `dist`. */
export function packageVersion(): string {
  const { version } = createRequire(import.meta.url)('jetfleet/package.json') as { version: string };
  return version;
}
