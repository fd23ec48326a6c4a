import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const COMPILER = 'node_modules/typescript-7/bin/tsc';

/** The options with which the repository itself is checked. Without `outDir`, its own name leads to its built types, as for a user. */
export function optionsOfUser(): Record<string, unknown> {
  const { compilerOptions } = JSON.parse(readFileSync('tsconfig.json', 'utf8'));
  const { rootDir: _, outDir: __, ...options } = compilerOptions;
  return options;
}

/** What the compiler says of files in a folder, without writing output: a line each. */
export function typeErrors(
  folder: string,
  files: readonly string[],
  compilerOptions: Record<string, unknown>,
): string[] {
  const project = join(folder, 'tsconfig.json');
  writeFileSync(project, JSON.stringify({ compilerOptions: { ...compilerOptions, noEmit: true }, files }));
  const { stdout, stderr, status } = spawnSync(process.execPath, [COMPILER, '-p', project], {
    encoding: 'utf8',
  });
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
  return status === 0 || lines.length > 0 ? lines : [`the compiler ended with ${status}`];
}
