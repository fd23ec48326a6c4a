import type { AnyActorLogic } from 'xstate';
import {
  type CreateInstanceSettings,
  createInstanceChart,
  DEFAULT_SETTLE_DELAY_MS,
  MAX_LOOK_UPS,
  type RefusedOffer,
} from '../../machines/index.js';
import { carrying, TurnComesLater } from '../gpu/api/call-turns.js';
import { instanceNameFor } from '../gpu/instance-name.js';
import type { GpuProvider, Instance, Offer, Template } from '../gpu/provider.js';
import { ProviderError } from '../gpu/provider-error.js';
import { defined } from '../jobs/defined.js';
import { BrokerError } from '../jobs/errors.js';
import { beginningOf } from '../jobs/excerpt.js';
import type { RateTurns } from '../queue/limits/rate-turns.js';
import type { WorkerHost } from '../worker/extension.js';
import type { JobContext } from '../worker/job-handler.js';
import { type AnnouncedCreate, announcedCreate, announcedIn, announcedWith } from './announced-creates.js';
import { CreateGate, type KeptTurn, keptTurnIn } from './create-gate.js';
import type { CallActor } from './job-calls.js';
import { type LeaseOptions, leasedTemplate } from './leased-template.js';
import type { OfferHistory, Refusal } from './offer-history.js';
import type { OfferPolls } from './offer-polls.js';
import { type PlacedOffer, placedOffers } from './placement.js';
import type { ProviderHealth } from './provider-health.js';
import type { RentalLimit } from './rental-limit.js';
import type { CreateInstancePayload } from './schemas.js';
import { lookUp, sentBefore } from './sent-to.js';

export interface CreateInstanceServices extends CreateInstanceSettings {
  provider: GpuProvider;
  /** The parts of `provider` where it is a combined one. Defaults to itself. */
  parts?: readonly GpuProvider[];
  /** What became of offers in the fleet. */
  history: OfferHistory;
  /** The clock of the queue: other workers count by it. Defaults to that of the process. */
  now?: () => Promise<number>;
  /** Part of the instances' names, so that two namespaces on one account never adopt each other's. */
  namespace: string;
  /** Refuses a URL that webhooks of this worker may not go to. */
  checkWebhookUrl: WorkerHost['checkWebhookUrl'];
  /** Defaults to none: any number may be rented. */
  limit?: RentalLimit;
  /** How the providers fare. Defaults to all well. */
  health?: ProviderHealth;
  /** The polls of jobs that wait for capacity. Defaults to one for each job. */
  polls?: OfferPolls;
  /** Where creates take turns. Defaults to nowhere: each is sent at once. */
  turns?: RateTurns;
  /** Where instances ask for their lease. Defaults to none. */
  lease?: LeaseOptions;
}

const MAX_FENCES = 3;
/** However short the look-ups are set: no broker answers faster than this on every machine. */
const MIN_FENCE_MS = 250;

