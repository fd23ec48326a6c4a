import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(import.meta.url);

/** A script of this folder that runs in a process of its own: the source, or beside a bundle of them that of the bundle. */
export function scriptOf(name: 'client' | 'simulator' | 'worker'): string {
  return join(dirname(HERE), `${name}${extname(HERE)}`);
}

/** What has Node run such a script. */
export const LOADER: readonly string[] = extname(HERE) === '.ts' ? ['--import', 'tsx'] : [];
