import { onTestFinished } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/gpu/index.js';

export const API = '/gpu-instance/openapi/v1';
/** A body that `POST /gpu/instance/create` accepts. */
export const SPEC = {
  name: 'jetfleet-a',
  productId: 'prod-4090',
  gpuNum: 1,
  rootfsSize: 60,
  imageUrl: 'a/b:1',
  kind: 'gpu',
  clusterId: 'cn-hongkong-1',
  billingMode: 'spot',
};

/** Starts a simulator that stops with the test. */
export async function setup(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  onTestFinished(() => simulator.stop());
  return simulator;
}

export interface Reply {
  status: number;
  /** The fields of any answer that a test reads one by one. */
  body: {
    id?: string;
    status?: string;
    reason?: string;
    message?: string;
    total?: number;
    instances?: { name: string }[];
    data?: { inventoryState: string }[];
    faults?: unknown[];
    ledger?: unknown[];
    live?: unknown[];
    problems?: unknown[];
  };
}

/** One call to the API, or to the simulator itself: `GET /_simulator/ledger`. */
export async function call(
  simulator: Simulator,
  route: string,
  body?: unknown,
  key = simulator.apiKey,
): Promise<Reply> {
  const [method = '', path = ''] = route.split(' ');
  const response = await fetch(simulator.url + (path.startsWith('/_') ? '' : API) + path, {
    method,
    headers: { authorization: `Bearer ${key}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {} };
}

/** Creates an instance and gives its id. */
export async function create(simulator: Simulator, over: Record<string, unknown> = {}): Promise<string> {
  const { body } = await call(simulator, 'POST /gpu/instance/create', { ...SPEC, ...over });
  return body.id ?? '';
}
