import { assign, setup } from 'xstate';
import type { PortAnswer, WatchEvent, WatchInstancePayload } from '../src/instances/schemas.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { isNotOurs, onNotOurs, refused } from './delete-instance-context.js';
import { DEFAULT_POLL_INTERVAL_MS } from './monitor-instance.js';
import { notProvided, type RunInput, type Thrown, thrown } from './run-input.js';
import {
  afterError,
  calmPauseMs,
  contextOf,
  eventOf,
  isPriceChanged,
  isProvenEvent,
  isUnhealthy,
  noted,
  pricedAt,
  probedBy,
  reported,
  untilNextRead,
  type WatchedInstance,
  type WatchInstanceContext,
  wantsPrice,
  wantsProbe,
} from './watch-instance-context.js';

export interface WatchInstanceSettings {
  /** Pause between two reads while something changes. Defaults to 10 seconds. */
  pollIntervalMs?: number;
  /** Pause before a read that has to confirm another. Defaults to 2 seconds. */
  verifyIntervalMs?: number;
  /** How long the provider must not know an instance before it counts as gone. Defaults to 10 seconds. */
  settleMs?: number;
}

type Read = { read: WatchedInstance };
const read = ({ event }: { event: { output: WatchedInstance } }): Read => ({ read: event.output });
type Probed = { ports: PortAnswer[] };
const probed = ({ event }: { event: { output: PortAnswer[] } }): Probed => ({ ports: event.output });
type Priced = { pricePerHour: number | null };
const priced = ({ event }: { event: { output: Priced } }): Priced => event.output;

/**
 * Watches an instance that runs, by one read in each run, and hibernates between them: soon while something changes, seldom while all is
 * well. An event ends the job, so that it stands on EVENTS with what follows from it; another watch follows.
 */
