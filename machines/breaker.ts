import { assign, setup, transition } from 'xstate';

/** When what fails is given a rest, and when it is disabled. Times are milliseconds. */
export interface BreakerPolicy {
  /** Failures in a row that open the breaker. */
  failures: number;
  /** The first rest; doubles with each probe that fails. */
  restMs: number;
  maxRestMs: number;
  /** How long a probe may take before another call probes. */
  probeMs: number;
  /** Failing for so long raises an alert. */
  alertAfterMs: number;
  /** Failing for so long disables it, where it can be disabled. */
  disableAfterMs: number;
  /** So many failures in a row are needed for that, so that one call which is retried for days disables nothing. */
  disableFailures: number;
}

export type BreakerState = 'closed' | 'open' | 'halfOpen' | 'disabled';
/** Why it is disabled. */
export type DisabledBy = 'user' | 'gone' | 'failing';

/** What is known of what the breaker protects. Times are ISO 8601. */
export interface BreakerFacts {
  /** In a row. */
  failures: number;
  /** Rests since the last success. */
  rests: number;
  /** The first of the failures in a row. */
  failingSince?: string | undefined;
  lastFailureAt?: string | undefined;
  /** Why the last one failed. */
  error?: string | undefined;
  /** When the rest ends, in ms since 1970. */
  openUntilMs?: number | undefined;
  /** Until when the call that probes may take. */
  probeUntilMs?: number | undefined;
  /** When the alert was raised. */
  alertedAt?: string | undefined;
  disabledAt?: string | undefined;
  disabledBy?: DisabledBy | undefined;
  reason?: string | undefined;
}

export interface BreakerContext extends BreakerFacts {
  policy: BreakerPolicy;
}

export type BreakerEvent =
  /** A call has succeeded. */
  | { type: 'SUCCEEDED'; at: string }
  /** One has failed. */
  | { type: 'FAILED'; at: string; error: string }
  /** It is gone for good. */
  | { type: 'GONE'; at: string; error: string }
  /** A call asks to be the one that tries what rests. */
  | { type: 'PROBE'; at: string }
  | { type: 'DISABLE'; at: string; reason?: string | undefined }
  | { type: 'ENABLE'; at: string };

type At<T extends BreakerEvent['type']> = { event: Extract<BreakerEvent, { type: T }> };

const atMs = (time: string | undefined) => Date.parse(time ?? '');
const CLEAN: BreakerFacts = {
  failures: 0,
  rests: 0,
  failingSince: undefined,
  lastFailureAt: undefined,
  error: undefined,
  openUntilMs: undefined,
  probeUntilMs: undefined,
  alertedAt: undefined,
  disabledAt: undefined,
  disabledBy: undefined,
  reason: undefined,
};

function failingMs({ failingSince }: BreakerFacts, at: string): number {
  return failingSince === undefined ? 0 : atMs(at) - atMs(failingSince);
}

const breaker = setup({
  types: {
    context: {} as BreakerContext,
    events: {} as BreakerEvent,
    input: {} as { policy?: BreakerPolicy } | undefined,
  },
  guards: {
    isHopeless: ({ context }, { event }: At<'FAILED'>) =>
      context.failures + 1 >= context.policy.disableFailures &&
      failingMs(context, event.at) >= context.policy.disableAfterMs,
    isOneTooMany: ({ context }) => context.failures + 1 >= context.policy.failures,
    isRested: ({ context }, { event }: At<'PROBE'>) => atMs(event.at) >= (context.openUntilMs ?? 0),
    isProbeLost: ({ context }, { event }: At<'PROBE'>) => atMs(event.at) >= (context.probeUntilMs ?? 0),
  },
  actions: {
    forget: assign(CLEAN as Partial<BreakerContext>),
    noteFailure: assign(({ context }, { event }: At<'FAILED'>) => ({
      failures: context.failures + 1,
      failingSince: context.failingSince ?? event.at,
      lastFailureAt: event.at,
      error: event.error,
      ...(context.alertedAt === undefined &&
        failingMs(context, event.at) >= context.policy.alertAfterMs && { alertedAt: event.at }),
    })),
    rest: assign(({ context: { rests, policy } }, { event }: At<'FAILED'>) => ({
      rests: rests + 1,
      openUntilMs: atMs(event.at) + Math.min(policy.restMs * 2 ** Math.min(rests, 30), policy.maxRestMs),
      probeUntilMs: undefined,
    })),
    noteProbe: assign(({ context }, { event }: At<'PROBE'>) => ({
      probeUntilMs: atMs(event.at) + context.policy.probeMs,
    })),
    disable: assign((_, { at, by, reason }: { at: string; by: DisabledBy; reason?: string | undefined }) => ({
      disabledAt: at,
      disabledBy: by,
      reason,
      openUntilMs: undefined,
      probeUntilMs: undefined,
    })),
  },
});

