import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { natsServerBinary } from './nats.js';
import { PATIENCE_MS } from './patience-ms.js';

/** A nats-server with settings of the test's own. */
export interface ConfiguredNats extends AsyncDisposable {
  port: number;
  /** `127.0.0.1:<port>`. */
  address: string;
  /** A folder for the test's files, removed at the end. */
  folder: string;
  /** Puts other settings in place, on the same port, and has the server read them. */
  reload(settings: string): Promise<void>;
  /** Its monitoring page, where the settings open one. */
  monitorUrl(): string;
  /** Kills it, and starts it on the same port, with what it has stored. */
  restart(): Promise<void>;
}

/**
 * Starts nats-server with the settings in `conf`, on a free port of the loopback address and a store of its own. `FOLDER` in
 * the text becomes the folder of the test's files.
 * @param env variables that the settings read
 * @param within a command that runs what follows it, as in another namespace. Defaults to none
 */
export async function startConfigured(
  conf: string | ((folder: string) => Promise<string> | string),
  {
    env = {},
    jetstream = true,
    within = [],
  }: { env?: Record<string, string>; jetstream?: boolean; within?: readonly string[] } = {},
): Promise<ConfiguredNats> {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-conf-'));
  const file = join(folder, 'nats.conf');
  const text = typeof conf === 'string' ? conf : await conf(folder);
  const own = (port: number) =>
    [
      `host: "127.0.0.1"\nport: ${port}\nports_file_dir: "${folder}"\nserver_name: "configured"`,
      ...(jetstream ? [`jetstream { store_dir: "${folder}/store" }`] : []),
    ].join('\n');
  const configure = (port: number, settings: string) =>
    writeFile(file, `${own(port)}\n${settings.replaceAll('FOLDER', folder)}\n`);
  let log = '';
  const run = async () => {
    const [command = '', ...args] = [...within, natsServerBinary(), '-c', file];
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      log += part;
    });
    const ended = once(child, 'exit');
    const readPorts = async () => {
      if (child.exitCode !== null) return undefined;
      // It is called as the binary is.
      const name = (await readdir(folder)).find((each) => each.endsWith(`_${child.pid}.ports`));
      const text = await readFile(join(folder, name ?? 'none'), 'utf8');
      return JSON.parse(text) as { nats: string[]; monitoring?: string[] };
    };
    const ports = await eventually(readPorts).catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    if (ports === undefined) throw new Error(`nats-server ended: ${log}`);
    const port = Number(new URL(ports.nats[0] ?? '').port);
    return { child, ended, port, monitorUrl: ports.monitoring?.[0] ?? '' };
  };
  await configure(-1, text);
  let server = await run();
  const { port } = server;
  return {
    port,
    address: `127.0.0.1:${port}`,
    folder,
    async reload(settings) {
      await configure(port, settings);
      const seen = log.length;
      server.child.kill('SIGHUP');
      await eventually(() => {
        if (!/Reloaded server configuration|Failed to reload/.test(log.slice(seen))) throw new Error(log);
      });
    },
    monitorUrl: () => server.monitorUrl,
    async restart() {
      server.child.kill('SIGKILL');
      await server.ended;
      await configure(port, text);
      server = await run();
    },
    async [Symbol.asyncDispose]() {
      server.child.kill('SIGKILL');
      await server.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Asks until it is so; gives up after `PATIENCE_MS`. The fault harness, which has no test runner, needs it too. */
async function eventually<T>(ask: () => Promise<T> | T): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await delay(10)) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}