export function watchInstanceChart(settings: WatchInstanceSettings = {}) {
  const { pollIntervalMs = DEFAULT_POLL_INTERVAL_MS, verifyIntervalMs = 2_000, settleMs = 10_000 } = settings;
  const pauses = { minIntervalMs: pollIntervalMs, verifyMs: verifyIntervalMs };
  const proof = { verifyMs: verifyIntervalMs, settleMs };
  const note = { type: 'noteRead', params: read } as const;
  const notePorts = { type: 'notePorts', params: probed } as const;
  const notePrice = { type: 'notePrice', params: priced } as const;
  const snoozeAfterError = {
    target: 'snoozed',
    actions: { type: 'snoozeAfterError', params: thrown },
  } as const;
  return setup({
    types: {
      context: {} as WatchInstanceContext,
      input: {} as RunInput<WatchInstancePayload>,
      output: {} as JobOutcome,
    },
    actors: {
      readInstance: notProvided<
        WatchedInstance,
        { jobId: string; novitaInstanceId: string; isFirst: boolean; isSure: boolean; pauseMs: number }
      >(),
      probePorts: notProvided<
        PortAnswer[],
        { jobId: string; endpoints: NonNullable<WatchedInstance>['endpoints'] }
      >(),
      readPrice: notProvided<Priced, { jobId: string; novitaInstanceId: string }>(),
    },
    guards: {
      isProvenEvent: ({ context }, { read: seen }: Read) => isProvenEvent(context, seen, proof),
      wantsProbe: ({ context }, { read: seen }: Read) => wantsProbe(context, seen),
      wantsPrice: ({ context }, { read: seen }: Read) => wantsPrice(context, seen),
      stillWantsPrice: ({ context }) => wantsPrice(context, context.read),
      isUnhealthy: ({ context }, { ports }: Probed) => isUnhealthy(context, ports),
      isPriceChanged: ({ context }, { pricePerHour }: Priced) => isPriceChanged(context, pricePerHour),
      isNotOurs: (_, { error }: Thrown) => isNotOurs(error),
    },
    actions: {
      noteRead: assign(({ context }, { read: seen }: Read) => noted(context, seen)),
      notePorts: assign(({ context }, { ports }: Probed) => ({ checkpoint: probedBy(context, ports) })),
      notePrice: assign(({ context }, { pricePerHour }: Priced) => ({
        checkpoint: pricedAt(context, pricePerHour),
      })),
      reportRead: assign(({ context }) => ({
        outcome: reported(context, eventOf(context.read) as WatchEvent),
      })),
      reportUnhealthy: assign(({ context }) => ({ outcome: reported(context, 'unhealthy') })),
      reportPrice: assign(({ context }, { pricePerHour }: Priced) => ({
        outcome: reported(context, 'priceChanged', pricePerHour ?? undefined),
      })),
      noteRefused: assign((_, { error }: Thrown) => refused(error)),
      snoozeUntilRead: assign(({ context }) => untilNextRead(context, pauses)),
      snoozeAfterError: assign(({ context }, { error }: Thrown) => afterError(context, pauses, error)),
    },
  }).createMachine({
    id: 'watch_instance',
    version: '1',
    description: 'Watches an instance that runs, and reports what happens to it.',
    context: ({ input }) => contextOf(input),
    initial: 'reading',
    output: ({ context }) => context.outcome,
    states: {
      reading: {
        description: 'Asks the provider how the instance is. What may be an event is read by its id.',
        invoke: {
          src: 'readInstance',
          input: ({ context }) => ({
            jobId: context.input.jobId,
            novitaInstanceId: context.input.payload.novitaInstanceId,
            isFirst: (context.input.checkpoint ?? null) === null,
            isSure: context.checkpoint.suspect !== undefined,
            pauseMs: calmPauseMs(context, pauses),
          }),
          onDone: [
            {
              guard: { type: 'isProvenEvent', params: read },
              target: 'completed',
              actions: [note, 'reportRead'],
            },
            { guard: { type: 'wantsProbe', params: read }, target: 'probing', actions: note },
            { guard: { type: 'wantsPrice', params: read }, target: 'pricing', actions: note },
            { target: 'snoozed', actions: [note, 'snoozeUntilRead'] },
          ],
          onError: [onNotOurs, snoozeAfterError],
        },
      },
      probing: {
        description: 'Asks each port for an answer.',
        invoke: {
          src: 'probePorts',
          input: ({ context }) => ({ jobId: context.input.jobId, endpoints: context.read?.endpoints ?? [] }),
          onDone: [
            {
              guard: { type: 'isUnhealthy', params: probed },
              target: 'completed',
              actions: [notePorts, 'reportUnhealthy'],
            },
            { guard: 'stillWantsPrice', target: 'pricing', actions: notePorts },
            { target: 'snoozed', actions: [notePorts, 'snoozeUntilRead'] },
          ],
          onError: snoozeAfterError,
        },
      },
      pricing: {
        description: 'Asks what the offer of the instance costs now.',
        invoke: {
          src: 'readPrice',
          input: ({ context: { input } }) => ({
            jobId: input.jobId,
            novitaInstanceId: input.payload.novitaInstanceId,
          }),
          onDone: [
            {
              guard: { type: 'isPriceChanged', params: priced },
              target: 'completed',
              actions: { type: 'reportPrice', params: priced },
            },
            { target: 'snoozed', actions: [notePrice, 'snoozeUntilRead'] },
          ],
          // A price that cannot be read keeps nothing else from being watched.
          onError: {
            target: 'snoozed',
            actions: [{ type: 'notePrice', params: () => ({ pricePerHour: null }) }, 'snoozeUntilRead'],
          },
        },
      },
      completed: {
        type: 'final',
        description: 'Something has happened; the result says what, and what follows.',
      },
      snoozed: { type: 'final', description: 'The job hibernates until the next read.' },
      failed: { type: 'final', description: 'The instance is not ours.' },
    },
  });
}

/** The chart of `watch_instance` with its default settings. */
export const watchInstanceMachine = watchInstanceChart();