/** What a chart says of itself. */
export interface BreakerWords {
  id: string;
  description: string;
  closed: string;
  open: string;
  halfOpen: string;
  /** Absent where nothing is ever disabled. */
  disabled?: string;
}

const failed = ({ event }: { event: Extract<BreakerEvent, { type: 'FAILED' }> }) => ({ event });
const probing = ({ event }: { event: Extract<BreakerEvent, { type: 'PROBE' }> }) => ({ event });
const noteFailure = { type: 'noteFailure', params: failed } as const;
const rest = { type: 'rest', params: failed } as const;
const noteProbe = { type: 'noteProbe', params: probing } as const;

/** Whether something may be tried, by how it has fared. What the chart does is stored, and shared by all workers. */
export function breakerChart({ id, description, disabled, ...words }: BreakerWords, policy: BreakerPolicy) {
  return breaker.createMachine({
    id,
    version: '1',
    description,
    context: ({ input }) => ({ ...CLEAN, policy: input?.policy ?? policy }),
    initial: 'closed',
    ...(disabled !== undefined && {
      on: {
        GONE: {
          target: '.disabled',
          actions: {
            type: 'disable',
            params: ({ event }) => ({ at: event.at, by: 'gone' as const, reason: event.error }),
          },
        },
        DISABLE: {
          target: '.disabled',
          actions: {
            type: 'disable',
            params: ({ event }) => ({ at: event.at, by: 'user' as const, reason: event.reason }),
          },
        },
      },
    }),
    states: {
      closed: {
        description: words.closed,
        on: {
          SUCCEEDED: { actions: 'forget' },
          FAILED: [
            { guard: 'isOneTooMany', target: 'open', actions: [noteFailure, rest] },
            { actions: noteFailure },
          ],
        },
      },
      open: {
        description: words.open,
        on: {
          SUCCEEDED: { target: 'closed', actions: 'forget' },
          // Of a call that was made before.
          FAILED: { actions: noteFailure },
          PROBE: {
            guard: { type: 'isRested', params: probing },
            target: 'halfOpen',
            actions: noteProbe,
          },
        },
      },
      halfOpen: {
        description: words.halfOpen,
        on: {
          SUCCEEDED: { target: 'closed', actions: 'forget' },
          FAILED: [
            ...(disabled === undefined
              ? []
              : [
                  {
                    guard: { type: 'isHopeless', params: failed } as const,
                    target: 'disabled',
                    actions: [
                      noteFailure,
                      {
                        type: 'disable',
                        params: ({ event }: { event: Extract<BreakerEvent, { type: 'FAILED' }> }) => ({
                          at: event.at,
                          by: 'failing' as const,
                          reason: event.error,
                        }),
                      } as const,
                    ],
                  },
                ]),
            { target: 'open', actions: [noteFailure, rest] },
          ],
          PROBE: { guard: { type: 'isProbeLost', params: probing }, actions: noteProbe },
        },
      },
      ...(disabled !== undefined && {
        disabled: {
          description: disabled,
          on: { ENABLE: { target: 'closed', actions: 'forget' }, GONE: {}, DISABLE: {} },
        },
      }),
    },
  });
}

/** How something fares, as it is stored. */
export interface BreakerSnapshot extends BreakerFacts {
  state: BreakerState;
}

export const HEALTHY: BreakerSnapshot = { state: 'closed', failures: 0, rests: 0 };

/** Where an event leads; `accepted` is false where the state ignores it. */
export interface BreakerStep {
  snapshot: BreakerSnapshot;
  accepted: boolean;
}

/** Where events lead in a chart, without running anything. */
export function stepsOf(machine: ReturnType<typeof breakerChart>, usual: BreakerPolicy) {
  return (
    { state, ...facts }: BreakerSnapshot,
    event: BreakerEvent,
    policy: BreakerPolicy = usual,
  ): BreakerStep => {
    const before = machine.resolveState({ value: state, context: { ...CLEAN, ...facts, policy } });
    if (!before.can(event)) return { snapshot: { state, ...facts }, accepted: false };
    const [next] = transition(machine, before, event);
    const { policy: _, ...after } = next.context;
    return { snapshot: { state: next.value as BreakerState, ...after }, accepted: true };
  };
}

const STATES: ReadonlySet<unknown> = new Set(['closed', 'open', 'halfOpen', 'disabled']);
const decoder = new TextDecoder();

/** As it is stored. */
export function encodeBreaker(snapshot: BreakerSnapshot): string {
  return JSON.stringify({ v: 1, ...snapshot });
}

/** What cannot be read counts as healthy: the next failures tell. */
export function decodeBreaker(data: Uint8Array): BreakerSnapshot {
  try {
    const { v, ...health } = JSON.parse(decoder.decode(data)) as BreakerSnapshot & { v: number };
    const { state, failures, rests } = health;
    const isWhole = v === 1 && STATES.has(state) && Number.isInteger(failures) && Number.isInteger(rests);
    return isWhole ? health : HEALTHY;
  } catch {
    return HEALTHY;
  }
}
