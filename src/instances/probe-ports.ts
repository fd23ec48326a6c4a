/** Whether the ports of an instance answer. Where they are comes from its provider, so that no address of the own network is reached. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type LookupFunction } from 'node:net';
import { type AddressGuard, hostOf, pinnedLookup } from '../jobs/address-guard.js';
import { withDeadline } from '../jobs/deadline.js';
import { defined } from '../jobs/defined.js';
import { beginningOf } from '../jobs/excerpt.js';
import type { CheckInstancePayload, PortAnswer } from './schemas.js';

const DEFAULT_PROBE_TIMEOUT_MS = 10_000;
const MAX_ERROR_LENGTH = 200;
/** Answers of this status and above come from a proxy in front of a port that does not answer. */
const FAILED_FROM = 500;

export interface Endpoint {
  port: number;
  protocol: string;
  url: string;
}

type Wanted = Pick<CheckInstancePayload, 'ports' | 'path' | 'expectStatus' | 'probeTimeoutMs'>;

/** Asks every port that is wanted, all at once. Never rejects but with the reason of `signal`. */
export async function probePorts(
  endpoints: readonly Endpoint[],
  wanted: Wanted,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<PortAnswer[]> {
  const asked = endpoints.filter(({ port }) => wanted.ports?.includes(port) ?? true);
  const answers = await Promise.all(asked.map((endpoint) => probe(endpoint, wanted, guard, signal)));
  signal.throwIfAborted();
  return answers;
}

async function probe(
  { port, protocol, url }: Endpoint,
  { path = '/', expectStatus, probeTimeoutMs: timeoutMs = DEFAULT_PROBE_TIMEOUT_MS }: Wanted,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<PortAnswer> {
  const startedAt = performance.now();
  const late = () => new Error(`no answer within ${timeoutMs} ms`);
  try {
    const status = await withDeadline(timeoutMs, [signal], late, (ended) => ask(url, path, guard, ended));
    const isExpected = expectStatus === undefined ? (status ?? 0) < FAILED_FROM : status === expectStatus;
    const isHealthy = status === undefined || isExpected;
    const error = isHealthy ? undefined : `answered ${status}`;
    return { port, protocol, isHealthy, ...defined({ status, error }), durationMs: since(startedAt) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = beginningOf(code ?? message, MAX_ERROR_LENGTH);
    return { port, protocol, isHealthy: false, error: why, durationMs: since(startedAt) };
  }
}

function since(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}

/** @returns the status of an HTTP answer; undefined for another port that takes connections */
async function ask(
  text: string,
  path: string,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<number | undefined> {
  const url = new URL(text);
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:';
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const host = hostOf(url);
  const addresses = await guard.addresses({ host, port, isPlain: false, shown: `${host}:${port}` });
  signal.throwIfAborted();
  const lookup = pinnedLookup(addresses);
  if (isHttp) return get(new URL(path, url), lookup, signal);
  await connected({ host, port: Number(port) }, lookup, signal);
  return undefined;
}

/** Redirects are answers: where they lead was not checked. */
function get(url: URL, lookup: LookupFunction, signal: AbortSignal): Promise<number | undefined> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const options = {
      method: 'GET',
      lookup,
      signal,
      agent: false,
      headers: { 'user-agent': 'jetfleet/0.1' },
    };
    const sent = request(url, options, (response) => {
      resolve(response.statusCode);
      sent.destroy();
    });
    sent.on('error', reject);
    // Node closes the connection of an upgrade that nobody listens to, and says nothing more.
    sent.once('close', () => reject(new Error('the connection was closed without an answer')));
    sent.end();
  });
}

function connected(
  to: { host: string; port: number },
  lookup: LookupFunction,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...to, lookup });
    const onAbort = () => socket.destroy(new Error('given up'));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', onAbort));
    socket.once('connect', () => {
      resolve();
      socket.destroy();
    });
  });
}
