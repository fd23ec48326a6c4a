import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { wakeable } from '../../src/jobs/deadline.js';

const MINUTE_MS = 60_000;

it('a pause ends at its time, when it is woken, and when a signal fires', async () => {
  await wakeable(5).over;
  const woken = wakeable(MINUTE_MS);
  woken.wake();
  await woken.over;
  const { signal, abort } = controlled();
  const stopped = wakeable(MINUTE_MS, [undefined, signal]);
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  abort();
  await stopped.over;
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

it('a pause under a signal that has fired already is over at once', async () => {
  await wakeable(MINUTE_MS, [AbortSignal.abort()]).over;
});

function controlled(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
