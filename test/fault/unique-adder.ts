/** A process that adds jobs with unique keys again and again, until it is killed: often between a claim and its job. */
import { setTimeout as delay } from 'node:timers/promises';
import { JetfleetError, type JobQueueService, type OnConflict } from '../../src/index.js';
import type { TaskStep } from './plan.js';

/** Calls under way at once. */
const LOOPS = 4;
const PAUSE_MS = 15;
const PATIENCE_MS = 20_000;

const CONFLICTS: readonly OnConflict[] = [
  'existing',
  'existing',
  'existing',
  'reject',
  'replace',
  'cancel-running',
];
const ENDS: readonly TaskStep['end'][] = ['ok', 'ok', 'throw', 'nap', 'fatal'];

export function keyName(n: number): string {
  return `key-${n}`;
}

/** Adds until the process ends. Every job is told of that a call has created. */
export async function addForEver(
  queue: JobQueueService,
  keys: number,
  tell: (id: string) => void,
): Promise<void> {
  await Promise.all(
    Array.from({ length: LOOPS }, async () => {
      for (;;) {
        const added = await add(queue, keyName(below(keys))).catch(passOver);
        if (added?.created) tell(added.id);
        await delay(Math.random() * PAUSE_MS);
      }
    }),
  );
}

function add(queue: JobQueueService, key: string) {
  const steps = [{ ms: below(40), end: pick(ENDS) }];
  return queue.addOrFind('task', { steps }, 'normal', {
    maxAttempts: 2,
    unique: { key, onConflict: pick(CONFLICTS) },
    ...(Math.random() < 0.2 && { delayMs: 50 + below(300) }),
  });
}

/** The broker is away, or another job has the key. */
export function passOver(error: unknown): undefined {
  const isExpected = JetfleetError.is(error) && (error.retryable || error.code === 'JETFLEET_UNIQUE_TAKEN');
  if (!isExpected) throw error;
}

/** Whoever asks last finds every key free: @returns those that are not */
export async function keysTaken(queue: JobQueueService, keys: number, isLast: boolean): Promise<string[]> {
  const taken: string[] = [];
  for (let n = 0; n < keys; n++) {
    const key = keyName(n);
    const steps: TaskStep[] = [{ ms: 1, end: 'ok' }];
    for (const end = Date.now() + PATIENCE_MS; ; await delay(100)) {
      try {
        const unique = { key, onConflict: isLast ? ('reject' as const) : ('existing' as const) };
        await queue.addJob('task', { steps }, 'normal', { unique });
        break;
      } catch (error) {
        if (!JetfleetError.is(error) || Date.now() > end) throw error;
        if (error.code === 'JETFLEET_UNIQUE_TAKEN') taken.push(`${key}: ${error.message}`);
        if (!error.retryable) break;
      }
    }
  }
  return taken;
}

function below(end: number): number {
  return Math.floor(Math.random() * end);
}

function pick<T>(list: readonly T[]): T {
  return list[below(list.length)] as T;
}
