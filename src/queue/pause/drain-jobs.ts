/** Waiting until none of some paused jobs runs any more. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { withDeadline } from '../../jobs/deadline.js';
import { BrokerError, ConflictError, JetfleetError } from '../../jobs/errors.js';
import { assertOptions, type OptionNames } from '../../jobs/options.js';
import { isActive, isWithin, type PauseScope, scopeText } from '../../wire/pauses.js';
import { ANY, WORK_KINDS } from '../../wire/subjects.js';
import { checkWait, type WaitOptions } from '../job-wait.js';
import { checkScope } from './pause-jobs.js';

export interface DrainOptions extends PauseScope, WaitOptions {}

const DRAIN_OPTIONS: OptionNames<Required<DrainOptions>> = {
  type: true,
  priority: true,
  timeoutMs: true,
  signal: true,
};

/** When to count after an outcome was heard: it has to be stored and acknowledged first. */
const AFTER_OUTCOME_MS = 50;
/** When to count in any case: what a process hears is not stored, and a worker that dies says nothing. */
const COUNT_EVERY_MS = 1_000;
const ANSWERS_MS = 1_000;

/** @throws ValidationError */
export function checkDrain(options: DrainOptions): void {
  assertOptions('options', options, DRAIN_OPTIONS);
  checkScope(options);
  checkWait(options);
}

/**
 * Resolves once no job of the scope runs: its consumers have nothing unacknowledged, or what they have is in no worker's hands and
 * its lease is over.
 * @throws ConflictError unless the scope is paused; JetfleetError `JETFLEET_WAIT_TIMEOUT`; the reason of `signal`
 */
export async function drainJobs(broker: Broker, options: DrainOptions, closed: AbortSignal): Promise<void> {
  const { type, priority, timeoutMs, signal } = options;
  const scope: PauseScope = {
    ...(type !== undefined && { type }),
    ...(priority !== undefined && { priority }),
  };
  await assertPaused(broker, scope);
  const seen = { running: 0 };
  const late = () => {
    const why = `of ${scopeText(scope)}, ${seen.running} still ran or waited for the end of their lease after ${timeoutMs} ms`;
    return new JetfleetError('JETFLEET_WAIT_TIMEOUT', why, { retryable: true });
  };
  await withDeadline(timeoutMs, [signal, closed], late, (over) => untilIdle(broker, scope, seen, over));
}

/** Jobs that may start at any time never come to an end. */
async function assertPaused({ topology, clock }: Broker, scope: PauseScope): Promise<void> {
  const { pauses } = await topology.pauses.read();
  if (pauses.some((each) => isActive(each, clock.now()) && isWithin(scope, each))) return;
  throw new ConflictError(`${scopeText(scope)}: not paused, so more of them start; pause them, then drain`);
}

async function untilIdle(
  broker: Broker,
  scope: PauseScope,
  seen: { running: number },
  over: AbortSignal,
): Promise<void> {
  const { topology, notices } = broker;
  let heard: () => void = () => {};
  const stop = notices.onTransitions(scope.type ?? ANY, () => heard());
  try {
    const { ackWaitMs } = await topology.effective();
    let aliveMs = performance.now();
    while (!over.aborted) {
      const outcome = new Promise<void>((resolve) => {
        heard = resolve;
      });
      const unacknowledged = await countUnacknowledged(broker, scope).catch(unlessAway);
      if (unacknowledged === 0) return;
      if (unacknowledged === undefined || unacknowledged !== seen.running) aliveMs = performance.now();
      seen.running = unacknowledged ?? seen.running;
      const pause = new AbortController();
      await Promise.race([
        outcome.then(() => delay(AFTER_OUTCOME_MS)),
        delay(COUNT_EVERY_MS, undefined, { signal: pause.signal }).catch(() => {}),
      ]);
      pause.abort();
      if (await isHeld(broker, scope)) aliveMs = performance.now();
      // What was handed back, or has lost its worker, stays unacknowledged until it is handed out again.
      else if (performance.now() - aliveMs > ackWaitMs) return;
    }
  } finally {
    stop();
  }
}

async function countUnacknowledged({ topology, subjects }: Broker, scope: PauseScope): Promise<number> {
  const infos = (await Promise.all(WORK_KINDS.map((kind) => topology.consumers(kind)))).flat();
  return infos.reduce((sum, { name, num_ack_pending }) => {
    const consumer = subjects.parseConsumer(name);
    return consumer && isWithin(consumer, scope) ? sum + num_ack_pending : sum;
  }, 0);
}

/** Whether a worker that answers says that it runs such a job. What it says is a hint: a false one puts the end of the wait off. */
async function isHeld({ notices, subjects }: Broker, scope: PauseScope): Promise<boolean> {
  const answers = await notices.ask(subjects.notices.workersAsked(), {}, ANSWERS_MS);
  return answers.some(({ running, runningCount }) => {
    if (!Array.isArray(running)) return false;
    const isOne = (job: unknown) => typeof job === 'object' && job !== null && isWithin(job, scope);
    return running.some(isOne) || Number(runningCount) > running.length;
  });
}

function unlessAway(error: unknown): undefined {
  if (!(error instanceof BrokerError && error.retryable)) throw error;
}