/** Rents exactly one instance; the chart decides, this does the calls. */
export function createInstanceRun(actor: CallActor, options: CreateInstanceServices): AnyActorLogic {
  const { provider, parts = [provider], history, health, namespace, ...given } = options;
  const { checkWebhookUrl, limit, lease, turns, polls, ...more } = given;
  const { now = async () => Date.now(), ...settings } = more;
  const { settleDelayMs = DEFAULT_SETTLE_DELAY_MS, maxLookUps = MAX_LOOK_UPS } = settings;
  // Half of what another worker waits for this create to show: the other half is the provider's.
  const freshMs = Math.max((settleDelayMs * maxLookUps) / 2, MIN_FENCE_MS);
  const templates = new WeakMap<JobContext, Map<string, Template>>();
  const templateOf = async (job: JobContext, from: GpuProvider): Promise<Template> => {
    const { templateId, templateIds = {} } = job.payload as CreateInstancePayload;
    const known = templates.get(job) ?? new Map<string, Template>();
    templates.set(job, known);
    const read = known.get(from.name);
    if (read) return read;
    const own = await from.getTemplate(templateIds[from.name] ?? templateId, job.signal);
    const template = leasedTemplate(job, own, from, lease);
    known.set(from.name, template);
    return template;
  };
  const partOf = (offer: Offer) => parts.find(({ name }) => name === offer.provider) ?? provider;
  return createInstanceChart(settings).provide({
    actors: {
      resolveOffers: actor(async (job, { payload }) => {
        const url = payload.webhookUrl ?? job.record.webhookUrl;
        if (url !== undefined) await checkWebhookUrl(url, job.signal);
        const onUnasked = (error: unknown) => void unasked.set(job, error);
        return placedOffers(job, payload, {
          providers: parts,
          templateOf,
          history,
          health,
          polls,
          onUnasked,
        });
      }),
      recordIntent: actor(async (job) => {
        const instanceName = instanceNameFor(job.record, namespace);
        await job.saveCheckpoint({ instanceName, creates: 'none' });
        return { instanceName };
      }),
      findInstances: actor((job, { instanceName }) => findEverywhere(job, instanceName, parts)),
      createInstance: actor(async (job, { instanceName, offer: chosen, refused, isLast }) => {
        const offer = chosen as PlacedOffer;
        const { name } = partOf(offer);
        const admission = await health?.admits(name, offer.region);
        if (admission && !admission.isAllowed) {
          throw new TurnComesLater(`${name} ${offer.region} does not answer now`, admission.inMs, 'capacity');
        }
        const { gpuNum, rootfsSize } = job.payload as CreateInstancePayload;
        const template = await templateOf(job, partOf(offer));
        const spec = { name: instanceName, offer, template, gpuNum, rootfsSize };
        const refusals = noteRefused(job, refused);
        const kept = keptTurnIn(job.checkpoint);
        const earlier = unclearIn(job.checkpoint, refused);
        const announced = async () => {
          const sentAt = new Date(await now()).toISOString();
          return {
            instanceName,
            region: offer.region,
            productId: offer.productId,
            offer: offer.key,
            sentAt,
            // What its entry in the ledger is made of, by whichever worker finds the instance.
            sent: announcedWith(earlier, announcedCreate(partOf(offer), offer, sentAt)),
            sentTo: noteSent(job, partOf(offer).name, parts),
            ...(refusals.length > 0 && { refusals }),
          };
        };
        if (limit) {
          await job.saveCheckpoint(await announced());
          await limit.admit(instanceName, gpuNum, job.signal);
        }
        const fenced = async () => fence(job, await announced(), freshMs);
        await fenced();
        const gate = turns && new CreateGate({ turns, provider: name, kept, isLast, now, afterWait: fenced });
        try {
          return await partOf(offer).create(spec, carrying(AbortSignal.any([job.signal]), gate));
        } catch (error) {
          if (error instanceof TurnComesLater && gate?.later) {
            await keepTurn(job, gate.later.turn);
            error.turnInMs = gate.later.parkForMs;
          } else if (error instanceof ProviderError && error.class === 'capacity') {
            if (waits(job)) await keepTurn(job, undefined);
            // Where this offer was the last one, the job fails by what may have capacity still.
            else if (unasked.has(job)) Object.assign(error, { unasked: unasked.get(job) });
          }
          job.log(`${offer.key} refused: ${error instanceof Error ? error.message : error}`);
          throw error;
        }
      }),
    },
  });
}

/** The creates before this one that may have rented something: one that was refused has not. */
function unclearIn(checkpoint: unknown, refused: readonly RefusedOffer[]): AnnouncedCreate[] {
  const creates = announcedIn(checkpoint);
  const last = creates.at(-1);
  const refusal = refused.at(-1);
  const isRefused =
    refusal !== undefined &&
    refusal.turnInMs === undefined &&
    refusal.offer.region === last?.region &&
    refusal.offer.productId === last.productId &&
    (refusal.offer.provider ?? last.provider) === last.provider;
  return isRefused ? creates.slice(0, -1) : creates;
}

