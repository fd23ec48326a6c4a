import { messageOf } from '../api/client.js';
import { createStore, useStore } from '../store.js';
import { Icon } from './icons.js';

interface Toast {
  id: number;
  kind: 'good' | 'bad';
  text: string;
}

const SHOWN_MS = { good: 5_000, bad: 12_000 };
const toasts = createStore<readonly Toast[]>([]);
let count = 0;

export function say(text: string, kind: Toast['kind'] = 'good'): void {
  const id = ++count;
  toasts.set([...toasts.get().slice(-3), { id, kind, text }]);
  setTimeout(() => dismiss(id), SHOWN_MS[kind]);
}

/** Runs what a button does, and says how it went: `done` makes the words from the answer. */
export async function attempt<T>(
  action: () => Promise<T>,
  done: (answer: T) => string,
): Promise<T | undefined> {
  try {
    const answer = await action();
    say(done(answer));
    return answer;
  } catch (error) {
    say(messageOf(error), 'bad');
    return undefined;
  }
}

function dismiss(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

export function Toasts() {
  const shown = useStore(toasts);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map(({ id, kind, text }) => (
        <div key={id} class={`toast ${kind}`}>
          <span>{text}</span>
          <button type="button" class="ghost square" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
