/** The providers of a run: each a simulator of its own wire, over HTTP, and the adapters that the product has for them. */

import {
  createNovitaProvider,
  type FaultInput,
  type GpuProvider,
  type LedgerEntry,
  type ProviderApiOptions,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/gpu/index.js';
import { qualifiedId } from '../../src/gpu/instance-home.js';
import { createLambdaProvider, SIMULATED_SSH_KEY, startLambdaSimulator } from '../../src/gpu/lambda/index.js';
import { createRunpodProvider, startRunpodSimulator } from '../../src/gpu/runpod/index.js';
import { createVastProvider, startVastSimulator } from '../../src/gpu/vast/index.js';
import { JetfleetError } from '../../src/jobs/errors.js';
import { QUICK } from '../support/simulated-novita.js';

export const SIMULATED = ['novita', 'runpod', 'lambda', 'vast'] as const;
export type Simulated = (typeof SIMULATED)[number];
/** Where each provider of a run is; a run has Novita alone, or several. */
export type SimulatorUrls = Partial<Record<Simulated, string>>;

interface Wired {
  start: (options: SimulatorOptions) => Promise<Simulator>;
  create: (options: ProviderApiOptions) => GpuProvider;
  /** Its own routes for what the faults of the workload name by those of Novita. */
  routes: Readonly<Record<string, string>>;
}

export const NOVITA_ROUTES = {
  read: 'GET /gpu/instance',
  create: '/gpu/instance/create',
  delete: '/gpu/instance/delete',
} as const;

const routes = (read: string, create: string, remove: string) => ({
  [NOVITA_ROUTES.read]: read,
  [NOVITA_ROUTES.create]: create,
  [NOVITA_ROUTES.delete]: remove,
});

const WIRED: Readonly<Record<Simulated, Wired>> = {
  novita: { start: startSimulator, create: createNovitaProvider, routes: {} },
  runpod: {
    start: startRunpodSimulator,
    create: createRunpodProvider,
    routes: routes('GET /pods/{id}', 'POST /pods', 'DELETE /pods/{id}'),
  },
  lambda: {
    start: startLambdaSimulator,
    create: (options) => createLambdaProvider({ ...options, sshKeyName: SIMULATED_SSH_KEY }),
    routes: routes(
      'GET /instances/{id}',
      'POST /instance-operations/launch',
      'POST /instance-operations/terminate',
    ),
  },
  vast: {
    start: startVastSimulator,
    create: createVastProvider,
    routes: routes('GET /v0/instances/{id}/', 'PUT /v0/asks/{id}/', 'DELETE /v0/instances/{id}/'),
  },
};

/** The adapters of a worker, in the order of `SIMULATED`. What providers publish of their rates would make a run last for hours. */
export function providersAt(urls: SimulatorUrls, apiKey: string, timeoutMs?: number): GpuProvider[] {
  return SIMULATED.flatMap((name) => {
    const baseUrl = urls[name];
    const options = { apiKey, baseUrl, rateLimits: false, ...(timeoutMs && { timeoutMs }) } as const;
    return baseUrl === undefined ? [] : [WIRED[name].create({ ...options, baseUrl })];
  });
}

/** All that was carried out at the providers of a run, and what lives there. Ids are those that workers know. */
export class ProviderSims implements AsyncDisposable {
  readonly #simulators: ReadonlyMap<Simulated, Simulator>;

  private constructor(simulators: ReadonlyMap<Simulated, Simulator>) {
    this.#simulators = simulators;
  }

  static async start(names: readonly Simulated[]): Promise<ProviderSims> {
    const started = names.map(async (name) => [name, await WIRED[name].start({ timings: QUICK })] as const);
    return new ProviderSims(new Map(await Promise.all(started)));
  }

  get urls(): SimulatorUrls {
    return Object.fromEntries([...this.#simulators].map(([name, { url }]) => [name, url]));
  }

  get apiKey(): string {
    return (this.#simulators.values().next().value as Simulator).apiKey;
  }

  get ledger(): LedgerEntry[] {
    const all = this.#of<LedgerEntry, 'instanceId'>(({ ledger }) => ledger, 'instanceId');
    return all.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  }

  get live(): { id: string; name: string; status: string }[] {
    return this.#of((simulator) => simulator.live(), 'id');
  }

  /** Ends the faults that no call has met. */
  heal(): void {
    for (const { faults } of this.#simulators.values()) faults.clear();
  }

  /**
   * Switches a fault on at one provider, or at all of them. One that the API of a provider cannot show is left out there.
   * @returns switches it off
   */
  add(fault: FaultInput, at?: Simulated): () => void {
    const added = [...this.#simulators]
      .filter(([name]) => at === undefined || name === at)
      .flatMap(([name, simulator]) => switchedOn(simulator, routedAt(name, fault)) ?? []);
    return () => {
      for (const off of added) off();
    };
  }

  /** With the name of its provider where there are several, as workers show ids. */
  #of<T, K extends keyof T>(listOf: (simulator: Simulator) => readonly T[], key: K): T[] {
    return [...this.#simulators].flatMap(([name, simulator]) =>
      listOf(simulator).map((each) =>
        this.#simulators.size === 1 ? each : { ...each, [key]: qualifiedId(name, String(each[key])) },
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#simulators.values()].map((simulator) => simulator.stop()));
  }
}

/** @returns how to switch it off; undefined where the simulator refuses it, since its API cannot show it */
function switchedOn({ faults }: Simulator, fault: FaultInput): (() => void) | undefined {
  try {
    const { id } = faults.add(fault);
    return () => void faults.clear(id);
  } catch (error) {
    if (!JetfleetError.is(error, 'JETFLEET_OPTION_INVALID')) throw error;
    return undefined;
  }
}

function routedAt(name: Simulated, fault: FaultInput): FaultInput {
  if (!('route' in fault) || fault.route === undefined) return fault;
  return { ...fault, route: WIRED[name].routes[fault.route] ?? fault.route };
}
