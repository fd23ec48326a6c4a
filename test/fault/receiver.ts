import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Answer, WEBHOOK_TIMEOUT_MS } from './plan.js';

/** A request that reached an endpoint, and what it got. */
export interface Hit {
  webhookId: string;
  /** The endpoint: the id of the job that named it. */
  endpoint: string;
  answer: Answer;
  /** What the webhook is about: its type, its job and when that ended, or the whole body of another one. */
  about: string;
}

/** Endpoints that answer as planned, one for each path, and remember everything. */
export class FaultReceiver implements AsyncDisposable {
  readonly hits: Hit[] = [];
  readonly #answers = new Map<string, Answer[]>();
  readonly #server = createServer();
  readonly #late = new Set<NodeJS.Timeout>();

  static async start(): Promise<FaultReceiver> {
    const receiver = new FaultReceiver();
    receiver.#server.on('request', async (request, response) => {
      const body = await text(request).catch(() => undefined);
      if (body === undefined) return;
      const endpoint = (request.url ?? '').slice(1);
      const answer = receiver.#answers.get(endpoint)?.shift() ?? 'ok';
      const webhookId = String(request.headers['webhook-id']);
      receiver.hits.push({ webhookId, endpoint, answer, about: aboutOf(body) });
      receiver.#reply(answer, response);
    });
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  /** The address of an endpoint that answers so, and then with 204. */
  endpoint(name: string, answers: readonly Answer[]): string {
    this.#answers.set(name, [...answers]);
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/${name}`;
  }

  #reply(answer: Answer, response: ServerResponse): void {
    switch (answer) {
      case 'ok':
        response.writeHead(204).end();
        return;
      case '429':
        response.writeHead(429, { 'retry-after': '1' }).end();
        return;
      case 'reset':
        response.destroy();
        return;
      case 'slow': {
        const timer = setTimeout(() => {
          this.#late.delete(timer);
          response.writeHead(204).end();
        }, WEBHOOK_TIMEOUT_MS * 2);
        this.#late.add(timer);
        return;
      }
      default:
        response.writeHead(Number(answer)).end('as planned');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#late) clearTimeout(timer);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

function aboutOf(body: string): string {
  const { type, timestamp, data } = JSON.parse(body) as {
    type?: string;
    timestamp?: string;
    data?: { jobId?: string };
  };
  // A job that was redriven and failed again has ended twice, at two times.
  return data?.jobId === undefined ? body : `${type} ${data.jobId} ${timestamp}`;
}
