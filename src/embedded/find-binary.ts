import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { BrokerError } from '../jobs/errors.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { cachedBinary, defaultCacheDir } from './binary-cache.js';
import { fetchDebianPackage } from './debian-package.js';
import { fetchRelease, RELEASE_VERSION } from './release-archive.js';
import { MIN_SERVER_VERSION, usableVersion } from './server-version.js';

export interface FindNatsServerOptions {
  /** Read for NATS_SERVER_BIN, PATH, XDG_CACHE_HOME and HOME. Defaults to `process.env`. */
  env?: Record<string, string | undefined>;
  /** Told at `info` what is fetched from where. Defaults to silence. */
  logger?: Logger;
  /** Defaults to `$XDG_CACHE_HOME/jetfleet`, else `~/.cache/jetfleet`, on a Mac `~/Library/Caches/jetfleet`. */
  cacheDir?: string;
  /** Where the release archives lie. Defaults to the project's page on GitHub. */
  releaseUrl?: string;
  /** Ends the search; the call then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A nats-server binary that runs here. */
export interface NatsServerBinary {
  path: string;
  /** Such as `2.15.1`, never below {@link MIN_SERVER_VERSION}. */
  version: string;
  /** Where it was found: `release` and `debian` were fetched just now, and will be `cache` from now on. */
  source: 'env' | 'path' | 'cache' | 'release' | 'debian';
}

type Step = { source: NatsServerBinary['source']; label: string; locate: () => Promise<string> };

/**
 * Finds a nats-server, or fetches one into the cache folder: NATS_SERVER_BIN, then PATH, then the cache, then the
 * official release archive, then the package of Debian or Ubuntu. The cached binary is found in about 50 ms.
 * @throws BrokerError JETFLEET_NATS_SERVER_NOT_FOUND, at once when NATS_SERVER_BIN is set but unusable, else with
 *   all that was tried
 */
export async function findNatsServer(options: FindNatsServerOptions = {}): Promise<NatsServerBinary> {
  const { env = process.env, signal } = options;
  signal?.throwIfAborted();
  if (env.NATS_SERVER_BIN) return fromEnvironment(env.NATS_SERVER_BIN, signal);
  const tried = ['NATS_SERVER_BIN: not set'];
  for (const { source, label, locate } of steps(options)) {
    try {
      const path = await locate();
      return { path, version: await usableVersion(path, signal), source };
    } catch (error) {
      signal?.throwIfAborted();
      tried.push(`${label}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new BrokerError(
    'JETFLEET_NATS_SERVER_NOT_FOUND',
    [
      'No usable nats-server was found or could be fetched. Tried, in this order:',
      ...tried.map((line) => `  - ${line}`),
      `Install nats-server ${MIN_SERVER_VERSION} or newer (https://nats.io/download, macOS: brew install ` +
        'nats-server) so that it is on PATH, or set NATS_SERVER_BIN to the binary, or set NATS_URL to a server ' +
        'that runs already.',
    ].join('\n'),
  );
}

async function fromEnvironment(value: string, signal?: AbortSignal): Promise<NatsServerBinary> {
  const path = resolve(value);
  try {
    return { path, version: await usableVersion(path, signal), source: 'env' };
  } catch (error) {
    signal?.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new BrokerError(
      'JETFLEET_NATS_SERVER_NOT_FOUND',
      `NATS_SERVER_BIN is ${path}, but ${why}. Set it to a nats-server ${MIN_SERVER_VERSION} or newer, or ` +
        'unset it to have one found.',
      { cause: error },
    );
  }
}

function steps(options: FindNatsServerOptions): Step[] {
  const { env = process.env, logger = silentLogger, releaseUrl, signal } = options;
  const cacheDir = options.cacheDir ?? defaultCacheDir(env);
  const fetching = (what: string) => logger.info({ cacheDir }, `fetching ${what} into the cache`);
  const cached = cachedBinary(cacheDir);
  return [
    ...pathSteps(env.PATH ?? ''),
    { source: 'cache', label: `cache: ${cached}`, locate: async () => cached },
    {
      source: 'release',
      label: 'release archive',
      locate: () => {
        fetching(`the nats-server ${RELEASE_VERSION} release`);
        return fetchRelease({ cacheDir, releaseUrl, env, signal });
      },
    },
    {
      source: 'debian',
      label: 'Debian package',
      locate: () => {
        fetching('the nats-server package');
        return fetchDebianPackage({ cacheDir, env, signal });
      },
    },
  ];
}

function pathSteps(path: string): Step[] {
  const found = path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, 'nats-server'))
    .filter(existsSync);
  if (found.length === 0) {
    const missing = async () => Promise.reject(new Error('no nats-server in any of its folders'));
    return [{ source: 'path', label: 'PATH', locate: missing }];
  }
  return found.map((file) => ({ source: 'path', label: `PATH: ${file}`, locate: async () => file }));
}
