import type { Broker } from '../broker/broker.js';
import { invalidOption } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import type { Limiter } from '../queue/limits/limiter.js';
import type { Logger } from '../telemetry/logger.js';
import type { Tracing } from '../telemetry/tracing.js';
import type { UserCode } from '../telemetry/user-code.js';
import type { ResourceCheckOf } from '../upkeep/sweeper.js';
import type { DrainStep } from './drain-steps.js';
import { HookCalls } from './hooks/hook-calls.js';
import { assertHooks, isHooks, type WorkerHooks } from './hooks/worker-hooks.js';
import type { Handled, JobContext } from './job-handler.js';

/** The job of this id, which the worker runs now. @throws JetfleetError `JETFLEET_LEASE_LOST` */
export type HeldJobOf = (jobId: string) => JobContext;

/** What a worker lends to an extension. */
export interface WorkerHost {
  /** Of the queue. */
  readonly namespace: string;
  readonly logger: Logger;
  readonly userCode: UserCode;
  /** Of the queue. */
  readonly tracing?: Tracing;
  /** @internal */
  broker(): Promise<Broker>;
  /** Permits and rates across all workers. */
  limiter(): Promise<Limiter>;
  readonly heldJob: HeldJobOf;
  /**
   * Has a waiting job run in so many milliseconds instead of when it is due. False when that cannot be said yet: the job is
   * still on its way into its wait.
   */
  reschedule(id: string, inMs: number): Promise<boolean>;
  /** About how many jobs of a type are queued, as its consumers said with the last one; 0 before. */
  queued(type: string): number;
  /** Refuses a URL that webhooks of this worker may not go to. A worker that sends none refuses nothing. */
  checkWebhookUrl(url: string, signal: AbortSignal): Promise<void>;
}

/** What an extension brings to one worker. */
export interface Installed {
  /** How to run the types that it brings: `handled(job, run)` of each. */
  handlers: Iterable<Handled>;
  /**
   * Looks for what its jobs have left behind outside the broker.
   * @internal
   */
  resources?: ResourceCheckOf;
  checkWebhookUrl?: WorkerHost['checkWebhookUrl'];
  /** Called around each job of the worker, of whatever type. */
  hooks?: WorkerHooks;
  /** Called each time that the worker starts. What it throws fails the start. */
  start?: () => Promise<void>;
  /** Ends what it has open, within so many milliseconds. */
  close?: (withinMs: number) => unknown;
}

/** Job types with what they need, for `worker.use`. It may be used by several workers. */
export interface WorkerExtension {
  readonly name: string;
  /** Called once for each worker that uses it. It opens what it needs; what it throws reaches the caller of `use`. */
  install(host: WorkerHost): Installed;
}

/** The extensions of one worker by name, and its hooks. */
export class Extensions {
  readonly #userCode: UserCode;
  readonly #installed = new Map<string, Installed>();
  /** Of all of them, for the sweeper. */
  readonly resources: ResourceCheckOf[] = [];
  readonly hooks: HookCalls;

  constructor(userCode: UserCode) {
    this.#userCode = userCode;
    this.hooks = new HookCalls(userCode);
  }

  /**
   * Installs all of them or none. One takes the place of another of its name. @returns what `check` gives for each of their handlers
   * @throws what `check` and `install` throw; ValidationError `JETFLEET_OPTION_INVALID`
   */
  add<Handler>(
    given: readonly (WorkerExtension | WorkerHooks)[],
    host: WorkerHost,
    check: (handled: Handled) => Handler,
  ): Handler[] {
    const hooks = given.filter(isHooks);
    hooks.forEach(assertHooks);
    const extensions = given.filter((each): each is WorkerExtension => !isHooks(each));
    for (const extension of extensions) assertExtension(extension);
    const added: [name: string, installed: Installed][] = [];
    const handlers: Handler[] = [];
    try {
      for (const extension of extensions) {
        const installed = extension.install(host);
        added.push([extension.name, installed]);
        assertInstalled(extension.name, installed);
        for (const each of installed.handlers) handlers.push(check(each));
      }
    } catch (error) {
      for (const [name, installed] of added) this.#close(name, installed);
      throw error;
    }
    for (const each of hooks) this.hooks.add(each);
    for (const [name, installed] of added) this.#take(name, installed);
    return handlers;
  }

  #take(name: string, installed: Installed): void {
    const before = this.#installed.get(name);
    if (before) {
      if (before.resources) this.resources.splice(this.resources.indexOf(before.resources), 1);
      this.#close(name, before);
    }
    this.#installed.set(name, installed);
    if (installed.resources) this.resources.push(installed.resources);
    const hooksName = `extension ${name}`;
    if (installed.hooks) this.hooks.add({ ...installed.hooks, name: hooksName });
    else this.hooks.remove(hooksName);
  }

  #close(name: string, installed: Installed | undefined): void {
    this.#userCode.run(`close of ${name}`, () => installed?.close?.(0));
  }

  async checkWebhookUrl(url: string, signal: AbortSignal): Promise<void> {
    for (const installed of this.#installed.values()) await installed.checkWebhookUrl?.(url, signal);
  }

  async start(): Promise<void> {
    for (const installed of this.#installed.values()) await installed.start?.();
  }

  /** @param end by when, by `performance.now()` */
  closing(end: number): DrainStep[] {
    return [...this.#installed].map(([name, installed]) => ({
      name: `close ${name}`,
      run: () => installed.close?.(Math.max(0, end - performance.now())),
    }));
  }
}

function assertExtension(value: unknown): asserts value is WorkerExtension {
  if (typeof (value as WorkerExtension | null | undefined)?.install === 'function') return;
  throw invalidOption(
    `use takes extensions, such as gpuInstances({ provider }) or webhooks({ secret }), and hooks, such as { onClaim, around, onSettled }, got ${excerptOf(value)}`,
  );
}

function assertInstalled(name: string, value: unknown): asserts value is Installed {
  const { handlers, hooks } = Object(value) as Partial<Installed>;
  if (hooks !== undefined) assertHooks(hooks);
  if (typeof handlers?.[Symbol.iterator] === 'function') return;
  throw invalidOption(
    `the extension ${excerptOf(name)} must bring handlers, a list of what handled(job, run) makes, got ${excerptOf(value)}`,
  );
}
