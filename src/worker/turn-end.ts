/** What is called at the end of a turn. */
export interface TurnEndListener {
  onTurnEnd(): void;
}

let waiting: TurnEndListener[] = [];
let ending: Promise<void> | undefined;

/**
 * Calls `listener` at the end of this turn of the event loop, after those that asked before it.
 * @returns a promise of that end, the same for all that wait for it; what was called has returned by then
 */
export function atTurnEnd(listener: TurnEndListener): Promise<void> {
  waiting.push(listener);
  ending ??= new Promise((resolve) => {
    setImmediate(() => {
      const listeners = waiting;
      waiting = [];
      ending = undefined;
      for (const each of listeners) each.onTurnEnd();
      resolve();
    });
  });
  return ending;
}
