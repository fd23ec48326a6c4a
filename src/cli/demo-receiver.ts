import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { verifyWebhook } from '../webhooks/index.js';

export interface ReceivedWebhook {
  id: string;
  verified: boolean;
  jobId?: string;
  /** Of a lifecycle webhook: `running`, `failed` or `timeout`. */
  status?: string;
}

export interface WebhookReceiver extends AsyncDisposable {
  url: string;
  received: readonly ReceivedWebhook[];
}

/** What a user's own service would be: an HTTP server that checks each signature and keeps what it got. */
export async function startWebhookReceiver(secret: string): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => '');
    received.push({
      id: String(request.headers['webhook-id'] ?? ''),
      verified: isVerified({ headers: request.headers, body, secrets: [secret] }),
      ...lifecycleOf(body),
    });
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    [Symbol.asyncDispose]() {
      server.closeAllConnections();
      return server[Symbol.asyncDispose]();
    },
  };
}

function isVerified(received: Parameters<typeof verifyWebhook>[0]): boolean {
  try {
    verifyWebhook(received);
    return true;
  } catch {
    return false;
  }
}

function lifecycleOf(body: string): Pick<ReceivedWebhook, 'jobId' | 'status'> {
  try {
    const { data } = JSON.parse(body) as { data?: { jobId: string; status: string } };
    return data ? { jobId: data.jobId, status: data.status } : {};
  } catch {
    return {};
  }
}
