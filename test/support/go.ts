/** The worker in Go, built with the packages that Debian has: no module is fetched. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Where Debian's packages of Go libraries are. */
export const GO_PATH = '/usr/share/gocode';
const PACKAGE = 'jetfleet/clients/go';
const SOURCE = fileURLToPath(new URL('../../clients/go', import.meta.url));

export interface GoBinary extends AsyncDisposable {
  path: string;
}

/** A folder that Go takes for a workspace with the worker's package in it. */
async function goPath(): Promise<{ folder: string; go: (...args: string[]) => Promise<string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-go-'));
  const link = join(folder, 'src', PACKAGE);
  await mkdir(dirname(link), { recursive: true });
  await symlink(SOURCE, link);
  const env = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH: `${folder}:${GO_PATH}`,
    GOFLAGS: '',
    CGO_ENABLED: '0',
  };
  const go = async (...args: string[]) => {
    const { stdout, stderr } = await run('go', args, { env, cwd: folder }).catch((error) => {
      throw new Error(`go ${args.join(' ')}: ${error.stderr || error.message}`);
    });
    return `${stdout}${stderr}`;
  };
  return { folder, go };
}

/** The worker of the parity suite and the fault harness; or a program of one file beside the package. */
export async function buildGo(program?: string): Promise<GoBinary> {
  const { folder, go } = await goPath();
  const path = join(folder, 'program');
  if (program === undefined) await go('build', '-o', path, `${PACKAGE}/cmd/testworker`);
  else {
    const main = join(folder, 'src', 'program', 'main.go');
    await mkdir(dirname(main));
    await writeFile(main, program);
    await go('build', '-o', path, 'program');
  }
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** What the tools of Go find in the package; empty for nothing. */
export async function checkGo(): Promise<string> {
  const { folder, go } = await goPath();
  try {
    const packages = [PACKAGE, `${PACKAGE}/cmd/testworker`];
    await go('vet', ...packages);
    await go('test', PACKAGE);
    const { stdout } = await run('gofmt', ['-l', SOURCE]);
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
