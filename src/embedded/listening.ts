import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readInfo } from '../broker/connection/server-info.js';

/** How often the ports file is looked for, in milliseconds. */
const POLL_MS = 5;

/** Where a started nats-server listens. */
export interface Listening {
  pid: number;
  port: number;
  monitorPort: number;
  version: string;
}

/**
 * Waits until the nats-server with this ports folder has written its ports file and greets clients with JetStream on.
 * @throws the reason of the signal, when it fires first
 */
export async function listening(portsDir: string, host: string, signal: AbortSignal): Promise<Listening> {
  for (;;) {
    signal.throwIfAborted();
    const ports = await readPorts(portsDir);
    const info = ports && (await readInfo(host, ports.port, signal).catch(() => undefined));
    if (ports && info?.jetstream) return { ...ports, version: info.version };
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

/** `{"nats":["nats://127.0.0.1:4222"],"monitoring":[...]}` in `<program>_<pid>.ports`. */
async function readPorts(portsDir: string): Promise<Omit<Listening, 'version'> | undefined> {
  const file = (await readdir(portsDir)).find((name) => name.endsWith('.ports'));
  const pid = Number(file && /_(\d+)\.ports$/.exec(file)?.[1]);
  if (!file || !pid) return undefined;
  try {
    const ports = JSON.parse(await readFile(join(portsDir, file), 'utf8')) as Record<string, string[]>;
    const [port, monitorPort] = [portOf(ports.nats), portOf(ports.monitoring)];
    return port ? { pid, port, monitorPort } : undefined;
  } catch {
    // Half written, or removed by a server that has just ended: the next look will tell.
    return undefined;
  }
}

function portOf(urls: string[] | undefined): number {
  return Number(/:(\d+)$/.exec(urls?.[0] ?? '')?.[1] ?? 0);
}
