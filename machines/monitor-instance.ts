import { assign, setup } from 'xstate';
import { toJobError } from '../src/jobs/errors.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import type { MonitorInstancePayload } from '../src/jobs/payloads.js';
import {
  actorInput,
  contextOf,
  failure,
  type InstanceCheck,
  isBroken,
  isGone,
  isReady,
  type MonitorActorInput,
  type MonitorInstanceContext,
  notDeleted,
  readyOutcome,
  removal,
  removingForMs,
  snoozed,
  timedOut,
} from './monitor-instance-context.js';
import { notProvided, type RunInput } from './run-input.js';
import { retryDelayMs } from './time.js';

export const DEFAULT_POLL_INTERVAL_MS = 10_000;

export interface MonitorInstanceSettings {
  /** Pause between two checks. Defaults to 10 seconds. */
  pollIntervalMs?: number;
  /** Pause between two looks whether a removed instance is gone. Defaults to 2 seconds. */
  verifyIntervalMs?: number;
  /** How long removing may take, from its first try. Defaults to 20 minutes. */
  deleteGraceMs?: number;
  /** How long past the deadline a provider may stay out of reach before `onTimeout` applies. Defaults to 1 minute. */
  transientGraceMs?: number;
}

type Checked = { check: InstanceCheck };
type Thrown = { error: unknown };
const checked = ({ event }: { event: { output: InstanceCheck } }): Checked => ({ check: event.output });
const thrown = ({ event }: { event: Thrown }): Thrown => ({ error: event.error });

/** A poll may come a moment late, never a moment early: the deadline itself has not passed yet. */
const DEADLINE_MARGIN_MS = 50;
const MIN_POLL_MS = 100;