/** A job that waits for the turn of its create has announced none, and what became of all before is known. */
async function keepTurn(job: JobContext, turn: KeptTurn | undefined): Promise<void> {
  const { productId: _, region: __, sent: ___, ...checkpoint } = job.checkpoint as Record<string, unknown>;
  await job.saveCheckpoint({ ...checkpoint, creates: 'known', ...defined({ turn }) });
}

/** Whether the job waits for capacity: what became of its creates is known then as well. */
function waits(job: JobContext): boolean {
  return (job.payload as CreateInstancePayload).waitForCapacityUntil !== undefined;
}

/** Why some of the providers of a job, or their regions, were not asked in this run. */
const unasked = new WeakMap<JobContext, unknown>();

/** Most refusals that a checkpoint keeps. */
const MAX_REFUSALS = 50;
const MAX_MESSAGE_LENGTH = 300;

/** What refused a job before this run, and each that refused it in this run. */
const refusalsOf = new WeakMap<JobContext, { before: Refusal[]; now: Refusal[] }>();

/**
 * What refused the job so far, the latest last, for its record and for other workers. The create that follows a refusal comes at once, so that
 * its time is that of the refusal; it stays what it was noted as first.
 */
function noteRefused(job: JobContext, refused: readonly RefusedOffer[]): Refusal[] {
  const known = refusalsOf.get(job) ?? { before: refusedBefore(job.checkpoint), now: [] };
  refusalsOf.set(job, known);
  const at = new Date().toISOString();
  for (const { offer, error, turnInMs } of refused.slice(known.now.length)) {
    const message = beginningOf(error.message, MAX_MESSAGE_LENGTH);
    // Nothing was asked, so that nothing is known of the offer.
    const code = turnInMs === undefined ? error.code : 'JETFLEET_PROVIDER_RATE_LIMITED';
    known.now.push({ offer: offer.key ?? '', at, code, message });
  }
  return [...known.before, ...known.now].slice(-MAX_REFUSALS);
}

function refusedBefore(checkpoint: unknown): Refusal[] {
  const { refusals } = (checkpoint ?? {}) as { refusals?: unknown };
  return Array.isArray(refusals) ? refusals : [];
}

/** The providers to which creates of a job were sent in this run. */
const sent = new WeakMap<JobContext, Set<string>>();

function noteSent(job: JobContext, provider: string, parts: readonly GpuProvider[]): string[] {
  const before = () => sentBefore(job.checkpoint) ?? parts.map(({ name }) => name);
  const names = sent.get(job) ?? new Set(before());
  sent.set(job, names.add(provider));
  return [...names];
}

/**
 * Every instance of the name at every provider. One that cannot be asked fails the search where a create may have been sent to it;
 * any other has rented nothing under this name.
 * @throws ProviderError `transient` too where one of those that were asked is none of this worker
 */
async function findEverywhere(
  job: JobContext,
  name: string,
  parts: readonly GpuProvider[],
): Promise<Instance[]> {
  const asked = sent.get(job) ?? sentBefore(job.checkpoint);
  const { found, failures } = await lookUp(name, parts, asked && [...asked], job.signal);
  if (failures.length > 0) throw failures[0];
  return found;
}

/**
 * A worker that stood still until another one took the job over is refused here, before it pays. That holds for the
 * moment of the write, so one that was answered late, by a slow broker or to a process that stood still, is repeated.
 * @throws BrokerError `JETFLEET_PUBLISH_TIMEOUT` when no answer is fresh; nothing was rented then
 */
async function fence(job: JobContext, checkpoint: unknown, freshMs: number): Promise<void> {
  for (let tries = 0; tries < MAX_FENCES; tries++) {
    const sentAt = performance.now();
    await job.saveCheckpoint(checkpoint);
    if (performance.now() - sentAt <= freshMs) return;
  }
  throw new BrokerError(
    'JETFLEET_PUBLISH_TIMEOUT',
    `the broker confirmed none of ${MAX_FENCES} writes of job ${job.id} within ${freshMs} ms; nothing is rented on a claim that may be lost`,
    { retryable: true },
  );
}
