import type { ComponentChildren } from 'preact';
import { createStore, useStore } from '../store.js';
import { Dialog } from './dialog.js';

interface Question {
  title: string;
  text: ComponentChildren;
  /** What the button that goes ahead says: a verb. */
  action: string;
  isDanger?: boolean;
}

const asked = createStore<(Question & { answer(yes: boolean): void }) | undefined>(undefined);

/** Asks before something that cannot be taken back. */
export function confirm(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    asked.set({
      ...question,
      answer: (yes) => {
        asked.set(undefined);
        resolve(yes);
      },
    });
  });
}

export function ConfirmDialog() {
  const question = useStore(asked);
  if (!question) return null;
  const { title, text, action, isDanger, answer } = question;
  return (
    <Dialog title={title} onClose={() => answer(false)}>
      <div class="dialog-body">{text}</div>
      <footer>
        <button type="button" onClick={() => answer(false)}>
          Keep as it is
        </button>
        <button type="button" class={isDanger ? 'danger' : 'primary'} onClick={() => answer(true)}>
          {action}
        </button>
      </footer>
    </Dialog>
  );
}
