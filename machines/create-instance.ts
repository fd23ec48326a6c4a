import { assign, setup } from 'xstate';
import type { CreateInstancePayload } from '../src/instances/schemas.js';
import { JetfleetError } from '../src/jobs/errors.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import {
  type CreateInstanceContext,
  contextOf,
  type FoundInstance,
  isOver,
  lastingRefusal,
  noCapacity,
  type Offer,
  offersAfter,
  outcomeOf,
  overdue,
  passedOverMs,
  type RefusedOffer,
  turnInMsOf,
} from './create-instance-context.js';
import { notProvided, type RunInput, type Thrown, thrown } from './run-input.js';

export interface CreateInstanceSettings {
  /** Pause before a name is looked up again while an earlier create may still show. Defaults to 2000 ms. */
  settleDelayMs?: number;
  /** How many look-ups must find nothing before another create is safe. Defaults to 5. */
  maxLookUps?: number;
  /** How many creates one attempt may send while their outcomes stay unknown. Defaults to 3. */
  maxCreates?: number;
  /** How often a job asks again that waits for capacity. Defaults to 30,000 ms. */
  capacityPollMs?: number;
}

/** The defaults of {@link CreateInstanceSettings}. */
export const DEFAULT_SETTLE_DELAY_MS = 2_000;
export const MAX_LOOK_UPS = 5;
export const DEFAULT_CAPACITY_POLL_MS = 30_000;

/** After these the name may belong to an instance: a conflict is how a provider refuses one that is taken. */
const UNCLEAR_CODES: readonly string[] = ['JETFLEET_PROVIDER_AMBIGUOUS', 'JETFLEET_PROVIDER_CONFLICT'];

type Found = { found: FoundInstance[] };
type Offers = { offers: Offer[] };

const offered = ({ event }: { event: { output: Offer[] } }): Offers => ({ offers: event.output });
const looked = ({ event }: { event: { output: FoundInstance[] } }): Found => ({ found: event.output });
const saveOffers = { type: 'saveOffers', params: offered } as const;
const saveFound = { type: 'saveFound', params: looked } as const;
const wait = {
  guard: { type: 'comesLater', params: thrown },
  target: 'waitingForTurn',
  actions: { type: 'saveWait', params: thrown },
} as const;
const fail = { target: 'failed', actions: { type: 'saveError', params: thrown } } as const;

/**
 * Rents exactly one instance. The provider knows no idempotency key, so the name that the job derives is the only
 * identity that survives a crash: it is recorded before the first create, and looked up before any other.
 */
