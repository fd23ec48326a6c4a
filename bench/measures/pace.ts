import { setTimeout as delay } from 'node:timers/promises';

/**
 * Calls `act` at an even rate whatever its answers take, so that a slow answer does not hide the next one's wait.
 * @returns what all of them resolve with
 */
export async function atEvenPace<T>(
  count: number,
  pauseMs: number,
  act: (index: number) => Promise<T>,
): Promise<T[]> {
  const begin = performance.now();
  const acting: Promise<T>[] = [];
  for (let index = 0; index < count; index++) {
    const wait = begin + index * pauseMs - performance.now();
    if (wait > 0) await delay(wait);
    acting.push(act(index));
  }
  return Promise.all(acting);
}
