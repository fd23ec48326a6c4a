import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { verifyWebhook } from '../../src/webhooks/signature.js';
import { PATIENCE_MS } from './patience-ms.js';

/** A request as it came over the wire. */
export interface ReceivedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  /** The raw body, decoded as UTF-8. */
  body: string;
  /** Port of the sender: the same for requests over one connection. */
  remotePort: number;
  /** Whether the signature fits; undefined when the receiver has no secret. */
  verified?: boolean;
}

/** An answer to send, or nothing when the responder writes (or withholds) the answer itself. */
export type Respond = (
  request: ReceivedRequest,
  response: ServerResponse,
) => { status: number; headers?: Record<string, string>; body?: string } | undefined;

export interface WebhookReceiver extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or https with a certificate. */
  url: string;
  port: number;
  /** PEM text to trust, of a receiver that serves https. */
  certificate?: string;
  /** All that arrived, in order. */
  requests: ReceivedRequest[];
  /** Resolves with the first request, past or to come, that fits. Rejects after `timeoutMs`, default `PATIENCE_MS`. */
  waitFor(predicate: (request: ReceivedRequest) => boolean, timeoutMs?: number): Promise<ReceivedRequest>;
  /** Replaces the answer to later requests. */
  respondWith(respond: Respond): void;
  /** Closes the server and every connection. */
  stop(): Promise<void>;
}

/**
 * Starts a real HTTP server on a free port of 127.0.0.1 that keeps what it receives.
 * @param secret `whsec_...`; with it each request says whether its signature fits
 * @param respond defaults to 204
 * @param tlsName serves https with a certificate for this DNS name that nobody trusts yet
 */
export async function startReceiver(
  options: { secret?: string; respond?: Respond; tlsName?: string } = {},
): Promise<WebhookReceiver> {
  const { secret, tlsName } = options;
  const tls = tlsName === undefined ? undefined : selfSigned(tlsName);
  let respond: Respond = options.respond ?? (() => ({ status: 204 }));
  const requests: ReceivedRequest[] = [];
  const waiting = new Set<(request: ReceivedRequest) => void>();
  const server: Server = tls ? createTlsServer(tls) : createServer();

  server.on('request', async (incoming, response) => {
    const body = await text(incoming).catch(() => undefined);
    // The sender gave up in the middle of its request.
    if (body === undefined) return;
    const request: ReceivedRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body,
      remotePort: incoming.socket.remotePort ?? 0,
      ...(secret !== undefined && { verified: isVerified(incoming.headers, body, secret) }),
    };
    requests.push(request);
    for (const notify of waiting) notify(request);
    const reply = respond(request, response);
    if (reply) response.writeHead(reply.status, reply.headers).end(reply.body);
  });

  async function waitFor(predicate: (request: ReceivedRequest) => boolean, timeoutMs = PATIENCE_MS) {
    const seen = requests.find(predicate);
    if (seen) return seen;
    return new Promise<ReceivedRequest>((resolve, reject) => {
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        waiting.delete(notify);
        finish();
      };
      const notify = (request: ReceivedRequest) => {
        if (predicate(request)) settle(() => resolve(request));
      };
      const timer = setTimeout(
        () =>
          settle(() =>
            reject(new Error(`no such request within ${timeoutMs} ms; ${requests.length} others`)),
          ),
        timeoutMs,
      );
      waiting.add(notify);
    });
  }

  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeAllConnections();
    await closed;
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    ...(tls && { certificate: tls.cert }),
    requests,
    waitFor,
    respondWith: (next) => {
      respond = next;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function isVerified(headers: IncomingHttpHeaders, body: string, secret: string): boolean {
  try {
    verifyWebhook({ headers, body, secrets: [secret] });
    return true;
  } catch {
    return false;
  }
}

/** A certificate for one DNS name (RFC 5280, ECDSA P-256), made here so that no key lies in the repository. */
function selfSigned(name: string): { key: string; cert: string } {
  const der = (tag: number, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const hex = (text: string) => Buffer.from(text, 'hex');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = der(0x30, hex('06082a8648ce3d040302'));
  const subject = der(0x30, der(0x31, der(0x30, hex('0603550403'), der(0x0c, Buffer.from(name)))));
  const validity = der(
    0x30,
    der(0x17, Buffer.from('200101000000Z')),
    der(0x17, Buffer.from('491231235959Z')),
  );
  const altName = der(0x30, hex('0603551d11'), der(0x04, der(0x30, der(0x82, Buffer.from(name)))));
  const tbs = der(
    0x30,
    ...[hex('a003020102'), hex('020101'), ecdsaWithSha256, subject, validity, subject],
    ...[publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, der(0x30, altName))],
  );
  const signature = der(0x03, hex('00'), sign('sha256', tbs, privateKey));
  const base64 = der(0x30, tbs, ecdsaWithSha256, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  };
}
