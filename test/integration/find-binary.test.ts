import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { cachedBinary, defaultCacheDir } from '../../src/embedded/binary-cache.js';
import { fetchDebianPackage } from '../../src/embedded/debian-package.js';
import { findNatsServer } from '../../src/embedded/find-binary.js';
import { RELEASE_VERSION } from '../../src/embedded/release-archive.js';
import { isOlder, usableVersion } from '../../src/embedded/server-version.js';

const run = promisify(execFile);
/** Nobody listens on port 1: the release step fails at once, as on a machine without a network. */
const OFFLINE = 'http://127.0.0.1:1';

let folder: string;
let cacheDir: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jetfleet-test-'));
  cacheDir = join(folder, 'cache');
  return () => rm(folder, { recursive: true, force: true });
});

/** A stand-in that prints a version, as nats-server does. */
async function fakeServer(path: string, version: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho 'nats-server: v${version}'\n`);
  await chmod(path, 0o755);
  return path;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A release like the official one: an archive with a stand-in, and its SHA256SUMS. */
async function serveRelease({
  checksum,
}: {
  checksum?: string;
} = {}): Promise<{ url: string; asked: string[] }> {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `nats-server-v${RELEASE_VERSION}-${process.platform}-${arch}`;
  await fakeServer(join(folder, 'release', name, 'nats-server'), RELEASE_VERSION);
  await run('tar', ['-czf', `${name}.tar.gz`, name], { cwd: join(folder, 'release') });
  const archive = await readFile(join(folder, 'release', `${name}.tar.gz`));
  const sum = checksum ?? createHash('sha256').update(archive).digest('hex');
  const files: Record<string, Buffer | string> = {
    [`/v${RELEASE_VERSION}/SHA256SUMS`]: `${'0'.repeat(64)}  other.zip\n${sum}  ${name}.tar.gz\n`,
    [`/v${RELEASE_VERSION}/${name}.tar.gz`]: archive,
  };
  const asked: string[] = [];
  const url = await serve((request, response) => {
    asked.push(request.url ?? '');
    const file = files[request.url ?? ''];
    response.writeHead(file ? 200 : 404).end(file);
  });
  return { url, asked };
}

/** A PATH with what unpacks an archive, and neither a nats-server nor apt. */
async function toolsOnly(): Promise<string> {
  const tools = join(folder, 'tools');
  await mkdir(tools, { recursive: true });
  for (const tool of ['tar', 'gzip']) {
    const path = (process.env.PATH ?? '')
      .split(':')
      .map((entry) => join(entry, tool))
      .find(existsSync);
    if (path) await symlink(path, join(tools, tool)).catch(() => {});
  }
  return tools;
}

test('NATS_SERVER_BIN comes before PATH, PATH before the cache', async () => {
  const binary = await fakeServer(join(folder, 'env', 'my-nats'), '2.15.7');
  const onPath = await fakeServer(join(folder, 'bin', 'nats-server'), '2.15.0');
  const cached = await fakeServer(cachedBinary(cacheDir), '2.15.1');
  const PATH = dirname(onPath);
  const search = (env: Record<string, string>) => findNatsServer({ env, cacheDir, releaseUrl: OFFLINE });
  expect(await search({ NATS_SERVER_BIN: binary, PATH })).toEqual({
    path: binary,
    version: '2.15.7',
    source: 'env',
  });
  expect(await search({ PATH })).toEqual({ path: onPath, version: '2.15.0', source: 'path' });
  expect(await search({ PATH: '/nowhere' })).toEqual({ path: cached, version: '2.15.1', source: 'cache' });
});

test.for([
  { what: 'missing', make: async (path: string) => path, says: 'no such file' },
  {
    what: 'too old',
    make: (path: string) => fakeServer(path, '2.9.10'),
    says: '2.9.10 is older than 2.15.0',
  },
  {
    what: 'another program',
    make: async (path: string) => {
      await writeFile(path, '#!/bin/sh\necho "BusyBox v1.36"\n', { mode: 0o755 });
      return path;
    },
    says: 'no nats-server version but "BusyBox v1.36',
  },
  {
    what: 'not executable',
    make: async (path: string) => {
      await writeFile(path, 'text');
      return path;
    },
    says: 'EACCES',
  },
])('NATS_SERVER_BIN that is $what is an error at once, with its name', async ({ make, says }) => {
  const path = await make(join(folder, 'chosen'));
  await fakeServer(join(folder, 'bin', 'nats-server'), '2.15.0');
  const search = findNatsServer({ env: { NATS_SERVER_BIN: path, PATH: join(folder, 'bin') }, cacheDir });
  await expect(search).rejects.toMatchObject({ code: 'JETFLEET_NATS_SERVER_NOT_FOUND' });
  await expect(search).rejects.toThrow(`NATS_SERVER_BIN is ${path}`);
  await expect(search).rejects.toThrow(says);
});

test('a nats-server on PATH that is too old is passed over for the next one', async () => {
  await fakeServer(join(folder, 'old', 'nats-server'), '2.9.10');
  const path = await fakeServer(join(folder, 'new', 'nats-server'), '2.15.0');
  const env = { PATH: `${join(folder, 'old')}:${join(folder, 'new')}` };
  expect(await findNatsServer({ env, cacheDir })).toEqual({ path, version: '2.15.0', source: 'path' });
});

test('the release archive is checked, unpacked and cached', async () => {
  const { url: releaseUrl, asked } = await serveRelease();
  const env = { PATH: await toolsOnly() };
  const path = cachedBinary(cacheDir);
  const version = RELEASE_VERSION;
  expect(await findNatsServer({ env, cacheDir, releaseUrl })).toEqual({ path, version, source: 'release' });
  expect((await stat(path)).mode & 0o777).toBe(0o755);
  expect(await findNatsServer({ env, cacheDir, releaseUrl })).toEqual({ path, version, source: 'cache' });
  expect(asked).toHaveLength(2);
});

test('an archive with another checksum is thrown away', async () => {
  const { url: releaseUrl } = await serveRelease({ checksum: 'f'.repeat(64) });
  const search = findNatsServer({ env: { PATH: await toolsOnly() }, cacheDir, releaseUrl });
  await expect(search).rejects.toThrow(/has SHA-256 [0-9a-f]{64}, but SHA256SUMS says f{64}/);
  expect(existsSync(cachedBinary(cacheDir))).toBe(false);
});

test('an answer without end is not kept in memory', async () => {
  const chunk = Buffer.alloc(4 * 1024 * 1024);
  let sent = 0;
  const releaseUrl = await serve((_, response) => {
    const more = () => {
      while (!response.destroyed && ++sent < 200 && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
  const search = findNatsServer({ env: { PATH: '/nowhere' }, cacheDir, releaseUrl });
  await expect(search).rejects.toThrow(/SHA256SUMS: it is longer than 1048576 bytes/);
  expect(sent).toBeLessThan(60);
});

test('processes that fetch at the same time all get a whole binary', async () => {
  const { url: releaseUrl } = await serveRelease();
  const env = { PATH: await toolsOnly() };
  const searches = Array.from({ length: 5 }, () => findNatsServer({ env, cacheDir, releaseUrl }));
  const paths = (await Promise.all(searches)).map(({ path }) => path);
  expect(new Set(paths)).toEqual(new Set([cachedBinary(cacheDir)]));
  expect(await readdir(cacheDir)).toHaveLength(1);
});

test('a release page that does not answer costs at most three seconds', async () => {
  const releaseUrl = await serve(() => {});
  const started = performance.now();
  await expect(findNatsServer({ env: { PATH: '/nowhere' }, cacheDir, releaseUrl })).rejects.toThrow(
    'timeout',
  );
  // Less than twice the time, for a busy machine.
  expect(performance.now() - started).toBeLessThan(5_900);
});

test('when all fails, the error lists each step and how to install', async () => {
  const old = await fakeServer(join(folder, 'bin', 'nats-server'), '2.9.10');
  await fakeServer(cachedBinary(cacheDir), '2.10.0');
  const search = findNatsServer({ env: { PATH: dirname(old) }, cacheDir, releaseUrl: OFFLINE });
  const error = (await search.catch((thrown: unknown) => thrown)) as Error & { code: string };
  expect(error.code).toBe('JETFLEET_NATS_SERVER_NOT_FOUND');
  expect(error.message.split('\n').slice(1)).toEqual([
    '  - NATS_SERVER_BIN: not set',
    `  - PATH: ${old}: its version 2.9.10 is older than 2.15.0`,
    `  - cache: ${cachedBinary(cacheDir)}: its version 2.10.0 is older than 2.15.0`,
    expect.stringMatching(/^ {2}- release archive: http:\/\/127\.0\.0\.1:1\/v2\.15\.1\/SHA256SUMS: /),
    expect.stringMatching(/^ {2}- Debian package: ./),
    expect.stringMatching(/^Install nats-server 2\.15\.0 or newer .*NATS_SERVER_BIN.*NATS_URL/),
  ]);
});

test('a signal ends the search with its own reason', async () => {
  const abort = new AbortController();
  const releaseUrl = await serve(() => abort.abort(new Error('enough')));
  const search = findNatsServer({ env: { PATH: '/nowhere' }, cacheDir, releaseUrl, signal: abort.signal });
  await expect(search).rejects.toThrow('enough');
});

test('on Debian and Ubuntu the package of a newer suite is unpacked into the cache, system untouched', async () => {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const apt = /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release) && existsSync('/usr/bin/apt-get');
  const fetched = fetchDebianPackage({ cacheDir });
  if (!apt) return expect(fetched).rejects.toThrow(/neither Debian nor Ubuntu|ENOENT/);
  const installed = existsSync('/usr/sbin/nats-server');
  expect(await fetched).toBe(cachedBinary(cacheDir));
  expect(isOlder(await usableVersion(cachedBinary(cacheDir)), '2.15.0')).toBe(false);
  expect(existsSync('/usr/sbin/nats-server')).toBe(installed);
  const found = await findNatsServer({ env: { PATH: '/nowhere' }, cacheDir, releaseUrl: OFFLINE });
  expect(found).toMatchObject({ source: 'cache', path: cachedBinary(cacheDir) });
}, 120_000);

test('the cache folder follows XDG_CACHE_HOME and the custom of the system', () => {
  expect(defaultCacheDir({ XDG_CACHE_HOME: '/x', HOME: '/h' }, 'linux')).toBe('/x/jetfleet');
  expect(defaultCacheDir({ HOME: '/h' }, 'linux')).toBe('/h/.cache/jetfleet');
  expect(defaultCacheDir({ HOME: '/h' }, 'darwin')).toBe('/h/Library/Caches/jetfleet');
});

test('versions are compared by number', () => {
  expect(isOlder('2.9.10', '2.15.0')).toBe(true);
  expect(isOlder('2.15.0', '2.15.0')).toBe(false);
  expect(isOlder('3.0.0', '2.15.9')).toBe(false);
});
