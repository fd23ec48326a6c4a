import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const NODE_24 = `${FOLDER}node_modules/node/bin/node`;
const PACKAGES = ['bullmq', 'graphile-worker', 'pg-boss', 'pg', 'ioredis'];

/** Installs what the benchmark compares with, unless it is there and as new as the lockfile. */
export async function installPeers(report: (line: string) => void): Promise<void> {
  const installed = modifiedMs(`${FOLDER}node_modules/.package-lock.json`);
  if (installed >= modifiedMs(`${FOLDER}package-lock.json`)) return;
  report('installing the systems to compare with (npm ci in bench/peers)');
  // Its standard output is kept free for the figures.
  const npm = spawn('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: FOLDER,
    stdio: ['ignore', 2, 'inherit'],
  });
  const [code] = await once(npm, 'exit');
  if (code !== 0)
    throw new Error('npm ci in bench/peers failed; without peers: npm run bench -- --only jetfleet');
}

/** The Node 24 that comes with the peers, else the one that runs. */
export function clientNode(report: (line: string) => void): string {
  if (existsSync(NODE_24)) return NODE_24;
  report(
    `the peers are not installed, and their Node 24 neither: clients run on Node ${process.versions.node}`,
  );
  return process.execPath;
}

export function peerVersions(): Record<string, string> {
  return Object.fromEntries(
    PACKAGES.map((name) => [name, `${FOLDER}node_modules/${name}/package.json`] as const)
      .filter(([, manifest]) => existsSync(manifest))
      .map(([name, manifest]) => [name, String(JSON.parse(readFileSync(manifest, 'utf8')).version)]),
  );
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
