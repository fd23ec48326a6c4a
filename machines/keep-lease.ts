import { assign, setup } from 'xstate';
import type { KeepLeasePayload, KeepLeaseResult } from '../src/instances/schemas.js';
import { defined } from '../src/jobs/defined.js';
import { laterBy } from '../src/jobs/later-by.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { isGone } from './monitor-instance-context.js';
import type { ProvenCheckpoint } from './proven.js';
import { isProven, type Repeated, readAgain, sinceMs } from './repeated.js';
import { emptyInput, notProvided, type RunInput } from './run-input.js';

export interface KeepLeaseSettings {
  /** Pause between two reads of an instance that seems to be gone. Defaults to 2 seconds. */
  verifyIntervalMs?: number;
  /** How long the provider must not know an instance before it counts as gone. Defaults to 10 seconds. */
  settleMs?: number;
}

export interface KeepLeaseCheckpoint extends ProvenCheckpoint {
  /** ISO time of the first run. */
  since: string;
  /** When the lease was renewed last. */
  renewedAt?: string;
  /** When it was over, since a renewal came too late for it: as long as no read has shown the instance after that. */
  lapsedAt?: string;
  absent?: Repeated;
}

export interface KeepLeaseContext {
  input: RunInput<KeepLeasePayload>;
  checkpoint: KeepLeaseCheckpoint;
  outcome: JobOutcome;
}

type Read = { read: { status: string } | null };
const read = ({ event }: { event: { output: Read['read'] } }): Read => ({ read: event.output });
const isAway = ({ read: seen }: Read) => isGone(seen && { ...seen, healthy: false });

/** A lease is renewed so often in its time. */
const RENEWALS = 3;

function contextOf(input: RunInput<KeepLeasePayload> | undefined): KeepLeaseContext {
  const given = input ?? emptyInput<KeepLeasePayload>();
  const checkpoint = (given.checkpoint as KeepLeaseCheckpoint | null | undefined) ?? { since: given.now };
  return { input: given, checkpoint, outcome: { kind: 'snoozed', delayMs: 0 } };
}

/** Each run renews the lease. The first one after a lease that was over may find an instance that has ended itself then. */
function renewed({ checkpoint, input }: KeepLeaseContext): KeepLeaseCheckpoint {
  const { renewedAt, lapsedAt, absent } = checkpoint;
  const { leaseMs } = input.payload;
  const isLate = !absent && renewedAt !== undefined && sinceMs(renewedAt, input.now) > leaseMs;
  const overAt = lapsedAt ?? (isLate ? laterBy(renewedAt, leaseMs) : undefined);
  return { ...checkpoint, renewedAt: input.now, ...defined({ lapsedAt: overAt }) };
}

function noted(context: KeepLeaseContext, seen: Read): KeepLeaseCheckpoint {
  const { checkpoint, input } = context;
  if (!isAway(seen)) return { since: checkpoint.since, renewedAt: input.now };
  return { ...renewed(context), absent: readAgain(checkpoint.absent, input.now) };
}

function endedOutcome({ input, checkpoint }: KeepLeaseContext): JobOutcome {
  const { novitaInstanceId } = input.payload;
  const result: KeepLeaseResult = { novitaInstanceId, keptForMs: sinceMs(checkpoint.since, input.now) };
  const { lapsedAt, absent } = checkpoint;
  const gone = { is: 'gone', since: absent?.since ?? input.now } as const;
  const proven = lapsedAt === undefined ? gone : ({ is: 'watchdog', since: lapsedAt } as const);
  return { kind: 'completed', result, checkpoint: { ...checkpoint, proven } };
}

/**
 * Keeps the lease of an instance for as long as there is the instance: each run renews it, by the record that it writes. A read that fails says
 * nothing about the instance, and renews the lease too.
 */
export function keepLeaseChart({ verifyIntervalMs = 2_000, settleMs = 10_000 }: KeepLeaseSettings = {}) {
  const note = { type: 'noteRead', params: read } as const;
  return setup({
    types: {
      context: {} as KeepLeaseContext,
      input: {} as RunInput<KeepLeasePayload>,
      output: {} as JobOutcome,
    },
    actors: { readInstance: notProvided<Read['read'], { jobId: string; novitaInstanceId: string }>() },
    guards: {
      provenGone: ({ context }, seen: Read) =>
        isAway(seen) &&
        isProven(readAgain(context.checkpoint.absent, context.input.now), context.input.now, settleMs),
      isAway: (_, seen: Read) => isAway(seen),
    },
    actions: {
      noteRead: assign(({ context }, seen: Read) => ({ checkpoint: noted(context, seen) })),
      noteRenewal: assign(({ context }) => ({ checkpoint: renewed(context) })),
      noteEnded: assign(({ context }) => ({ outcome: endedOutcome(context) })),
      snoozeUntilRenewal: assign(({ context: { input, checkpoint } }) => ({
        outcome: {
          kind: 'snoozed',
          delayMs: (input.payload.leaseMs ?? 0) / RENEWALS,
          checkpoint,
        } as JobOutcome,
      })),
      snoozeUntilVerified: assign(({ context: { input, checkpoint } }) => {
        const delayMs = Math.min(verifyIntervalMs, (input.payload.leaseMs ?? 0) / RENEWALS);
        return { outcome: { kind: 'snoozed', delayMs, checkpoint } as JobOutcome };
      }),
    },
  }).createMachine({
    id: 'keep_lease',
    version: '1',
    description: 'Renews the lease of an instance until that is gone.',
    context: ({ input }) => contextOf(input),
    initial: 'reading',
    output: ({ context }) => context.outcome,
    states: {
      reading: {
        description: 'Asks the provider whether there is still the instance.',
        invoke: {
          src: 'readInstance',
          input: ({ context: { input } }) => ({
            jobId: input.jobId,
            novitaInstanceId: input.payload.novitaInstanceId,
          }),
          onDone: [
            {
              guard: { type: 'provenGone', params: read },
              target: 'completed',
              actions: [note, 'noteEnded'],
            },
            {
              guard: { type: 'isAway', params: read },
              target: 'snoozed',
              actions: [note, 'snoozeUntilVerified'],
            },
            { target: 'snoozed', actions: [note, 'snoozeUntilRenewal'] },
          ],
          onError: { target: 'snoozed', actions: ['noteRenewal', 'snoozeUntilRenewal'] },
        },
      },
      completed: { type: 'final', description: 'The instance is gone.' },
      snoozed: {
        type: 'final',
        description: 'The lease is renewed; the job hibernates until the next renewal.',
      },
    },
  });
}

/** The chart of `keep_lease` with its default settings. */
export const keepLeaseMachine = keepLeaseChart();
