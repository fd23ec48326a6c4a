/** What is paused, as the last tick has it, and what ends it. */
import { isWithin, type Pause, type PauseScope, scopeText } from '../../../src/wire/pauses.js';
import { post } from '../api/client.js';
import { lastTick } from '../live/live.js';
import { useStore } from '../store.js';
import { confirm } from '../ui/confirm.js';
import { attempt } from '../ui/toasts.js';

const NONE: readonly Pause[] = [];

export function usePauses(): readonly Pause[] {
  return useStore(lastTick)?.stats?.paused ?? NONE;
}

/** Asks first where more would end than this one pause. */
export async function resume(pause: Pause, all: readonly Pause[]): Promise<void> {
  const { type, priority } = pause;
  const others = all.filter((each) => each !== pause && isWithin(each, pause));
  const text = `This also ends the pause of ${others.map(scopeText).join(', of ')}.`;
  const isSure =
    others.length === 0 ||
    (await confirm({ title: `Resume ${scopeText(pause)}?`, text, action: 'Resume them' }));
  if (!isSure) return;
  await attempt(
    () => post<{ stillPaused: Pause[] }>('/pauses/resume', { type, priority }),
    ({ stillPaused }) =>
      stillPaused.length === 0
        ? `${beginning(pause)} may start again.`
        : `The pause of ${scopeText(pause)} has ended, but not that of ${stillPaused.map(scopeText).join(', of ')}.`,
  );
}

/** Whether a pause holds all jobs of a scope, or some of them. */
export function pausedIn(
  pauses: readonly Pause[],
  scope: PauseScope,
): 'paused' | 'paused in part' | undefined {
  if (pauses.some((pause) => isWithin(scope, pause))) return 'paused';
  return pauses.some((pause) => isWithin(pause, scope)) ? 'paused in part' : undefined;
}

/** A scope in words that begin a sentence; the name of a type stays as it is. */
export function beginning(scope: PauseScope): string {
  const text = scopeText(scope);
  return scope.type === undefined ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text;
}
