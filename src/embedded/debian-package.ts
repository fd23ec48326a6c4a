import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { storeInCache } from './binary-cache.js';
import { usableVersion } from './server-version.js';

const run = promisify(execFile);

const APT_TIMEOUT_MS = 120_000;
/** The suite to take from, the component it is in there, and the keyrings that sign it. */
const DISTRIBUTIONS = {
  debian: { suite: 'testing', component: 'main', keyring: '/usr/share/keyrings/debian-archive-keyring' },
  ubuntu: { suite: 'devel', component: 'universe', keyring: '/usr/share/keyrings/ubuntu-archive-keyring' },
} as const;
type Distribution = keyof typeof DISTRIBUTIONS;

export interface DebianPackageOptions {
  cacheDir: string;
  env?: Record<string, string | undefined>;
  signal?: AbortSignal;
}

/** Runs a program of apt with private state, so neither root nor the system's package lists are needed. */
type Apt = (program: 'apt-get' | 'dpkg', args: string[], cwd?: string) => Promise<string>;

/**
 * Takes the `nats-server` package from the mirrors that apt is configured for, without installing it: apt
 * downloads and verifies it in a temporary folder, and only the binary is kept, in the cache. Debian: from the
 * suite `testing`, since stable is too old. Ubuntu: from the running release where that is new enough, else from
 * the suite `devel`. Needs no root.
 * @returns the path in the cache
 * @throws Error on other systems, without apt, without a mirror, and when no mirror has a usable package
 */
export async function fetchDebianPackage(options: DebianPackageOptions): Promise<string> {
  const distribution = await readDistribution();
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-apt-'));
  try {
    const binary = await firstUsable(distribution, folder, options);
    return await storeInCache(binary, options.cacheDir);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readDistribution(): Promise<Distribution> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const ids = [...release.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap((match) =>
    match[1]?.split(' '),
  );
  // Derivatives of Ubuntu name both.
  if (ids.includes('ubuntu')) return 'ubuntu';
  if (ids.includes('debian')) return 'debian';
  throw new Error('this is neither Debian nor Ubuntu');
}

async function firstUsable(distribution: Distribution, folder: string, options: DebianPackageOptions) {
  const own = await privateApt(join(folder, 'own'), options);
  const failures: string[] = [];
  const attempts: { name: string; apt: () => Promise<Apt> }[] = [];
  if (distribution === 'ubuntu') attempts.push({ name: 'the running release', apt: async () => own });
  for (const [index, mirror] of (await configuredMirrors(own)).entries()) {
    const { suite } = DISTRIBUTIONS[distribution];
    const apt = () => suiteApt(distribution, mirror, join(folder, `mirror-${index}`), options);
    attempts.push({ name: `${suite} at ${mirror.replace(/\/\/[^/@]*@/, '//')}`, apt });
  }
  for (const [index, { name, apt }] of attempts.entries()) {
    try {
      return await unpackPackage(await apt(), join(folder, `package-${index}`), options.signal);
    } catch (error) {
      options.signal?.throwIfAborted();
      failures.push(`${name}: ${lastLine(error)}`);
    }
  }
  throw new Error(failures.join('; ') || 'apt has no mirror configured');
}

/** The mirrors of the distribution itself, as apt understands its configuration: works without package lists. */
async function configuredMirrors(apt: Apt): Promise<string[]> {
  const printed = await apt('apt-get', ['--print-uris', 'update']);
  const found = [...printed.matchAll(/^'(\S+?)\/dists\/([^/']+)\/InRelease'/gm)];
  const mirrors = found
    .filter(([, , suite]) => !suite?.endsWith('-security'))
    .map(([, mirror]) => mirror ?? '');
  const named = mirrors.filter((mirror) => /^mirror|\/(debian|ubuntu)(-ports)?$/.test(mirror));
  return [...new Set(named.length > 0 ? named : mirrors)].slice(0, 2);
}

async function suiteApt(
  distribution: Distribution,
  mirror: string,
  folder: string,
  options: DebianPackageOptions,
) {
  const { suite, component, keyring } = DISTRIBUTIONS[distribution];
  const file = [`${keyring}.gpg`, `${keyring}.pgp`].find(existsSync);
  await mkdir(folder, { recursive: true });
  const list = join(folder, 'suite.list');
  await writeFile(list, `deb ${file ? `[signed-by=${file}] ` : ''}${mirror} ${suite} ${component}\n`);
  const only = ['-o', `Dir::Etc::sourcelist=${list}`, '-o', 'Dir::Etc::sourceparts=/dev/null'];
  return privateApt(folder, options, only);
}

async function privateApt(folder: string, options: DebianPackageOptions, extra: string[] = []): Promise<Apt> {
  const [lists, cache] = [join(folder, 'lists'), join(folder, 'cache')];
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true });
  const settings = [`Dir::State::lists=${lists}`, `Dir::Cache=${cache}`, 'Acquire::Languages=none'];
  // The user _apt, whom apt takes on as root, cannot enter a temporary folder of root's.
  if (process.getuid?.() === 0) settings.push('APT::Sandbox::User=root');
  const flags = [...settings.flatMap((setting) => ['-o', setting]), ...extra, '-q'];
  const env = { ...(options.env ?? process.env), LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  return async (program, args, cwd = folder) => {
    const limits = { cwd, env, timeout: APT_TIMEOUT_MS, signal: options.signal, maxBuffer: 16 * 1024 * 1024 };
    return (await run(program, program === 'apt-get' ? [...flags, ...args] : args, limits)).stdout;
  };
}

async function unpackPackage(apt: Apt, folder: string, signal?: AbortSignal): Promise<string> {
  await mkdir(folder, { recursive: true });
  await apt('apt-get', ['update']);
  await apt('apt-get', ['download', 'nats-server'], folder);
  const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'));
  if (!archive) throw new Error('apt-get downloaded no package');
  await apt('dpkg', ['-x', archive, 'unpacked'], folder);
  const binary = join(folder, 'unpacked', 'usr', 'sbin', 'nats-server');
  await usableVersion(binary, signal);
  return binary;
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return (stderr?.trim() || message || String(error)).split('\n').at(-1) ?? '';
}
