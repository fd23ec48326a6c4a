import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { bareEnvironment } from '../support/cli.js';
import { natsServerBinary } from '../support/nats.js';

const run = promisify(execFile);
interface Packed {
  filename: string;
  size: number;
  files: { path: string; size: number }[];
}

let folder: string;
let packed: Packed;
let paths: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jetfleet-package-'));
  // The scripts would build the package again.
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
  [packed] = JSON.parse(stdout) as [Packed];
  paths = packed.files.map(({ path }) => path);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('holds what is used, and nothing else', () => {
  expect(paths).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'nats.conf', 'bin/jetfleet.js']));
  // Maps of sources that are not there, notes of the compiler, code that the bundle has already, and pictures.
  const useless = /\.map$|tsbuildinfo|^dist\/(src|machines)\/.*\.js$|^dist\/src\/cli|\.png$|^src|^test|^api/;
  expect(paths.filter((path) => useless.test(path))).toEqual([]);
  expect(packed.size).toBeLessThan(2 * 1024 * 1024);
});

it('has every file to which its pages and its configuration lead, save pictures', async () => {
  const pages = paths.filter((path) => /^[^/]*\.md$|^docs\/[^/]*\.md$/.test(path));
  const links = pages.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#\s]+)/g)].map(([, link = '']) => ({ page, link })),
  );
  const own = links.filter(({ link }) => !link.includes('://') && !/\.(png|svg)$/.test(link));
  const leadsTo = ({ page, link }: (typeof own)[number]) =>
    normalize(join(dirname(page), link)).replace(/\/$/, '');
  const isThere = (target: string) => paths.some((path) => path === target || path.startsWith(`${target}/`));
  expect(own.length).toBeGreaterThan(20);
  expect(own.filter((each) => !isThere(leadsTo(each)))).toEqual([]);
  const includes = [...readFileSync('nats.conf', 'utf8').matchAll(/^include "(.*)"/gm)].map(
    ([, path]) => path,
  );
  expect(includes).toHaveLength(1);
  expect(paths).toEqual(expect.arrayContaining(includes));
});

it('is packed as Node and TypeScript find it, by publint', async () => {
  const tarball = readFileSync(join(folder, packed.filename));
  const { messages } = await publint({
    pack: { tarball: new Uint8Array(tarball).buffer },
    strict: true,
  });
  expect(messages).toEqual([]);
});

/** What `npm install jetfleet` puts beside the package itself: the folder of each package. */
function installedFolders(names: readonly string[], from = '.', found = new Set<string>()): Set<string> {
  for (const name of names) {
    let folder = from;
    while (!existsSync(join(folder, 'node_modules', name))) folder = dirname(dirname(folder));
    const place = join(folder, 'node_modules', name);
    if (found.has(place)) continue;
    found.add(place);
    const { dependencies = {} } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
    installedFolders(Object.keys(dependencies), place, found);
  }
  return found;
}

function bytesOf(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => name !== 'node_modules');
  const sizes = entries.map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? bytesOf(path) : statSync(path).size;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

it('takes less than 15 MB with all that it installs', () => {
  const others = [...installedFolders(Object.keys(packageJson.dependencies))].map((folder) => ({
    folder,
    bytes: bytesOf(folder),
  }));
  const own = packed.files.reduce((sum, { size }) => sum + size, 0);
  const total = others.reduce((sum, { bytes }) => sum + bytes, own);
  expect(total, JSON.stringify({ own, others })).toBeLessThan(15_000_000);
});

/** What a process reads for some lines: the layers of the library, and the packages beside it. */
async function readBy(lines: string) {
  const script = `import { createRequire } from 'node:module'; ${lines}
    process.stdout.write(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
  const read = JSON.parse(stdout) as string[];
  const packages = read.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  const own = read.filter((path) => !path.includes('node_modules'));
  return { layers: own.map((path) => basename(path)), packages: [...new Set(packages)] };
}

it('reads its core alone when it is imported, and the rest when it is needed', async () => {
  const imported = await readBy("import 'jetfleet';");
  expect(imported).toEqual({ layers: ['layers.cjs', 'core.cjs'], packages: [] });
  expect(statSync('dist/lib/core.cjs').size).toBeLessThan(250_000);
  // A producer has neither workers nor charts, nor the schemas of zod.
  const queue = "import { JobQueueService } from 'jetfleet'; const queue = new JobQueueService();";
  const connected = await readBy(queue);
  expect(connected.layers.sort()).toEqual(['core.cjs', 'layers.cjs', 'queue.cjs']);
  expect(connected.packages).not.toContain('xstate');
  const worker = await readBy(
    `${queue} import { JobWorkerService } from 'jetfleet'; new JobWorkerService(queue);`,
  );
  expect(worker.layers).toEqual(expect.arrayContaining(['worker.cjs', 'machines.cjs']));
  expect(worker.layers).not.toContain('zod.cjs');
});

/** What a process takes of the processor until it has run some lines, in ms. */
async function cpuMs(lines: string): Promise<number> {
  const script = `${lines}; const { user, system } = process.cpuUsage(); process.stdout.write(String(user + system));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
  return Number(stdout) / 1_000;
}

it('is imported in less time than an empty process takes to start', async () => {
  // 50 ms where an empty process takes 110. The least of some rounds: what else runs on the machine only adds.
  const least = { empty: Number.POSITIVE_INFINITY, imported: Number.POSITIVE_INFINITY };
  for (let round = 0; round < 4; round++) {
    least.empty = Math.min(least.empty, await cpuMs(''));
    least.imported = Math.min(least.imported, await cpuMs("import 'jetfleet'"));
  }
  expect(least.imported - least.empty).toBeLessThan(least.empty);
});