export function createInstanceChart(settings: CreateInstanceSettings = {}) {
  const { settleDelayMs = DEFAULT_SETTLE_DELAY_MS, maxLookUps = MAX_LOOK_UPS, maxCreates = 3 } = settings;
  const { capacityPollMs = DEFAULT_CAPACITY_POLL_MS } = settings;
  return setup({
    types: {
      context: {} as CreateInstanceContext,
      input: {} as RunInput<CreateInstancePayload>,
      output: {} as JobOutcome,
    },
    actors: {
      resolveOffers: notProvided<Offer[], { jobId: string; payload: CreateInstancePayload }>(),
      recordIntent: notProvided<{ instanceName: string }, { jobId: string }>(),
      findInstances: notProvided<FoundInstance[], { jobId: string; instanceName: string }>(),
      createInstance: notProvided<
        { providerInstanceId: string },
        { jobId: string; instanceName: string; offer: Offer; refused: RefusedOffer[]; isLast: boolean }
      >(),
    },
    guards: {
      isOver: ({ context }) => isOver(context),
      hasIntent: ({ context }) => context.instanceName !== '',
      hasOffersAndIntent: ({ context }, { offers }: Offers) =>
        offers.length > 0 && context.instanceName !== '',
      hasOffers: (_, { offers }: Offers) => offers.length > 0,
      foundSome: (_, { found }: Found) => found.length > 0,
      mayStillShow: ({ context }) => context.outcomeUnknown && context.lookUps + 1 < maxLookUps,
      mayHaveRented: ({ context }) => context.outcomeUnknown,
      createdTooOften: ({ context }) => context.unknownCreates >= maxCreates,
      needsOffers: ({ context }) => context.offers === undefined,
      // What is no error of ours came from below the adapter, after the request may have left.
      isAmbiguous: (_, { error }: Thrown) => !JetfleetError.is(error) || UNCLEAR_CODES.includes(error.code),
      comesLater: (_, { error }: Thrown) => turnInMsOf(error) !== undefined,
      isLeftToWait: ({ context }, { error }: Thrown) =>
        passedOverMs(context, toJobError(error)) !== undefined,
      canTryNextOffer: ({ context }, { error }: Thrown) =>
        JetfleetError.is(error) && (offersAfter(context, error.code)?.length ?? 0) > 0,
    },
    actions: {
      saveOffers: assign((_, { offers }: Offers) => ({ offers })),
      saveIntent: assign((_, params: { instanceName: string }) => ({ instanceName: params.instanceName })),
      saveFound: assign((_, { found }: Found) => ({
        found: found.map(({ id }) => id),
        error: undefined,
      })),
      saveCreated: assign((_, params: { providerInstanceId: string }) => ({
        created: params.providerInstanceId,
        error: undefined,
      })),
      countLookUp: assign(({ context }) => ({ lookUps: context.lookUps + 1 })),
      nextOffer: assign(({ context }, { error }: Thrown) => {
        const info = toJobError(error);
        const turnInMs = turnInMsOf(error);
        const refused = { offer: context.offers?.[0] as Offer, error: info, turnInMs };
        return { offers: offersAfter(context, info.code) ?? [], refused: [...context.refused, refused] };
      }),
      noteUnknownOutcome: assign(({ context }, { error }: Thrown) => ({
        outcomeUnknown: true,
        unknownCreates: context.unknownCreates + 1,
        lookUps: 0,
        error: toJobError(error),
      })),
      saveWait: assign(({ context }, { error }: Thrown) => ({
        waitMs: turnInMsOf(error) ?? passedOverMs(context, toJobError(error)) ?? 0,
      })),
      saveOverdue: assign(({ context }) => ({ error: overdue(context.input) })),
      saveNoCapacity: assign(({ context }) => ({ error: noCapacity(context.input.payload) })),
      // What may be rented is not given up for a refusal to read: the attempts that are left ask again.
      saveUnreadable: assign((_, { error }: Thrown) => ({
        error: { ...toJobError(error), retryable: true },
      })),
      saveRefusal: assign(({ context }, { error }: Thrown) => ({
        error: lastingRefusal(context, error),
      })),
      saveError: assign((_, { error }: Thrown) => ({ error: toJobError(error) })),
    },
    delays: { settleDelay: settleDelayMs },
  }).createMachine({
    id: 'create_instance',
    version: '1',
    description: 'Rents exactly one instance, whatever crashes or times out.',
    context: ({ input }) => contextOf(input, capacityPollMs),
    initial: 'deciding',
    output: ({ context }) => outcomeOf(context),
    states: {
      deciding: {
        description: 'Whether an earlier attempt may have rented the instance already.',
        always: [
          { guard: 'isOver', target: 'failed', actions: 'saveOverdue' },
          { guard: 'hasIntent', target: 'lookingUp' },
          { target: 'resolvingOffers' },
        ],
      },
      resolvingOffers: {
        description: 'Finds what can be rented, in the order of the policy; what refused lately comes last.',
        invoke: {
          src: 'resolveOffers',
          input: ({ context: { input } }) => ({ jobId: input.jobId, payload: input.payload }),
          onDone: [
            {
              guard: { type: 'hasOffersAndIntent', params: offered },
              target: 'creating',
              actions: saveOffers,
            },
            { guard: { type: 'hasOffers', params: offered }, target: 'recordingIntent', actions: saveOffers },
            { target: 'failed', actions: 'saveNoCapacity' },
          ],
          onError: [wait, fail],
        },
      },
      recordingIntent: {
        description: 'Makes the name of the instance durable before anything is rented under it.',
        invoke: {
          src: 'recordIntent',
          input: ({ context }) => ({ jobId: context.input.jobId }),
          onDone: {
            target: 'lookingUp',
            actions: {
              type: 'saveIntent',
              params: ({ event }) => ({ instanceName: event.output.instanceName }),
            },
          },
          onError: fail,
        },
      },
      lookingUp: {
        description: 'Asks the provider for instances of the recorded name, to adopt what exists.',
        invoke: {
          src: 'findInstances',
          input: ({ context }) => ({ jobId: context.input.jobId, instanceName: context.instanceName }),
          onDone: [
            { guard: { type: 'foundSome', params: looked }, target: 'completed', actions: saveFound },
            { guard: 'mayStillShow', target: 'settling', actions: 'countLookUp' },
            { guard: 'createdTooOften', target: 'failed' },
            { guard: 'needsOffers', target: 'resolvingOffers' },
            { target: 'creating' },
          ],
          onError: [
            wait,
            {
              guard: 'mayHaveRented',
              target: 'failed',
              actions: { type: 'saveUnreadable', params: thrown },
            },
            fail,
          ],
        },
      },
      settling: {
        description: 'Gives an instance of unknown outcome time to show before the next look-up.',
        after: { settleDelay: 'lookingUp' },
      },
      creating: {
        description: 'Rents the instance: the only state that spends money.',
        invoke: {
          src: 'createInstance',
          input: ({ context }) => ({
            jobId: context.input.jobId,
            instanceName: context.instanceName,
            offer: context.offers?.[0] as Offer,
            refused: context.refused,
            isLast: (offersAfter(context, 'JETFLEET_PROVIDER_RATE_LIMITED') ?? []).length === 0,
          }),
          onDone: {
            target: 'completed',
            actions: {
              type: 'saveCreated',
              params: ({ event }) => ({ providerInstanceId: event.output.providerInstanceId }),
            },
          },
          onError: [
            {
              guard: { type: 'canTryNextOffer', params: thrown },
              target: 'creating',
              reenter: true,
              actions: { type: 'nextOffer', params: thrown },
            },
            wait,
            {
              guard: { type: 'isAmbiguous', params: thrown },
              target: 'settling',
              actions: { type: 'noteUnknownOutcome', params: thrown },
            },
            { ...wait, guard: { type: 'isLeftToWait', params: thrown } },
            { target: 'failed', actions: { type: 'saveRefusal', params: thrown } },
          ],
        },
      },
      waitingForTurn: {
        type: 'final',
        description: 'Nothing was sent: the job hibernates until its turn among the calls of the account.',
      },
      completed: {
        type: 'final',
        description:
          'One instance is rented, and its monitor job follows; others of its name are deleted by jobs.',
      },
      failed: {
        type: 'final',
        description:
          'Nothing was rented as far as is known; once the job has failed, its name is looked up to delete.',
      },
    },
  });
}

/** The chart of `create_instance` with its default settings. */
export const createInstanceMachine = createInstanceChart();
