import { createServer, type IncomingMessage } from 'node:http';
import { createNovitaProvider, type NovitaProvider, type Simulator } from '../../src/gpu/index.js';
import { NOVITA_API_PATH } from '../../src/gpu/novita/novita-provider.js';

/** An answer in place of the provider's; text is sent as HTML, anything else as JSON. */
export interface Forged {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/**
 * Sees `GET /gpu/instance` and the like with its query. An answer is sent instead of asking the provider, a function
 * changes or holds back what the provider answered, and undefined lets the request pass.
 */
export type Forge = (
  route: string,
  query: URLSearchParams,
) => Forged | ((answer: Forged) => Forged | Promise<Forged>) | undefined;

export interface ProviderProxy extends AsyncDisposable {
  provider: NovitaProvider;
  /** What is answered from now on. */
  forge: Forge;
}

export const HTML_PAGE = '<html><body><h1>Not Found</h1></body></html>';
/** The API's own word for an instance that it does not know. */
export const NOT_FOUND: Forged = {
  status: 400,
  body: { code: 400, reason: 'RESOURCE_NOT_FOUND', message: 'instance not found', metadata: {} },
};

/** A gateway between Novita's adapter and the simulator that says what the simulator never does. */
export async function proxyProvider({ url: target, apiKey }: Simulator): Promise<ProviderProxy> {
  const base = target.replace(NOVITA_API_PATH, '');
  const proxy: Pick<ProviderProxy, 'forge'> = { forge: () => undefined };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://proxy');
    const route = `${request.method} ${url.pathname.replace(NOVITA_API_PATH, '')}`;
    const forged = proxy.forge(route, url.searchParams);
    const pass = () => passOn(request, base + url.pathname + url.search);
    const answer = typeof forged === 'function' ? await forged(await pass()) : (forged ?? (await pass()));
    const { status, body = '', headers = {} } = answer;
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const baseUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return Object.assign(proxy, {
    provider: createNovitaProvider({ apiKey, baseUrl }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  });
}

async function passOn(request: IncomingMessage, url: string): Promise<Forged> {
  const headers = { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' };
  const body = request.method === 'POST' ? { body: await textOf(request) } : {};
  const answer = await fetch(url, { method: request.method ?? 'GET', headers, ...body });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? '' : JSON.parse(text) };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
