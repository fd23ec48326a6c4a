import { type AnyActorLogic, createActor, fromPromise, SimulatedClock } from 'xstate';
import {
  type JobMachineInput,
  type JobSnapshot,
  jobMachine,
  jobStateOf,
  type RunInput,
} from '../../../machines/index.js';
import type { JobErrorInfo } from '../../../src/jobs/errors.js';
import type { JobOutcome } from '../../../src/jobs/outcome.js';

export const NOW = '2026-01-01T00:00:00.000Z';
export const LATER = '2026-01-01T00:01:00.000Z';
export const error = (code: string, retryable = false): JobErrorInfo => ({ code, message: code, retryable });
export const input: JobMachineInput = {
  jobId: 'job-1',
  type: 'demo',
  payload: { a: 1 },
  attempt: 0,
  maxAttempts: 2,
};

/** A job whose `run` is given, claimed and under way. */
export function running(
  run: AnyActorLogic,
  more: Partial<JobMachineInput> = {},
  clock = new SimulatedClock(),
) {
  const machine = jobMachine.provide({ actors: { run } });
  const actor = createActor(machine, { input: { ...input, ...more }, clock });
  actor.start();
  actor.send({ type: 'CLAIM', now: NOW });
  return actor;
}

export const left = (snapshot: JobSnapshot) => jobStateOf(snapshot) !== 'running';
export const never = fromPromise<JobOutcome, RunInput>(() => new Promise(() => {}));
