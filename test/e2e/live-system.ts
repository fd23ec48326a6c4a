import { assign, fromPromise, setup } from 'xstate';
import type { RunInput } from '../../machines/index.js';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../src/http/index.js';
import type { HandlerOptions, JobOutcome } from '../../src/index.js';
import { instancePayload } from '../support/cli.js';
import { type Fleet, type FleetOptions, startFleet } from '../support/fleet.js';
import { PATIENCE_MS } from './dashboard-page.js';

/** Everything that a dashboard looks at. */
export interface LiveSystem extends AsyncDisposable {
  fleet: Fleet;
  http: HttpServer;
  /** Lets a `held` job go on: it waits for this, so that a test can look at it while it runs. */
  release(id: string): void;
  /** What a handler of such a job waits for. */
  held(id: string, signal: AbortSignal): Promise<{ held: true }>;
}

/** What `printed` runs: it fails in `printing`, or stays in `jammed` until it is cancelled. */
const printed = setup({
  types: {
    context: {} as { pages: number; apiKey: string; jams: boolean },
    input: {} as RunInput<{ jams?: boolean }>,
    output: {} as JobOutcome,
  },
  actors: {
    print: fromPromise(async () => {
      throw new Error('the tray is empty');
    }),
  },
  actions: { count: assign({ pages: ({ context }) => context.pages + 1 }) },
  guards: { isReady: ({ context }) => context.pages === 3, jams: ({ context }) => context.jams },
}).createMachine({
  id: 'printed',
  context: ({ input }) => ({ pages: 0, apiKey: 'hunter2', jams: input.payload.jams === true }),
  initial: 'laying_out',
  output: { kind: 'completed' },
  states: {
    laying_out: {
      always: [
        { guard: 'jams', target: 'jammed' },
        { guard: 'isReady', target: 'printing' },
      ],
      after: { 10: { target: 'laying_out', actions: 'count', reenter: true } },
    },
    printing: { invoke: { src: 'print', onDone: 'over' } },
    jammed: {},
    over: { type: 'final' },
  },
});

/** Types of the system: `greet` ends at once, `held` when it is told to, `broken` never well, and `printed` is a chart that fails. */
export async function startLiveSystem(
  options: HttpServerOptions = {},
  fleetOptions: FleetOptions = {},
): Promise<LiveSystem> {
  const held = new Map<string, PromiseWithResolversLike>();
  const gateOf = (id: string) => {
    const gate = held.get(id) ?? withResolvers();
    held.set(id, gate);
    return gate;
  };
  const hold: LiveSystem['held'] = (id, signal) => {
    const gate = gateOf(id);
    signal.addEventListener('abort', () => gate.resolve());
    return gate.promise.then(() => ({ held: true }));
  };
  const fleet = await startFleet({
    builtIn: true,
    handlers: {
      greet: { handler: ({ payload }) => ({ hello: payload }), concurrency: 8 },
      held: {
        handler: ({ id, signal }) => hold(id, signal),
        concurrency: 8,
        limits: [{ key: 'id', concurrency: 1 }],
      },
      printed: { chart: printed } as unknown as HandlerOptions,
      broken: {
        handler: () => {
          throw new Error('the printer is out of <b>paper</b>');
        },
      },
    },
    ...fleetOptions,
  });
  const http = await startHttpServer(fleet.queue, {
    ...{ port: 0, tokens: [], closeTimeoutMs: 100, provider: fleet.provider },
    ...options,
  });
  return {
    fleet,
    http,
    release: (id) => gateOf(id).resolve(),
    held: hold,
    [Symbol.asyncDispose]: async () => {
      for (const gate of held.values()) gate.resolve();
      await http.close();
      await fleet.close();
    },
  };
}

interface PromiseWithResolversLike {
  promise: Promise<void>;
  resolve(): void;
}

/** `Promise.withResolvers` needs Node 22. */
function withResolvers(): PromiseWithResolversLike {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}

/** What rents a simulated instance. */
export function order(instanceId: string, webhookUrl?: string) {
  const ask = instancePayload(instanceId);
  return webhookUrl === undefined ? ask : { ...ask, webhookUrl };
}

/** Waits until a promise holds; a test that waits for the server rather than the page. */
export async function eventually(check: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !(await check()); ) {
    if (Date.now() > end) throw new Error(`it does not come to be that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