it('exports what its sources export', async () => {
  const [bundled, sources] = [await import('jetfleet'), await import('../../src/index.js')];
  const kindsOf = (exported: object) =>
    Object.fromEntries(Object.entries(exported).map(([name, value]) => [name, typeof value]));
  expect(kindsOf(bundled)).toEqual(kindsOf(sources));
});

it('has types that import nothing but what comes with it', () => {
  const reached = new Set<string>();
  const imported = new Set<string>();
  const visit = (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    const text = readFileSync(path, 'utf8');
    for (const [, target = ''] of text.matchAll(/(?:from|import)[ (]'([^']+)'/g)) {
      if (target.startsWith('.')) visit(normalize(join(dirname(path), target.replace(/\.js$/, '.d.ts'))));
      else imported.add(/^(?:@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? '');
    }
  };
  for (const entry of Object.values(packageJson.exports))
    if (typeof entry === 'object') visit(normalize(entry.types));
  const { dependencies, peerDependencies } = packageJson;
  const there = [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
  const missing = [...imported].filter((name) => !name.startsWith('node:') && !there.includes(name));
  expect(missing).toEqual([]);
  expect([...reached].filter((path) => !paths.includes(path))).toEqual([]);
});

it('has a bill of materials that lists every dependency, and what is bundled', async () => {
  const { stdout } = await run('npm', ['run', '--silent', 'sbom'], { maxBuffer: 16 * 1024 * 1024 });
  const { components } = JSON.parse(stdout) as { components: { purl: string }[] };
  const names = components.map(({ purl }) => /^pkg:npm\/(.+)@/.exec(decodeURIComponent(purl))?.[1]);
  for (const name of Object.keys(packageJson.dependencies)) expect(names).toContain(name);
  expect(names).toEqual(
    expect.arrayContaining(['hono', 'prom-client', 'elkjs', 'commander', 'pino', 'preact']),
  );
  expect(names).not.toContain('vitest');
});

/** The server, its dashboard, metrics and charts, and what single commands load. */
async function usesWhatIsLoadedLater(command: string, cwd: string): Promise<void> {
  const env = bareEnvironment({ NATS_SERVER_BIN: natsServerBinary() });
  const ports = ['--nats-port', '0', '--http-port', '0'];
  const args = [command, 'dev', ...ports, '--store-dir', join(cwd, 'store'), '--json'];
  const dev = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(dev, 'exit');
  try {
    const [line] = await Promise.race([once(createInterface({ input: dev.stdout }), 'line'), ended]);
    const { httpUrl, natsUrl } = JSON.parse(String(line)) as Record<string, string>;
    const get = async (path: string) => (await fetch(`${httpUrl}${path}`)).text();
    const asset = /src="([^"]+)"/.exec(await get('/'))?.[1] ?? 'no script';
    expect((await get(asset)).length).toBeGreaterThan(50_000);
    expect(await get('/metrics')).toContain('jetfleet_broker_connected 1');
    expect(await get('/api/v1/machines/create_instance/svg')).toContain('<svg');
    const to = (...words: string[]) =>
      run(process.execPath, [command, ...words, '--nats-url', natsUrl ?? ''], { cwd, env });
    await to('job', 'add', 'report', '--id', 'shared', '--data', '{}');
    expect((await to('job', 'share', 'shared')).stdout).toMatch(/^<!doctype html>[\s\S]*"shared"/);
    await to('doctor', '--bundle', join(cwd, 'support.tar.gz')).catch(() => {});
    expect(existsSync(join(cwd, 'support.tar.gz'))).toBe(true);
    const outbox = to('outbox', 'relay').catch(({ stderr }: { stderr: string }) => stderr);
    expect(await outbox).toContain('JETFLEET_OUTBOX_DRIVER');
  } finally {
    dev.kill('SIGTERM');
    await ended;
  }
}

it('runs where nothing but its dependencies is installed', async () => {
  const modules = join(folder, 'project', 'node_modules');
  await mkdir(modules, { recursive: true });
  await run('tar', ['xf', join(folder, packed.filename), '-C', modules]);
  await run('mv', [join(modules, 'package'), join(modules, 'jetfleet')]);
  const installed = await readdir('node_modules');
  const link = async (name: string) => {
    const [top = ''] = name.split('/');
    expect(installed).toContain(top);
    await symlink(resolve('node_modules', top), join(modules, top)).catch(() => {});
  };
  for (const name of Object.keys(packageJson.dependencies)) await link(name);
  const traced = './opentelemetry';
  const entries = Object.keys(packageJson.exports).filter(
    (name) => ![traced, './package.json'].includes(name),
  );
  // What a class is called in a stack is how it is exported.
  const script = `for (const entry of ${JSON.stringify(entries.map((name) => join('jetfleet', name)))}) {
    for (const [name, value] of Object.entries(await import(entry))) {
      const isClass = String(value).startsWith('class');
      if (isClass && value.name !== name) throw new Error(name + ' is called ' + value.name);
    }
  }`;
  const cwd = join(folder, 'project');
  await run(process.execPath, ['--input-type=module', '-e', script], { cwd });
  const required = entries.map((name) => `require(${JSON.stringify(join('jetfleet', name))});`);
  await run(process.execPath, ['--input-type=commonjs', '-e', required.join('\n')], { cwd });
  const command = 'node_modules/jetfleet/bin/jetfleet.js';
  const { stdout } = await run(process.execPath, [command, '--version'], { cwd });
  expect(stdout.trim()).toBe(packageJson.version);
  await usesWhatIsLoadedLater(command, cwd);
  // Who imports this one has the API.
  await link('@opentelemetry/api');
  await run(process.execPath, ['--input-type=module', '-e', `await import('${join('jetfleet', traced)}')`], {
    cwd,
  });
});
