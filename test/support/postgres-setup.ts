import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { findPostgres } from '../../bench/servers/postgres.js';

const COMMON = '/etc/postgresql-common';

/** Finds PostgreSQL, where one of the files that run needs it: without it they fail, and are not skipped. */
export async function setup(project: TestProject): Promise<void> {
  if (project.vitest.state.getPaths().some((path) => /\/(outbox|snippets|fault-selection)[^/]*$/.test(path)))
    await ensurePostgres();
}

/**
 * PostgreSQL, installed first where there is none and this process may do so: as root, on Debian or Ubuntu.
 * @throws MissingServer when there is none in the end
 */
async function ensurePostgres(): Promise<void> {
  try {
    await findPostgres();
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
    process.stderr.write('installing postgresql with apt-get, for the tests of the outbox\n');
    try {
      install();
    } catch {
      throw error;
    }
    await findPostgres();
  }
}

function install(): void {
  // The package would start a server of the machine's own.
  if (!existsSync(`${COMMON}/createcluster.conf`)) {
    mkdirSync(COMMON, { recursive: true });
    writeFileSync(`${COMMON}/createcluster.conf`, 'create_main_cluster = false\n');
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', UCF_FORCE_CONFFOLD: '1' };
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env });
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'postgresql'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
}
