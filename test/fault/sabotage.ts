/**
 * Ways to break the product on purpose: a harness that cannot see these proves nothing. Each undoes one safeguard, most
 * of them in the worker processes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { StateMachine } from 'xstate';
import { Broker } from '../../src/broker/broker.js';
import { BrokerClock } from '../../src/broker/connection/broker-clock.js';
import type { Delivery } from '../../src/broker/consume/delivery.js';
import { JobMessages } from '../../src/broker/publish/job-messages.js';
import { ScheduleMessages } from '../../src/broker/publish/schedule-messages.js';
import { SignalStore } from '../../src/broker/signal-store.js';
import type { Topology } from '../../src/broker/topology/topology.js';
import { type GpuProvider, ProviderError } from '../../src/gpu/index.js';
import { OwnedInstances } from '../../src/instances/owned-instances.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { RecordRemoval } from '../../src/queue/retention/record-removal.js';
import { UserCode } from '../../src/telemetry/user-code.js';
import { Subjects } from '../../src/wire/subjects.js';
import { JobIntake } from '../../src/worker/claim/job-intake.js';
import { LeaseKeeper } from '../../src/worker/lease/lease-keeper.js';
import { CancellationCheck } from '../../src/worker/run/cancellation-check.js';
import { JobRun } from '../../src/worker/run/job-run.js';
import { withCreate, withMethods } from './provider-wrap.js';

const SLOW_TIMER_MS = 1_500;

export const SABOTAGES = {
  /** Transitions are written whatever the last event is. */
  'no-cas': withoutFence,
  /** Nothing is kept of the ticks of a schedule. */
  'forgotten-ticks': withoutTickNotes,
  /** A create of unknown outcome is sent again without a look. */
  'blind-create': inProvider,
  /** The message is acknowledged before the terminal record is written. */
  'early-ack': withEarlyAck,
  /** The name of an instance is not recorded before the create. */
  'no-intent': withoutIntent,
  /** Times are those of the worker's own clock. */
  'local-clock': withLocalClock,
  /** Messages of ended jobs are removed by the subject that their consumer filters on. */
  'purge-under-consumer': withPurgeUnderConsumer,
  /** A notice that a job was cancelled is believed as it comes. */
  'believed-notice': withBelievedNotices,
  /** A cleanup removes whatever a job has, also what came after its end. */
  'unfenced-cleanup': inHarness,
  /** A cleanup leaves the messages of the jobs whose records it removes. */
  'bare-cleanup': withBareCleanup,
  /** An instance is gone when one answer says so. */
  'one-look': withOneLook,
  /** What a user's callback throws goes on its way. */
  'bare-callbacks': withBareCallbacks,
  /** A timer fires at once, so that its job sets it again and again. */
  'timer-flood': withTimerFlood,
  /** A worker does not say that it still runs its jobs. */
  'no-heartbeat': withoutHeartbeat,
  /** Nobody looks whether what a job waits for came while its wait began. */
  'no-second-look': withoutSecondLook,
  /** A job stops and deletes any instance that it names. */
  'unowned-delete': inProvider,
  /** A create of unknown outcome counts as refused, so that the next provider is asked. */
  'next-at-doubt': inProvider,
  /** One provider alone is asked for what it has. */
  'one-provider': inProvider,
  /** A watch believes a single answer that its instance is gone. */
  'believed-event': inProvider,
} as const;
export type Sabotage = keyof typeof SABOTAGES;

/** Undoes the safeguard for this whole process. */
export function sabotage(which: Sabotage): void {
  SABOTAGES[which]();
}

/** Undoes those that stand around a provider, for one worker. @param place of the provider among those of the worker */
export function sabotageProvider(which: Sabotage, provider: GpuProvider, place: number): GpuProvider {
  switch (which) {
    case 'unowned-delete':
      touchAnything(provider);
      return provider;
    case 'believed-event':
      believeAnything(provider);
      return provider;
    case 'blind-create':
      return createBlindly(provider);
    case 'next-at-doubt':
      return refusedAtDoubt(provider);
    case 'one-provider':
      return place === 0 ? provider : withMethods(provider, { listOffers: async () => [] });
    default:
      return provider;
  }
}

/** Undoes those of calls that the harness makes itself. */
export function sabotageObserver(which: Sabotage, { topology }: Broker): void {
  if (which === 'unfenced-cleanup') withoutBound(topology);
}

/** See {@link sabotageProvider}. */
function inProvider(): void {}

/** See {@link sabotageObserver}. */
function inHarness(): void {}

function withoutFence(): void {
  const append = Broker.prototype.appendEvent;
  Broker.prototype.appendEvent = async function (record, _lastSeq, maybeStored) {
    for (;;) {
      const last = await this.lastEvent(record.id);
      try {
        return await append.call(this, record, last?.seq ?? 0, maybeStored);
      } catch {
        // Written over whatever somebody else wrote.
      }
    }
  };
}

function withoutTickNotes(): void {
  ScheduleMessages.prototype.putTicks = async () => {};
}

