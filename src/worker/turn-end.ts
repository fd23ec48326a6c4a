let ending: Promise<void> | undefined;

/** Resolves at the end of this turn of the event loop: one promise for all that wait for the same end. */
export function turnEnd(): Promise<void> {
  ending ??= new Promise((resolve) => {
    setImmediate(() => {
      ending = undefined;
      resolve();
    });
  });
  return ending;
}
