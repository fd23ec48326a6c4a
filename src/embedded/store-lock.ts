import { execFile } from 'node:child_process';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BrokerError } from '../jobs/errors.js';

const run = promisify(execFile);

interface Holder {
  /** The watchdog of the nats-server that uses the store. */
  pid: number;
  /** Stands in the command line of that watchdog, which tells it from a later process of the same id. */
  runDir: string;
}

/** The file that says who uses a store. nats-server itself takes no lock: two on one store would corrupt it. */
export function lockFileOf(storeDir: string): string {
  return join(storeDir, 'jetfleet.lock');
}

/**
 * Takes the lock on a store, or takes it over from a holder that is gone. The watchdog removes it.
 * @throws BrokerError JETFLEET_NATS_SERVER_FAILED when a live server uses the store
 */
export async function lockStore(storeDir: string, holder: Holder): Promise<void> {
  const file = lockFileOf(storeDir);
  const own = `${file}.${holder.pid}`;
  await writeFile(own, JSON.stringify(holder));
  try {
    // Each round fails only when somebody else took or left the lock within it.
    for (let round = 0; round < 5; round += 1) {
      if (await linked(own, file)) return;
      const found = await readHolder(file);
      if (found && (await isAlive(found))) throw inUse(storeDir, found);
      await setAside(file, `${own}.stale`);
    }
    throw inUse(storeDir);
  } finally {
    await rm(own, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a stale lock; puts it back when it turns out that another process has just taken it over. */
async function setAside(file: string, aside: string): Promise<void> {
  await rename(file, aside).catch(() => {});
  const found = await readHolder(aside);
  if (found && (await isAlive(found))) await linked(aside, file);
  await rm(aside, { force: true });
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(file, 'utf8')) as Partial<Holder>;
    const { pid, runDir } = holder;
    return Number.isInteger(pid) && typeof runDir === 'string' ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, runDir }: Holder): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(async () => {
    if (process.platform === 'linux') return '';
    return (await run('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => ({ stdout: '' }))).stdout;
  });
  return commandLine.includes(runDir);
}

function inUse(storeDir: string, holder?: Holder): BrokerError {
  const who = holder ? ` (guarded by process ${holder.pid})` : '';
  return new BrokerError(
    'JETFLEET_NATS_SERVER_FAILED',
    `The store ${storeDir} is in use by another nats-server${who}. Stop that one, or choose another folder ` +
      'with --store-dir.',
  );
}
