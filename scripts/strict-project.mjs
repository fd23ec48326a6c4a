/** Makes a folder with the package in it a project of TypeScript as strict as can be, which imports every entry: `node strict-project.mjs <folder>`. */
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const [, , folder] = process.argv;
const { dependencies, peerDependencies, exports } = JSON.parse(await readFile('package.json', 'utf8'));
const packages = [...Object.keys({ ...dependencies, ...peerDependencies }), '@types/node'];
for (const name of packages) {
  const [scope, rest] = name.split('/');
  // A scope as a whole, but that of types: they would be those of all packages here.
  const top = rest && scope !== '@types' ? scope : name;
  const target = join(folder, 'node_modules', top);
  if (!existsSync(target)) symlinkSync(resolve('node_modules', top), target);
}
const entries = Object.entries(exports).flatMap(([name, { types }]) =>
  types ? [join('jetfleet', name)] : [],
);
const lines = entries.map((entry, index) => `import * as entry${index} from '${entry}';`);
const used = `export const entries = [${entries.map((_, index) => `entry${index}`).join(', ')}];`;
writeFileSync(join(folder, 'index.mts'), `${[...lines, used].join('\n')}\n`);
const compilerOptions = {
  ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true },
  ...{
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    noEmit: true,
  },
};
writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['index.mts'] }));
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
