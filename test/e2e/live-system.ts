import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../src/http/index.js';
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

/** Types of the system: `greet` ends at once, `held` when it is told to, `broken` never well. */
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
      broken: {
        handler: () => {
          throw new Error('the printer is out of <b>paper</b>');
        },
      },
    },
    ...fleetOptions,
  });
  const http = await startHttpServer(fleet.queue, { port: 0, tokens: [], closeTimeoutMs: 100, ...options });
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