function withEarlyAck(): void {
  const held = new Map<number, Delivery>();
  const take = JobIntake.prototype.take;
  JobIntake.prototype.take = function (delivery, slot) {
    held.set(delivery.seq, delivery);
    return take.call(this, delivery, slot);
  };
  const append = Broker.prototype.appendEvent;
  Broker.prototype.appendEvent = async function (record, ...rest) {
    if (isTerminal(record.status)) {
      held.get(record.workSeq ?? 0)?.ack();
      await this.flush();
      // The moment that this order makes deadly.
      process.kill(process.pid, 'SIGKILL');
    }
    return append.call(this, record, ...rest);
  };
}

function withoutIntent(): void {
  const append = Broker.prototype.appendEvent;
  Broker.prototype.appendEvent = function (record, ...rest) {
    if (record.type !== 'create_instance') return append.call(this, record, ...rest);
    const { checkpoint: _, ...forgetful } = record;
    return append.call(this, forgetful, ...rest);
  };
}

function withLocalClock(): void {
  BrokerClock.prototype.now = () => Date.now();
}

function withoutHeartbeat(): void {
  LeaseKeeper.prototype.add = () => {};
}

function withoutSecondLook(): void {
  const { setTimer } = JobMessages.prototype;
  JobMessages.prototype.setTimer = async function (...args) {
    await delay(SLOW_TIMER_MS);
    return setTimer.apply(this, args);
  };
  SignalStore.prototype.lastSignal = async () => 0;
}

function withPurgeUnderConsumer(): void {
  const { consumerFor } = Subjects.prototype;
  Subjects.prototype.consumerFor = function (...names) {
    const consumer = consumerFor.apply(this, names);
    return { ...consumer, removal: consumer.filter };
  };
}

function withBelievedNotices(): void {
  const runs = new Map<string, JobRun>();
  const { begin } = JobRun.prototype;
  JobRun.prototype.begin = function () {
    runs.set(this.record.id, this);
    begin.call(this);
  };
  CancellationCheck.prototype.heard = (id) => runs.get(id)?.cancelled(Number.MAX_SAFE_INTEGER);
}

function withBareCleanup(): void {
  const { remove } = RecordRemoval.prototype;
  RecordRemoval.prototype.remove = function (jobs) {
    return remove.call(
      this,
      // Nor does it wait with what was cancelled.
      jobs.map((job) => ({ ...job, carriers: [], record: { ...job.record, state: 'exhausted' } })),
    );
  };
}

function withOneLook(): void {
  const provenGone = (
    _: unknown,
    { check, found }: { check?: { status: string } | null; found?: unknown[] },
  ) => (found ? found.length === 0 : !check || check.status === 'terminated');
  withGuard('provenGone', provenGone);
}

/** Has all charts that are made from here on decide otherwise. */
function withGuard(name: string, guard: (context: never, params: never) => boolean): void {
  const { provide } = StateMachine.prototype;
  StateMachine.prototype.provide = function (implementations) {
    const isAsked = name in this.implementations.guards;
    const guards = { ...implementations.guards, ...(isAsked && { [name]: guard }) };
    return provide.call(this, { ...implementations, guards } as typeof implementations);
  };
}

function withBareCallbacks(): void {
  UserCode.prototype.run = (_, callback) => {
    setImmediate(callback);
  };
}

function withTimerFlood(): void {
  const { setTimer } = JobMessages.prototype;
  JobMessages.prototype.setTimer = function (kind, job) {
    return setTimer.call(this, kind, job, Date.now());
  };
}

function touchAnything(provider: GpuProvider): void {
  OwnedInstances.prototype.delete = async ({ signal }, ids) => {
    for (const id of ids) await provider.delete(id, signal);
  };
  OwnedInstances.prototype.order = async ({ signal }, id, order) => provider[order]?.(id, signal);
}

/** How long a cleanup waits for the moment in which it does harm: its job lives again. */
const LIVES_WITHIN_MS = 5_000;

function withoutBound(topology: Topology): void {
  const purge = topology.purge.bind(topology);
  topology.purge = async (kind, filter, upTo) => {
    if (kind !== 'events' || upTo === undefined) return purge(kind, filter, upTo);
    const end = Date.now() + LIVES_WITHIN_MS;
    while (Date.now() < end && (await topology.lastSequence(kind, filter)) <= upTo) await delay(20);
    return purge(kind, filter);
  };
}

/** A provider whose create is simply tried again when it fails. */
function createBlindly(provider: GpuProvider): GpuProvider {
  return withCreate(
    provider,
    (create) => (spec, signal) => create(spec, signal).catch(() => create(spec, signal)),
  );
}

function refusedAtDoubt(provider: GpuProvider): GpuProvider {
  return withCreate(provider, (create) => async (spec, signal) => {
    try {
      return await create(spec, signal);
    } catch (error) {
      const isUnclear = error instanceof ProviderError && error.class === 'ambiguous';
      throw isUnclear ? new ProviderError('capacity', error.message) : error;
    }
  });
}

/** What a read by its id does not show is gone, for watches and for the migrations that follow. */
function believeAnything(provider: GpuProvider): void {
  OwnedInstances.prototype.read = (job, id) => provider.get(id, job.signal);
  withGuard('isProvenEvent', (_: unknown, { read }: { read: unknown }) => read === null);
}
