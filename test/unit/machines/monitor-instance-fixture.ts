import { expect } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import {
  type InstanceCheck,
  type MonitorActorInput,
  type MonitorInstanceSettings,
  monitorInstanceChart,
  type RunInput,
} from '../../../machines/index.js';
import type { MonitorInstancePayload } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';
import type { JobOutcome } from '../../../src/jobs/outcome.js';

export const START = Date.parse('2026-01-01T00:00:00.000Z');
export const iso = (ms: number) => new Date(START + ms).toISOString();
export const MAX_WAIT = 600_000;

export type Payload = Partial<MonitorInstancePayload>;
export const inputAt = (
  ms: number,
  more: Payload = {},
  checkpoint?: unknown,
): RunInput<MonitorInstancePayload> => ({
  jobId: 'order-42-monitor',
  type: 'monitor_instance',
  attempt: 1,
  maxAttempts: 3,
  payload: {
    instanceId: 'i-1',
    novitaInstanceId: 'n-1',
    startTime: iso(0),
    maxWaitTime: MAX_WAIT,
    ...more,
  },
  ...(checkpoint !== undefined && { checkpoint }),
  now: iso(ms),
});

export interface Fakes {
  check?: () => InstanceCheck;
  remove?: () => void;
  stop?: () => void;
}

export async function run(
  input: RunInput<MonitorInstancePayload>,
  fakes: Fakes,
  settings?: MonitorInstanceSettings,
) {
  const calls: string[] = [];
  const called = <T>(name: string, fake: () => T) =>
    fromPromise<T, MonitorActorInput>(async ({ input: { jobId, novitaInstanceId, isLastLook } }) => {
      calls.push(isLastLook && name === 'check' ? 'last look' : name);
      expect({ jobId, novitaInstanceId }).toEqual({ jobId: input.jobId, novitaInstanceId: 'n-1' });
      return fake();
    });
  const machine = monitorInstanceChart(settings).provide({
    actors: {
      checkInstance: called('check', fakes.check ?? (() => provisioning)),
      deleteInstance: called('delete', fakes.remove ?? (() => {})),
      stopInstance: called('stop', fakes.stop ?? (() => {})),
    },
  });
  const outcome: JobOutcome = await toPromise(createActor(machine, { input }).start());
  return { outcome, calls };
}

/** One run after the other at these times, each with what the one before has left. */
export async function runs(times: number[], fakes: Fakes, more: Payload = {}, before?: unknown) {
  const outcomes: JobOutcome[] = [];
  const calls: string[] = [];
  let checkpoint = before;
  for (const ms of times) {
    const { outcome, calls: made } = await run(inputAt(ms, more, checkpoint), fakes);
    if (outcome.kind === 'snoozed' && outcome.checkpoint !== undefined) checkpoint = outcome.checkpoint;
    outcomes.push(outcome);
    calls.push(...made);
  }
  return { outcomes, calls };
}

export const provisioning: InstanceCheck = { status: 'provisioning', healthy: false };
export const ready: InstanceCheck = { status: 'running', healthy: true };
export const fail = (error: Error) => (): never => {
  throw error;
};
export const transient = (retryAfterMs?: number) =>
  new JetfleetError('JETFLEET_PROVIDER_TRANSIENT', 'answered 502', {
    retryable: true,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
export const auth = () => new JetfleetError('JETFLEET_PROVIDER_AUTH', 'bad key');
export const notOurs = () => new JetfleetError('JETFLEET_INSTANCE_NOT_OURS', 'no job rented it');
export const notFound = () => new JetfleetError('JETFLEET_PROVIDER_NOT_FOUND', 'no such instance');
/** What a run leaves that was the first one past the deadline to see the instance not ready. */
export const seenLate = {
  lastStatus: 'provisioning',
  late: { since: new Date(START + MAX_WAIT + 1).toISOString(), reads: 1 },
};
export const deleting = (since: number) => ({
  phase: 'deleting',
  since: iso(since),
  lastStatus: 'provisioning',
});
export const failed = (code: string) => ({ kind: 'failed', error: { code, retryable: false } });
export const timedOut = { ...failed('JETFLEET_INSTANCE_TIMEOUT'), timedOut: true };
export const notDeleted = { ...failed('JETFLEET_INSTANCE_NOT_DELETED'), timedOut: true };
