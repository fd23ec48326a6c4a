import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningCli, startCli } from './cli.js';

/** `jetfleet dev`, and what it says of itself. */
export interface Dev extends RunningCli {
  ready: {
    natsUrl: string;
    httpUrl: string;
    simulatorUrl: string;
    storeDir: string;
    webhookSecret?: string;
    version: string;
  };
  natsPid: number;
  folder: string;
}

export const FREE_PORTS = ['dev', '--nats-port', '0', '--http-port', '0'];

/** Starts `jetfleet dev` on free ports and a folder of its own, and waits until all of it runs. */
export async function startDev(env: Record<string, string> = {}): Promise<Dev> {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-dev-'));
  const args = [...FREE_PORTS, '--store-dir', folder, '--json'];
  const running = startCli(args, env);
  const screen = await running.until('stderr', /What happens appears here/);
  const ready = JSON.parse(await running.until('stdout', /\n/));
  return { ...running, ready, folder, natsPid: Number(/nats-server \S+, process (\d+)/.exec(screen)?.[1]) };
}