/** Watches one instance by polls, one per run, and hibernates between them. */
export function monitorInstanceChart(settings: MonitorInstanceSettings = {}) {
  const { pollIntervalMs = DEFAULT_POLL_INTERVAL_MS, verifyIntervalMs = 2_000 } = settings;
  const { deleteGraceMs = 1_200_000, transientGraceMs = 60_000 } = settings;
  const endRemoval = [
    { guard: { type: 'isGoneAlready', params: thrown }, target: 'timedOut', actions: 'noteGone' },
    {
      guard: { type: 'isPermanent', params: thrown },
      target: 'failed',
      actions: { type: 'noteNotDeleted', params: thrown },
    },
    {
      guard: 'removalOverdue',
      target: 'failed',
      actions: { type: 'noteNotDeleted', params: thrown },
    },
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
      isBroken: (_, { check }: Checked) => isBroken(check),
      isReady: (_, { check }: Checked) => isReady(check),
      overdue: ({ context }) => context.elapsedMs > context.maxWaitMs,
      outOfReachTooLong: ({ context }) => context.elapsedMs > context.maxWaitMs + transientGraceMs,
      keeps: ({ context }) => context.input.payload.onTimeout === 'keep',
      stops: ({ context }) => context.input.payload.onTimeout === 'stop',
      removalOverdue: ({ context }) => removingForMs(context) > deleteGraceMs,
      isPermanent: (_, { error }: Thrown) => !toJobError(error).retryable,
      isGoneAlready: (_, { error }: Thrown) => toJobError(error).code === 'JETFLEET_PROVIDER_NOT_FOUND',
    },
    actions: {
      noteStatus: assign((_, { check }: Checked) => ({ lastStatus: check?.status ?? 'gone' })),
      noteReady: assign(({ context }) => ({ outcome: readyOutcome(context) })),
      noteVanished: assign(({ context }) => ({
        outcome: failure(
          'JETFLEET_INSTANCE_VANISHED',
          `Instance ${context.input.payload.novitaInstanceId} was removed before it ran`,
        ),
      })),
      noteBroken: assign(({ context }, { check }: Checked) => ({
        outcome: failure(
          'JETFLEET_INSTANCE_FAILED',
          `Instance ${context.input.payload.novitaInstanceId} is ${check?.status}: ${check?.reason ?? 'no reason given'}`,
        ),
      })),
      noteError: assign((_, { error }: Thrown) => ({
        outcome: { kind: 'failed' as const, error: toJobError(error) },
      })),
      snoozeUntilNextPoll: assign(({ context }, { check }: Checked) => {
        const leftMs = context.maxWaitMs - context.elapsedMs + DEADLINE_MARGIN_MS;
        return snoozed(Math.min(check?.nextPollMs ?? pollIntervalMs, Math.max(leftMs, MIN_POLL_MS)));
      }),
      snoozeAfterError: assign(({ context }, { error }: Thrown) => {
        const leftMs = context.maxWaitMs + transientGraceMs - context.elapsedMs + DEADLINE_MARGIN_MS;
        return snoozed(retryDelayMs(error, pollIntervalMs, leftMs));
      }),
      snoozeRemoval: assign(({ context }, { error }: Thrown) => {
        const leftMs = deleteGraceMs - removingForMs(context) + DEADLINE_MARGIN_MS;
        return snoozed(retryDelayMs(error, verifyIntervalMs, leftMs), context.removal);
      }),
      snoozeUntilVerified: assign(({ context }) => snoozed(verifyIntervalMs, context.removal)),
      beginDelete: assign(({ context }) => ({ removal: context.removal ?? removal(context, 'deleting') })),
      beginStop: assign(({ context }) => ({ removal: context.removal ?? removal(context, 'stopping') })),
      noteGone: assign(({ context }) => timedOut(context, 'it is gone')),
      noteDeleted: assign(({ context }) => timedOut(context, 'it was deleted')),
      noteStopped: assign(({ context }) => timedOut(context, 'it was stopped')),
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
            { guard: { type: 'isGone', params: checked }, target: 'failed', actions: 'noteVanished' },
            {
              guard: { type: 'isBroken', params: checked },
              target: 'failed',
              actions: { type: 'noteBroken', params: checked },
            },
            { guard: { type: 'isReady', params: checked }, target: 'completed', actions: 'noteReady' },
            {
              guard: 'overdue',
              target: 'applyingTimeout',
              actions: { type: 'noteStatus', params: checked },
            },
            { target: 'snoozed', actions: { type: 'snoozeUntilNextPoll', params: checked } },
          ],
          onError: [
            {
              guard: { type: 'isPermanent', params: thrown },
              target: 'failed',
              actions: { type: 'noteError', params: thrown },
            },
            { guard: 'outOfReachTooLong', target: 'applyingTimeout' },
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
        description: 'Stops the instance; repeating it does no harm.',
        entry: 'beginStop',
        invoke: {
          src: 'stopInstance',
          input: ({ context }) => actorInput(context),
          onDone: { target: 'timedOut', actions: 'noteStopped' },
          onError: endRemoval,
        },
      },
      deleting: {
        description: 'Removes the instance; repeating it does no harm.',
        entry: 'beginDelete',
        invoke: {
          src: 'deleteInstance',
          input: ({ context }) => actorInput(context),
          onDone: 'verifyingGone',
          onError: endRemoval,
        },
      },
      verifyingGone: {
        description: 'Looks whether the instance is gone, since a delete is only a request.',
        invoke: {
          src: 'checkInstance',
          input: ({ context }) => actorInput(context),
          onDone: [
            { guard: { type: 'isGone', params: checked }, target: 'timedOut', actions: 'noteDeleted' },
            {
              guard: 'removalOverdue',
              target: 'failed',
              actions: { type: 'noteStillThere', params: checked },
            },
            { target: 'snoozed', actions: 'snoozeUntilVerified' },
          ],
          onError: endRemoval,
        },
      },
      completed: { type: 'final', description: 'The instance runs and is healthy.' },
      snoozed: { type: 'final', description: 'The job hibernates until the next check.' },
      timedOut: { type: 'final', description: 'The waiting time is over and `onTimeout` was applied.' },
      failed: {
        type: 'final',
        description: 'The instance failed or vanished, or could not be shown to be gone.',
      },
    },
  });
}

/** The chart of `monitor_instance` with its default settings. */
export const monitorInstanceMachine = monitorInstanceChart();
