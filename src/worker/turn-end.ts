/** What is called at the end of a turn. */
export interface TurnEndListener {
  /** Must not throw: others wait behind it. */
  onTurnEnd(): void;
}

let waiting: TurnEndListener[] = [];
let ending: Promise<void> | undefined;

/** Calls `listener` at the end of this turn of the event loop, after those that asked before it. */
export function atTurnEnd(listener: TurnEndListener): void {
  waiting.push(listener);
  turnEnd();
}

/** Resolves at the end of this turn, when all that was to be called has been: one promise for all that wait for it. */
export function turnEnd(): Promise<void> {
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
