import { assign, setup } from 'xstate';
import type { MonitorInstancePayload } from '../src/instances/schemas.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { isNotOurs, onNotOurs, refused } from './delete-instance-context.js';
import {
  actorInput,
  brokenOutcome,
  contextOf,
  type InstanceCheck,
  isBroken,
  isGone,
  isOverdue,
  isProvenBroken,
  isProvenGone,
  isProvenLate,
  isReady,
  isStopped,
  type MonitorActorInput,
  type MonitorInstanceContext,
  notDeleted,
  noted,
  readyOutcome,
  removed,
  removingForMs,
  snoozed,
  stopped,
  timedOut,
  vanished,
  wasLateFirst,
} from './monitor-instance-context.js';
import { retryDelayMs } from './repeated.js';
import { notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

export const DEFAULT_POLL_INTERVAL_MS = 10_000;

export interface MonitorInstanceSettings {
  /** Pause between two checks. Defaults to 10 seconds. */
  pollIntervalMs?: number;
  /** Pause between two reads of an instance that is being removed, or seems to be gone, broken or late. Defaults to 2 seconds. */
  verifyIntervalMs?: number;
  /** How long the provider must not know an instance before it counts as gone. Defaults to 10 seconds. */
  settleMs?: number;
  /**
   * How long removing may take, from its first try, and how long past the deadline the instance may stay unreadable
   * before the job gives up. Defaults to 20 minutes.
   */
  deleteGraceMs?: number;
  /** How long past the deadline an instance may stay unreadable that is to be kept anyway. Defaults to 1 minute. */
  transientGraceMs?: number;
}

type Checked = { check: InstanceCheck };
const checked = ({ event }: { event: { output: InstanceCheck } }): Checked => ({ check: event.output });

/** A poll may come a moment late, never a moment early: the deadline itself has not passed yet. */
const DEADLINE_MARGIN_MS = 50;
const MIN_POLL_MS = 100;

/**
 * Watches one instance by polls, one per run, and hibernates between them. A read that fails says nothing about the
 * instance, and one answer that it is unknown, has failed or is late proves nothing: a later read has to agree. Nothing is
 * removed but after a read that showed it.
 */
export function monitorInstanceChart(settings: MonitorInstanceSettings = {}) {
  const { pollIntervalMs = DEFAULT_POLL_INTERVAL_MS, verifyIntervalMs = 2_000, settleMs = 10_000 } = settings;
  const { deleteGraceMs = 1_200_000, transientGraceMs = 60_000 } = settings;
  const note = { type: 'noteCheck', params: checked } as const;
  const verify = { target: 'snoozed', actions: [note, 'snoozeUntilVerified'] } as const;
  const whileAbsent = { guard: { type: 'isGone', params: checked }, ...verify } as const;
  const whileThere = [
    { guard: 'removalOverdue', target: 'failed', actions: { type: 'noteStillThere', params: checked } },
    verify,
  ] as const;
  const onUnverified = [
    { guard: 'removalOverdue', target: 'failed', actions: { type: 'noteNotDeleted', params: thrown } },
    { target: 'snoozed', actions: { type: 'snoozeRemoval', params: thrown } },
  ] as const;

  return setup({
    types: {
      context: {} as MonitorInstanceContext,
      input: {} as RunInput<MonitorInstancePayload>,
      output: {} as JobOutcome,
    },
    actors: {
      checkInstance: notProvided<InstanceCheck, MonitorActorInput>(),
      deleteInstance: notProvided<void, MonitorActorInput>(),
      stopInstance: notProvided<void, MonitorActorInput>(),
    },
    guards: {
      wasDeleting: ({ context }) => context.removal?.phase === 'deleting',
      wasStopping: ({ context }) => context.removal?.phase === 'stopping',
      isGone: (_, { check }: Checked) => isGone(check),
      provenGone: ({ context }, { check }: Checked) => isProvenGone(context, check, settleMs),
      goneAfterLate: ({ context }, { check }: Checked) =>
        wasLateFirst(context) && isProvenGone(context, check, settleMs),
      isStopped: (_, { check }: Checked) => isStopped(check),
      isBroken: (_, { check }: Checked) => isBroken(check),
      provenBroken: ({ context }, { check }: Checked) => isProvenBroken(context, check, verifyIntervalMs),
      isReady: (_, { check }: Checked) => isReady(check),
      overdue: ({ context }) => isOverdue(context),
      provenLate: ({ context }) => isProvenLate(context, verifyIntervalMs),
      unreadableAndKept: ({ context }) =>
        context.input.payload.onTimeout === 'keep' &&
        context.elapsedMs > context.maxWaitMs + transientGraceMs,
      unreadableTooLong: ({ context }) => context.elapsedMs > context.maxWaitMs + deleteGraceMs,
      keeps: ({ context }) => context.input.payload.onTimeout === 'keep',
      stops: ({ context }) => context.input.payload.onTimeout === 'stop',
      removalOverdue: ({ context }) => removingForMs(context) > deleteGraceMs,
      isNotOurs: (_, { error }: Thrown) => isNotOurs(error),
    },
    actions: {
      noteCheck: assign(({ context }, { check }: Checked) => noted(context, check)),
      noteReady: assign(({ context }) => ({ outcome: readyOutcome(context) })),
      noteVanished: assign(({ context }) => ({ outcome: vanished(context) })),
      noteBroken: assign(({ context }, { check }: Checked) => ({ outcome: brokenOutcome(context, check) })),
      noteRefused: assign((_, { error }: Thrown) => refused(error)),
      snoozeUntilNextPoll: assign(({ context }, { check }: Checked) => {
        const leftMs = context.maxWaitMs - context.elapsedMs + DEADLINE_MARGIN_MS;
        const delayMs = Math.min(check?.nextPollMs ?? pollIntervalMs, Math.max(leftMs, MIN_POLL_MS));
        return snoozed(context, delayMs);
      }),
      snoozeAfterError: assign(({ context }, { error }: Thrown) => {
        const leftMs = context.maxWaitMs + transientGraceMs - context.elapsedMs + DEADLINE_MARGIN_MS;
        return snoozed(context, retryDelayMs(error, pollIntervalMs, leftMs));
      }),
      snoozeRemoval: assign(({ context }, { error }: Thrown) => {
        const leftMs = deleteGraceMs - removingForMs(context) + DEADLINE_MARGIN_MS;
        return snoozed(context, retryDelayMs(error, verifyIntervalMs, leftMs));
      }),
      snoozeUntilVerified: assign(({ context }) => snoozed(context, verifyIntervalMs)),
      beginDelete: assign(({ context: { removal, input } }) => ({
        removal: removal ?? { phase: 'deleting' as const, since: input.now },
      })),
      beginStop: assign(({ context: { removal, input } }) => ({
        removal: removal ?? { phase: 'stopping' as const, since: input.now },
      })),
      noteGone: assign(({ context }) => removed(context, 'gone')),
      noteDeleted: assign(({ context }) => removed(context, 'deleted')),
      noteStopped: assign(({ context }) => stopped(context)),
      noteKept: assign(({ context }) => timedOut(context, 'it was left alone')),
      noteNotDeleted: assign(({ context }, { error }: Thrown) => ({
        outcome: notDeleted(context, toJobError(error).message),
      })),
      noteStillThere: assign(({ context }, { check }: Checked) => ({
        outcome: notDeleted(context, `the provider still reports it as ${check?.status}`),
      })),
    },
  }).createMachine({
    id: 'monitor_instance',
    version: '1',
    description: 'Watches an instance until it runs, or until its waiting time is over.',
    context: ({ input }) => contextOf(input, pollIntervalMs),
    initial: 'deciding',
    output: ({ context }) => context.outcome,
    states: {
      deciding: {
        description: 'Whether an earlier run began to remove the instance.',
        always: [
          { guard: 'wasDeleting', target: 'deleting' },
          { guard: 'wasStopping', target: 'stopping' },
          { target: 'checking' },
        ],
      },
      checking: {
        description: 'Asks the provider how the instance is.',
        invoke: {
          src: 'checkInstance',
          input: ({ context }) => actorInput(context),
          onDone: [
            { guard: { type: 'goneAfterLate', params: checked }, target: 'timedOut', actions: 'noteGone' },
            { guard: { type: 'provenGone', params: checked }, target: 'failed', actions: 'noteVanished' },
            whileAbsent,
            {
              guard: { type: 'provenBroken', params: checked },
              target: 'failed',
              actions: { type: 'noteBroken', params: checked },
            },
            { guard: { type: 'isBroken', params: checked }, ...verify },
            { guard: { type: 'isReady', params: checked }, target: 'completed', actions: 'noteReady' },
            { guard: 'provenLate', target: 'applyingTimeout', actions: note },
            { guard: 'overdue', ...verify },
            { target: 'snoozed', actions: [note, { type: 'snoozeUntilNextPoll', params: checked }] },
          ],
          onError: [
            { guard: 'unreadableAndKept', target: 'timedOut', actions: 'noteKept' },
            {
              guard: 'unreadableTooLong',
              target: 'failed',
              actions: { type: 'noteNotDeleted', params: thrown },
            },
            { target: 'snoozed', actions: { type: 'snoozeAfterError', params: thrown } },
          ],
        },
      },
      applyingTimeout: {
        description: 'The waiting time is over: `onTimeout` says what becomes of the instance.',
        always: [
          { guard: 'keeps', target: 'timedOut', actions: 'noteKept' },
          { guard: 'stops', target: 'stopping' },
          { target: 'deleting' },
        ],
      },
      stopping: {
        description: 'Stops the instance; repeating it does no harm. Whatever it answers, a read decides.',
        entry: 'beginStop',
        invoke: {
          src: 'stopInstance',
          input: ({ context }) => actorInput(context),
          onDone: 'verifyingStopped',
          onError: [onNotOurs, { target: 'verifyingStopped' }],
        },
      },
      verifyingStopped: {
        description: 'Reads whether the instance stops, since a stop is only a request.',
        invoke: {
          src: 'checkInstance',
          input: ({ context }) => actorInput(context),
          onDone: [
            { guard: { type: 'provenGone', params: checked }, target: 'timedOut', actions: 'noteGone' },
            whileAbsent,
            { guard: { type: 'isStopped', params: checked }, target: 'timedOut', actions: 'noteStopped' },
            ...whileThere,
          ],
          onError: onUnverified,
        },
      },
      deleting: {
        description: 'Removes the instance; repeating it does no harm.',
        entry: 'beginDelete',
        invoke: {
          src: 'deleteInstance',
          input: ({ context }) => actorInput(context),
          onDone: 'verifyingGone',
          onError: [onNotOurs, ...onUnverified],
        },
      },
      verifyingGone: {
        description: 'Reads whether the instance is gone, since a delete is only a request.',
        invoke: {
          src: 'checkInstance',
          input: ({ context }) => actorInput(context),
          onDone: [
            { guard: { type: 'provenGone', params: checked }, target: 'timedOut', actions: 'noteDeleted' },
            whileAbsent,
            ...whileThere,
          ],
          onError: onUnverified,
        },
      },
      completed: { type: 'final', description: 'The instance runs and is healthy.' },
      snoozed: { type: 'final', description: 'The job hibernates until the next check.' },
      timedOut: { type: 'final', description: 'The waiting time is over and `onTimeout` was applied.' },
      failed: {
        type: 'final',
        description:
          'The instance failed or vanished, is not ours to touch, or could not be shown to be gone.',
      },
    },
  });
}

/** The chart of `monitor_instance` with its default settings. */
export const monitorInstanceMachine = monitorInstanceChart();
