/** What the charts of `auto_stop` and `extend_lease` call: signals, and the record of the job that keeps a lease. */

import type { AnyActorLogic } from 'xstate';
import {
  autoStopMachine,
  extendLeaseMachine,
  type KeepLeaseSettings,
  keepLeaseChart,
  type LeaseNews,
} from '../../machines/index.js';
import type { Broker } from '../broker/broker.js';
import { defined } from '../jobs/defined.js';
import { isTime } from '../jobs/guards.js';
import { isJobId } from '../jobs/job-id.js';
import { readSignal } from '../jobs/signals.js';
import { textField } from '../jobs/text-field.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { findJob } from '../queue/job-lookup.js';
import { checkSignal, sendSignal } from '../queue/waiting/send-signal.js';
import { MAX_SIGNALS_OF_A_NAME } from '../wire/signal-subjects.js';
import type { JobContext } from '../worker/job-handler.js';
import { hasCome } from './heard-signals.js';
import type { CallActor } from './job-calls.js';
import { autoStop, LEASE, USED } from './lifecycle-jobs.js';
import type { OwnedInstances } from './owned-instances.js';
import type { ExtendLeasePayload } from './schemas.js';

interface Said {
  atMs: number;
  value: string | undefined;
  seq: number;
}

/** Signals of a name as texts of a field, oldest first; those that cannot be read are left out. */
async function said(broker: Broker, jobId: string, name: string, field: string): Promise<Said[]> {
  const stored = await broker.signals.signalsOf({ jobId, name });
  return Promise.all(
    stored.map(async ({ data, seq, timeMs }) => {
      const read = readSignal(data);
      const opened = read && (await broker.sealer.open(read.data, { type: '', field: 'signal' }));
      const text = textField(opened, field);
      return { atMs: timeMs, value: isTime(text) ? text : undefined, seq };
    }),
  );
}

/** Until which signals a run has read: they are removed once that is written. */
const readUpTo = new WeakMap<JobContext, number>();

async function readNews(job: JobContext, broker: Broker): Promise<LeaseNews> {
  const used = await said(broker, job.id, USED, 'at');
  const leases = await said(broker, job.id, LEASE, 'until');
  readUpTo.set(job, Math.max(0, ...[...used, ...leases].map(({ seq }) => seq)));
  const uses = used.map(({ value, atMs }) => (value === undefined ? atMs : Date.parse(value)));
  // The stream takes no more: whoever used it since then was refused.
  if (used.length >= MAX_SIGNALS_OF_A_NAME) uses.push(broker.clock.now());
  const usedAt = uses.length === 0 ? undefined : new Date(Math.max(...uses)).toISOString();
  const until = leases.flatMap(({ value }) => value ?? []).at(-1);
  return defined({ usedAt, until });
}

/** Has an instance stopped or deleted that is idle, or whose lease is over. */
export function autoStopRun(
  actor: CallActor,
  instances: OwnedInstances,
  broker: () => Promise<Broker>,
): AnyActorLogic {
  return autoStopMachine.provide({
    actors: {
      readNews: actor(async (job) => readNews(job, await broker())),
      keepNews: actor(async (job, { checkpoint }) => {
        const upTo = readUpTo.get(job) ?? 0;
        if (upTo > 0) {
          await job.saveCheckpoint(checkpoint);
          await (await broker()).signals.forget(job.id, upTo);
        }
        return { hasMore: await hasCome(job, LEASE) };
      }),
      readInstance: actor(async (job, { novitaInstanceId: id }) => {
        const instance = await instances.read(job, id, true);
        return instance && { status: instance.status };
      }),
    },
  });
}

/** Moves the end of a lease. */
export function extendLeaseRun(actor: CallActor, broker: () => Promise<Broker>): AnyActorLogic {
  return extendLeaseMachine.provide({
    actors: {
      findLease: actor(async (job) => findLease(await broker(), job.payload as ExtendLeasePayload)),
      keepLease: actor((job, { checkpoint }) => job.saveCheckpoint(checkpoint)),
      sendLease: actor(async (job, { lease }) => {
        const { autoStopJobId = '', until } = lease ?? {};
        const signal = checkSignal(autoStopJobId, LEASE, { until }, { key: job.id });
        await sendSignal(await broker(), signal);
      }),
    },
  });
}

async function findLease(broker: Broker, payload: ExtendLeasePayload) {
  const { novitaInstanceId, byMs = 0, autoStopJobId = await keeperOf(broker, novitaInstanceId) } = payload;
  const keeper = isJobId(autoStopJobId) ? await findJob(broker, autoStopJobId as string) : undefined;
  const isIts = textField(keeper?.payload, 'novitaInstanceId') === novitaInstanceId;
  if (!keeper || keeper.type !== autoStop.type || isTerminal(keeper.status) || !isIts) return null;
  const { id } = keeper;
  if (payload.until !== undefined) return { autoStopJobId: id, until: payload.until };
  const unread = (await said(broker, id, LEASE, 'until')).flatMap(({ value }) => value ?? []).at(-1);
  const end = unread ?? textField(keeper.checkpoint, 'until') ?? textField(keeper.payload, 'until');
  const now = broker.clock.now();
  const endMs = Date.parse(end ?? '');
  const fromMs = Number.isNaN(endMs) ? now : Math.max(endMs, now);
  return { autoStopJobId: id, until: new Date(fromMs + byMs).toISOString() };
}

/** The job that `queue.instances.autoStop` has added for an instance: it has the key of the instance. */
async function keeperOf(broker: Broker, novitaInstanceId: string): Promise<string | undefined> {
  const { claim } = await broker.unique.read(autoStop.type, { key: novitaInstanceId, scope: 'active' });
  return claim?.id;
}

/** Renews the lease of an instance, by the records of its runs, until the instance is gone. */
export function keepLeaseRun(
  actor: CallActor,
  instances: OwnedInstances,
  settings: KeepLeaseSettings,
): AnyActorLogic {
  return keepLeaseChart(settings).provide({
    actors: {
      readInstance: actor(async (job, { novitaInstanceId: id }) => {
        const [instance] = await instances.find(job, { ids: [id] });
        return instance ? { status: instance.status } : null;
      }),
    },
  });
}
