/** npm and a terminal both pass Ctrl-C on, so one keypress can arrive twice. */
const SAME_KEYPRESS_MS = 300;

/**
 * Resolves with the first SIGINT or SIGTERM. A second one ends the process at once with 1.
 * @param onSecond says so before the end
 */
export function shutdownSignal(onSecond: () => void = () => {}): Promise<NodeJS.Signals> {
  let firstAtMs: number | undefined;
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals) => {
      if (firstAtMs === undefined) {
        firstAtMs = Date.now();
        resolve(signal);
      } else if (Date.now() - firstAtMs > SAME_KEYPRESS_MS) {
        onSecond();
        process.exit(1);
      }
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}
