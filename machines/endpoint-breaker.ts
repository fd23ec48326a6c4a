import { assign, setup, transition } from 'xstate';

/** When an endpoint is given a rest, and when it is disabled. Times are milliseconds. */
export interface BreakerPolicy {
  /** Failures in a row that open the breaker. */
  failures: number;
  /** The first rest; doubles with each probe that fails. */
  restMs: number;
  maxRestMs: number;
  /** How long a probe may take before another webhook probes. */
  probeMs: number;
  /** Failing for so long raises an alert. */
  alertAfterMs: number;
  /** Failing for so long disables the endpoint. */
  disableAfterMs: number;
  /** So many failures in a row are needed for that, so that one webhook which is retried for days disables nothing. */
  disableFailures: number;
}

export const DEFAULT_BREAKER_POLICY: BreakerPolicy = {
  failures: 5,
  restMs: 30_000,
  maxRestMs: 600_000,
  probeMs: 20_000,
  alertAfterMs: 12 * 3_600_000,
  disableAfterMs: 48 * 3_600_000,
  disableFailures: 20,
};

export type BreakerState = 'closed' | 'open' | 'halfOpen' | 'disabled';
/** Why an endpoint is disabled. */
export type DisabledBy = 'user' | 'gone' | 'failing';

/** What is known of an endpoint. Times are ISO 8601. */
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
  /** Until when the webhook that probes may take. */
  probeUntilMs?: number | undefined;
  /** When the alert was raised. */
  alertedAt?: string | undefined;
  disabledAt?: string | undefined;
  disabledBy?: DisabledBy | undefined;
  reason?: string | undefined;
}

interface BreakerContext extends BreakerFacts {
  policy: BreakerPolicy;
}

export type BreakerEvent =
  /** The endpoint has accepted a webhook. */
  | { type: 'DELIVERED'; at: string }
  /** It has not. */
  | { type: 'FAILED'; at: string; error: string }
  /** It has answered 410. */
  | { type: 'GONE'; at: string; error: string }
  /** A webhook asks to be the one that tries a resting endpoint. */
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

/** Whether an endpoint may be tried, by how it has fared. One chart for each endpoint; what it does is stored, and shared by all workers. */
export const endpointBreakerMachine = setup({
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
}).createMachine({
  id: 'endpoint_breaker',
  version: '1',
  description: 'Rests an endpoint of webhooks that fails, tries it again, and disables one that stays down.',
  context: ({ input }) => ({ ...CLEAN, policy: input?.policy ?? DEFAULT_BREAKER_POLICY }),
  initial: 'closed',
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
  states: {
    closed: {
      description: 'Webhooks go out.',
      on: {
        DELIVERED: { actions: 'forget' },
        FAILED: [
          {
            guard: 'isOneTooMany',
            target: 'open',
            actions: [
              { type: 'noteFailure', params: ({ event }) => ({ event }) },
              { type: 'rest', params: ({ event }) => ({ event }) },
            ],
          },
          { actions: { type: 'noteFailure', params: ({ event }) => ({ event }) } },
        ],
      },
    },
    open: {
      description: 'The endpoint rests: its webhooks wait for the end of the rest.',
      on: {
        DELIVERED: { target: 'closed', actions: 'forget' },
        // Of a webhook that went out before.
        FAILED: { actions: { type: 'noteFailure', params: ({ event }) => ({ event }) } },
        PROBE: {
          guard: { type: 'isRested', params: ({ event }) => ({ event }) },
          target: 'halfOpen',
          actions: { type: 'noteProbe', params: ({ event }) => ({ event }) },
        },
      },
    },
    halfOpen: {
      description: 'One webhook tries the endpoint.',
      on: {
        DELIVERED: { target: 'closed', actions: 'forget' },
        FAILED: [
          {
            guard: { type: 'isHopeless', params: ({ event }) => ({ event }) },
            target: 'disabled',
            actions: [
              { type: 'noteFailure', params: ({ event }) => ({ event }) },
              {
                type: 'disable',
                params: ({ event }) => ({ at: event.at, by: 'failing' as const, reason: event.error }),
              },
            ],
          },
          {
            target: 'open',
            actions: [
              { type: 'noteFailure', params: ({ event }) => ({ event }) },
              { type: 'rest', params: ({ event }) => ({ event }) },
            ],
          },
        ],
        PROBE: {
          guard: { type: 'isProbeLost', params: ({ event }) => ({ event }) },
          actions: { type: 'noteProbe', params: ({ event }) => ({ event }) },
        },
      },
    },
    disabled: {
      description:
        'Nothing goes out. Webhooks are kept, and delivered in order once the endpoint is enabled.',
      on: { ENABLE: { target: 'closed', actions: 'forget' }, GONE: {}, DISABLE: {} },
    },
  },
});

/** How an endpoint fares, as it is stored. */
export interface BreakerSnapshot extends BreakerFacts {
  state: BreakerState;
}

export const HEALTHY: BreakerSnapshot = { state: 'closed', failures: 0, rests: 0 };

/** Where an event leads, without running anything; `accepted` is false where the state ignores it. */
export function breakerAfter(
  { state, ...facts }: BreakerSnapshot,
  event: BreakerEvent,
  policy: BreakerPolicy = DEFAULT_BREAKER_POLICY,
): { snapshot: BreakerSnapshot; accepted: boolean } {
  const before = endpointBreakerMachine.resolveState({
    value: state,
    context: { ...CLEAN, ...facts, policy },
  });
  if (!before.can(event)) return { snapshot: { state, ...facts }, accepted: false };
  const [next] = transition(endpointBreakerMachine, before, event);
  const { policy: _, ...after } = next.context;
  return { snapshot: { state: next.value as BreakerState, ...after }, accepted: true };
}
