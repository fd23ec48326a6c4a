import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Touched at the end of each build. */
const BUILT = 'dist/.built';

/** Whether the last build is newer than these files, and than all in these folders. */
export function isBuilt(sources) {
  const built = statSync(BUILT, { throwIfNoEntry: false });
  return built !== undefined && Math.max(...sources.map(changedMs)) <= built.mtimeMs;
}

function changedMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => changedMs(join(path, name))));
}
