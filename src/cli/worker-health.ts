/** The probes of a worker: `/livez` and `/readyz`, as `jetfleet server` has them, on a port of their own. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Command, Option } from 'commander';
import { JetfleetError } from '../jobs/errors.js';
import { integer } from './options.js';

export interface HealthOptions {
  healthHost: string;
  healthPort?: number;
}

/** What can be seen of a worker. */
export interface Probed {
  readonly state: string;
}

const port = integer(0, 65_535);

export function withHealthOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--health-port <port>', 'port for /livez and /readyz; 0 takes a free one (default: none)')
        .env('JETFLEET_HEALTH_PORT')
        // A variable that is set to nothing sets nothing.
        .argParser((text) => (text === '' ? undefined : port(text))),
    )
    .addOption(
      new Option('--health-host <address>', 'address of that port')
        .env('JETFLEET_HEALTH_HOST')
        .default('127.0.0.1'),
    );
}

/**
 * Serves the probes, if a port is given.
 * @param isConnected whether the broker is there
 * @returns its URL, if there is one
 * @throws JetfleetError `JETFLEET_HTTP_ADDRESS` when it cannot listen there
 */
export async function serveHealth(
  { healthHost, healthPort }: HealthOptions,
  worker: Probed,
  isConnected: () => boolean,
): Promise<AsyncDisposable & { url?: string }> {
  if (healthPort === undefined) return { async [Symbol.asyncDispose]() {} };
  const server = createServer(probes(worker, isConnected));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = `cannot listen at ${healthHost}:${healthPort}: ${cause.code ?? cause.message}; choose another --health-port, 0 takes a free one`;
      reject(new JetfleetError('JETFLEET_HTTP_ADDRESS', why, { cause }));
    });
    server.listen(healthPort, healthHost, resolve);
  });
  const bound = server.address() as AddressInfo;
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return {
    url: `http://${host}:${bound.port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function probes(worker: Probed, isConnected: () => boolean): RequestListener {
  return ({ method, url = '' }, response) => {
    const path = url.split('?')[0];
    const answer = (status: number, type: string, body: string) =>
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    if (method !== 'GET' && method !== 'HEAD') return answer(405, 'text/plain', 'only GET is answered\n');
    if (path === '/livez') return answer(200, 'text/plain', 'ok\n');
    if (path !== '/readyz') return answer(404, 'text/plain', 'there are /livez and /readyz\n');
    const checks = [
      { name: 'draining', ok: !['draining', 'stopped'].includes(worker.state) },
      { name: 'broker', ok: isConnected() },
      { name: 'running', ok: worker.state === 'running' },
    ];
    const ok = checks.every((check) => check.ok);
    return answer(ok ? 200 : 503, 'application/json', JSON.stringify({ ok, checks }));
  };
}
