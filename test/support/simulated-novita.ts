import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { expect, onTestFinished } from 'vitest';
import {
  createNovitaProvider,
  type GpuProvider,
  type NovitaProvider,
  type OfferQuery,
  ProviderError,
  type Simulator,
  type SimulatorTimings,
  startSimulator,
} from '../../src/gpu/index.js';

/** Has two spot offers in the simulator's catalogue. */
export const QUERY: OfferQuery = {
  productName: 'RTX 4090 24GB',
  region: 'CN-HK-01',
  gpuNum: 1,
  billingMode: 'spot',
};

/** An instance that nothing of any queue has rented. */
export async function rentOutside(provider: GpuProvider, name: string): Promise<string> {
  const [offer] = await provider.listOffers(QUERY);
  if (!offer) throw new Error('no offer');
  const template = await provider.getTemplate('template-123');
  return (await provider.create({ name, offer, template, gpuNum: 1, rootfsSize: 60 })).providerInstanceId;
}

export const CREATE = 'POST /gpu/instance/create';
/** Timings with which a simulated instance runs after 60 ms. */
export const QUICK = {
  creatingAfterMs: 10,
  pullingAfterMs: 20,
  runningAfterMs: 60,
  stoppedAfterMs: 30,
  removedAfterMs: 30,
  forgottenAfterMs: 60,
};

/** Novita's adapter on a simulator of its own. */
export interface SimulatedNovita {
  simulator: Simulator;
  provider: NovitaProvider;
  query: OfferQuery;
  templateId: string;
}

/** Starts both for one test, which stops them when it ends. `timeoutMs` is the adapter's limit for one call. */
export async function simulateNovita(
  timings: Partial<SimulatorTimings> = {},
  timeoutMs?: number,
): Promise<SimulatedNovita> {
  const simulator = await startSimulator({ timings: { ...QUICK, ...timings } });
  onTestFinished(() => simulator.stop());
  const { url: baseUrl, apiKey } = simulator;
  const provider = createNovitaProvider({ apiKey, baseUrl, ...(timeoutMs && { timeoutMs }) });
  return { simulator, provider, query: QUERY, templateId: 'template-123' };
}

/** The ProviderError that a call rejects with. */
export async function rejection(call: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await call.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ProviderError);
  return error as ProviderError;
}

/** A server for what the simulator never says. It closes with the test, unless a whole file shares it. */
export async function startAnswering(
  answer: (request: IncomingMessage) => {
    status?: number;
    headers?: OutgoingHttpHeaders | undefined;
    body: unknown;
  },
  closesWithTest = true,
): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    const { status = 200, headers = {}, body } = answer(request);
    const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
    response.writeHead(status, headers).end(isRaw ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  if (closesWithTest) onTestFinished(close);
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, close };
}
