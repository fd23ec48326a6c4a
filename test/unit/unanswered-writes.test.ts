import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { UnansweredWrites } from '../../src/broker/publish/unanswered-writes.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Writes without an answer, one in each second. */
function silence(writes: UnansweredWrites, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    vi.advanceTimersByTime(1_000);
    writes.silent(1_000);
  }
}

it('a stream that answers nothing for 12 s while the connection stands has stalled, which is told once', () => {
  const onStalled = vi.fn();
  const writes = new UnansweredWrites(onStalled, () => true);
  silence(writes, 11);
  expect(writes.isStalled).toBe(false);
  expect(writes.reason).toBeUndefined();
  silence(writes, 5);
  expect(writes.isStalled).toBe(true);
  expect(writes.reason).toMatch(/^The stream does not answer writes, although the connection stands/);
  expect(onStalled).toHaveBeenCalledTimes(1);
});

it('a server that is away has no stream that stalls', () => {
  const onStalled = vi.fn();
  let isConnected = true;
  const writes = new UnansweredWrites(onStalled, () => isConnected);
  silence(writes, 11);
  isConnected = false;
  expect(writes.reason).toMatch(/^The connection to the NATS server is lost/);
  silence(writes, 30);
  expect(writes.isStalled).toBe(false);
  isConnected = true;
  silence(writes, 5);
  expect(writes.isStalled).toBe(false);
  expect(writes.reason).toBeUndefined();
  expect(onStalled).not.toHaveBeenCalled();
});

it('is not taken for stalled while it is away, though it had stalled before', () => {
  let isConnected = true;
  const writes = new UnansweredWrites(
    () => {},
    () => isConnected,
  );
  silence(writes, 20);
  expect(writes.isStalled).toBe(true);
  isConnected = false;
  expect(writes.isStalled).toBe(false);
  expect(writes.reason).toMatch(/^The connection to the NATS server is lost/);
});
