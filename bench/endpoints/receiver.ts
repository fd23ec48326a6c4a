/** The endpoints of webhooks, good and bad ones, on one address. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const SLOW_MS = 2_000;
const DRIP_MS = 1_000;
/** Nobody listens there. */
const DEAD_URL = 'http://127.0.0.1:9';

export class Receiver implements AsyncDisposable {
  /** The sequences of the webhooks that have arrived at an endpoint, in that order; a repeated one counts once. */
  readonly arrived = new Map<string, number[]>();
  /** When each webhook arrived first, in ms since the epoch, by {@link nameOf}. */
  readonly times = new Map<string, number>();
  readonly #server: Server;
  readonly #ids = new Set<string>();
  #url = '';

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        const id = String(request.headers['webhook-id']);
        void this.#receive(id, (request.url ?? '').slice(1), body, response);
      });
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening');
    receiver.#url = `http://127.0.0.1:${(receiver.#server.address() as AddressInfo).port}`;
    return receiver;
  }

  urlOf(endpoint: string): string {
    return `${endpoint.startsWith('dead') ? DEAD_URL : this.#url}/${endpoint}`;
  }

  countOf(endpoint: string): number {
    return this.arrived.get(endpoint)?.length ?? 0;
  }

  forget(): void {
    this.arrived.clear();
    this.times.clear();
    this.#ids.clear();
  }

  async #receive(id: string, endpoint: string, body: string, response: ServerResponse): Promise<void> {
    if (endpoint.startsWith('hanging')) return hang(Number(endpoint.at(-1)), response);
    if (endpoint.startsWith('slow')) await delay(SLOW_MS);
    const { sequence } = JSON.parse(body) as { sequence: number };
    if (!this.#ids.has(id)) {
      this.#ids.add(id);
      this.times.set(nameOf(endpoint, sequence), epochMs());
      const before = this.arrived.get(endpoint);
      if (before) before.push(sequence);
      else this.arrived.set(endpoint, [sequence]);
    }
    response.writeHead(204).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export function nameOf(endpoint: string, sequence: number): string {
  return `${endpoint}-${sequence}`;
}

/** On one clock with other processes of the machine, and finer than `Date`. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The connection is kept, and the answer never ends: none at all, a head and then a byte each second, or a byte of the head each second. */
function hang(kind: number, response: ServerResponse): void {
  if (kind < 2) return;
  const { socket } = response;
  if (kind < 4) response.writeHead(200).flushHeaders();
  else socket?.write('HTTP/1.1 200 ');
  const drip = setInterval(() => (kind < 4 ? response.write('.') : socket?.write('O')), DRIP_MS);
  socket?.once('close', () => clearInterval(drip));
}
