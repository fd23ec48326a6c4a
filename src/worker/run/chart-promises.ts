import { type AnyActorLogic, fromPromise, type InspectionEvent } from 'xstate';
import { guardedSignal } from '../../telemetry/guarded-signal.js';

type Creator = Parameters<typeof fromPromise>[0];
/** How a promise's logic differs from any other logic that has a function as `config`. */
const PROMISE_TRANSITION = String(fromPromise(async () => {}).transition);

/** The promises that the actors of a chart wait for. One that ignores its signal goes on, and its job must keep its slot. */
export class ChartPromises {
  readonly #pending = new Set<Promise<unknown>>();
  readonly #onListenerFailure: (error: unknown) => void;

  /** @param onListenerFailure called with what a listener to the signal of a promise throws */
  constructor(onListenerFailure: (error: unknown) => void) {
    this.#onListenerFailure = onListenerFailure;
  }

  /** Resolves when those that are under way have ended; undefined when there are none. */
  get ended(): Promise<unknown> | undefined {
    return this.#pending.size === 0 ? undefined : Promise.all(this.#pending);
  }

  /** For the `inspect` option of the root actor: an actor tells of itself before it calls its logic. */
  observe({ type, actorRef }: InspectionEvent): void {
    if (type !== '@xstate.actor') return;
    const actor = actorRef as { logic?: AnyActorLogic & { config?: unknown } };
    const { config, transition } = actor.logic ?? {};
    if (typeof config !== 'function' || String(transition) !== PROMISE_TRANSITION) return;
    actor.logic = this.#followed(config as Creator);
  }

  #followed(creator: Creator): AnyActorLogic {
    return fromPromise((given) => {
      const signal = guardedSignal(given.signal, this.#onListenerFailure);
      const promise = Promise.resolve(creator({ ...given, signal }));
      const ended: Promise<void> = promise.then(
        () => void this.#pending.delete(ended),
        () => void this.#pending.delete(ended),
      );
      this.#pending.add(ended);
      return promise;
    });
  }
}
