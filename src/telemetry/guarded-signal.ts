import { safely } from './user-code.js';

type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

/**
 * A signal for somebody else's code. What a listener throws, or its promise rejects with, Node throws again outside of all
 * `try`, which ends the process; here it goes to `onFailure`.
 */
export function guardedSignal(signal: AbortSignal, onFailure: (error: unknown) => void): AbortSignal {
  const guards = new WeakMap<object, (event: Event) => void>();
  const guardOf = (listener: Listener) => {
    const known = guards.get(listener);
    if (known) return known;
    const guard = (event: Event) => {
      const call = () =>
        typeof listener === 'function' ? listener.call(signal, event) : listener.handleEvent(event);
      safely(call, onFailure);
    };
    guards.set(listener, guard);
    return guard;
  };
  const isListener = (value: unknown): value is Listener =>
    typeof value === 'function' || (typeof value === 'object' && value !== null);
  const guarded = (value: unknown) => (isListener(value) ? guardOf(value) : (value as never));
  const { addEventListener, removeEventListener } = signal;
  // `onabort` comes by here too.
  return Object.defineProperties(signal, {
    addEventListener: {
      value: (type: string, listener: unknown, options?: object | boolean) =>
        addEventListener.call(signal, type, guarded(listener), options as never),
    },
    removeEventListener: {
      value: (type: string, listener: unknown, options?: object | boolean) =>
        removeEventListener.call(signal, type, guarded(listener), options as never),
    },
  });
}
