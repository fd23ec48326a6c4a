/** Which packages are in a bundle: for their licences, and for the bill of materials. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = 'dist/.bundled';

/** `node_modules/@hono/node-server/dist/index.mjs` is in `node_modules/@hono/node-server`. A package may be inside another one. */
export const folderOf = (path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];

const nameOf = (folder) => folder.replace(/.*node_modules\//, '');

/**
 * Notes the packages of a bundle for {@link bundledPackages}, and gives back the folder of each.
 * @param metafile of esbuild
 * @param more folders of packages that came in another way
 */
export async function noteBundled(bundle, metafile, more = []) {
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [folderOf(path)] : [],
    ),
  );
  const folders = [...new Set([...used.filter(Boolean), ...more])].sort();
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, `${bundle}.json`), JSON.stringify(folders));
  return folders;
}

/** The names of the packages of all bundles. */
export async function bundledPackages() {
  const lists = (await readdir(FOLDER)).map(async (name) =>
    JSON.parse(await readFile(join(FOLDER, name), 'utf8')),
  );
  return [...new Set((await Promise.all(lists)).flat().map(nameOf))].sort();
}
