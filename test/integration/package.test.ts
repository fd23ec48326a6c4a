import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, resolve } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

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
  // Maps of sources that are not there, notes of the compiler, what the bundle has already, and pictures.
  expect(paths.filter((path) => /\.map$|tsbuildinfo|^dist\/src\/cli|\.png$|^src|^test/.test(path))).toEqual(
    [],
  );
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

it('has a bill of materials that lists every dependency', async () => {
  const { stdout } = await run('npm', ['run', '--silent', 'sbom'], { maxBuffer: 16 * 1024 * 1024 });
  const { components } = JSON.parse(stdout) as { components: { purl: string }[] };
  const names = components.map(({ purl }) => /^pkg:npm\/(.+)@/.exec(decodeURIComponent(purl))?.[1]);
  for (const name of Object.keys(packageJson.dependencies)) expect(names).toContain(name);
  expect(names).not.toContain('vitest');
});

it('runs where nothing but its dependencies is installed', async () => {
  const modules = join(folder, 'project', 'node_modules');
  await mkdir(modules, { recursive: true });
  await run('tar', ['xf', join(folder, packed.filename), '-C', modules]);
  await run('mv', [join(modules, 'package'), join(modules, 'jetfleet')]);
  const installed = await readdir('node_modules');
  // Who imports jetfleet/opentelemetry has the API.
  for (const name of [...Object.keys(packageJson.dependencies), '@opentelemetry/api']) {
    const [top = ''] = name.split('/');
    expect(installed).toContain(top);
    await symlink(resolve('node_modules', top), join(modules, top)).catch(() => {});
  }
  const entries = Object.keys(packageJson.exports).filter((name) => name !== './package.json');
  const imports = entries.map((name) => `await import(${JSON.stringify(join('jetfleet', name))});`);
  const cwd = join(folder, 'project');
  await run(process.execPath, ['--input-type=module', '-e', imports.join('\n')], { cwd });
  const { stdout } = await run(process.execPath, ['node_modules/jetfleet/bin/jetfleet.js', '--version'], {
    cwd,
  });
  expect(stdout.trim()).toBe(packageJson.version);
});
