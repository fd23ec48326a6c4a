/**
 * Ways to break the product on purpose: a harness that cannot see these proves nothing. Each reaches into a worker
 * process and undoes one safeguard.
 */
import { Broker } from '../../src/broker/broker.js';
import { BrokerClock } from '../../src/broker/broker-clock.js';
import type { Delivery } from '../../src/broker/delivery.js';
import type { GpuProvider } from '../../src/gpu/index.js';
import type { JobRecord } from '../../src/index.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { Subjects } from '../../src/wire/subjects.js';
import { JobRunner } from '../../src/worker/job-runner.js';
import { withCreate } from './provider-wrap.js';

export const SABOTAGES = {
  /** Transitions are written whatever the last event is. */
  'no-cas': withoutFence,
  /** A create of unknown outcome is sent again without a look. */
  'blind-create': undefined,
  /** The message is acknowledged before the terminal record is written. */
  'early-ack': withEarlyAck,
  /** The name of an instance is not recorded before the create. */
  'no-intent': withoutIntent,
  /** Times are those of the worker's own clock. */
  'local-clock': withLocalClock,
  /** Messages of ended jobs are removed by the subject that their consumer filters on. */
  'purge-under-consumer': withPurgeUnderConsumer,
} as const;
export type Sabotage = keyof typeof SABOTAGES;

/** Each worker dies at the moment between its acknowledgement and its record, with every third job. */
const DIES_AT = 3;

/** Undoes the safeguard for this whole process. */
export function sabotage(which: Sabotage): void {
  SABOTAGES[which]?.();
}

function withoutFence(): void {
  const append = Broker.prototype.appendEvents;
  Broker.prototype.appendEvents = async function (records, _lastSeq, maybeStored) {
    for (;;) {
      const last = await this.lastEvent(records[0]?.id ?? '');
      try {
        return await append.call(this, records, last?.seq ?? 0, maybeStored);
      } catch {
        // Written over whatever somebody else wrote.
      }
    }
  };
}

function withEarlyAck(): void {
  const held = new Map<number, Delivery>();
  const take = JobRunner.prototype.process;
  let ended = 0;
  JobRunner.prototype.process = function (delivery, progress) {
    held.set(delivery.seq, delivery);
    return take.call(this, delivery, progress);
  };
  const append = Broker.prototype.appendEvents;
  Broker.prototype.appendEvents = async function (records, ...rest) {
    const record = records.at(-1) as JobRecord;
    if (isTerminal(record.status)) {
      held.get(record.workSeq ?? 0)?.ack();
      await this.flush();
      // The moment that this order makes deadly.
      if (++ended % DIES_AT === 0) process.kill(process.pid, 'SIGKILL');
    }
    return append.call(this, records, ...rest);
  };
}

function withoutIntent(): void {
  const append = Broker.prototype.appendEvents;
  Broker.prototype.appendEvents = function (records, ...rest) {
    const forgetful = records.map((record) => {
      if (record.type !== 'create_instance') return record;
      const { checkpoint: _, ...rest } = record;
      return rest as JobRecord;
    });
    return append.call(this, forgetful, ...rest);
  };
}

function withLocalClock(): void {
  BrokerClock.prototype.now = () => Date.now();
}

function withPurgeUnderConsumer(): void {
  const { consumersFor } = Subjects.prototype;
  Subjects.prototype.consumersFor = function (...names) {
    return consumersFor.apply(this, names).map((consumer) => ({ ...consumer, removal: consumer.filter }));
  };
}

/** A provider whose create is simply tried again when it fails. */
export function createBlindly(provider: GpuProvider): GpuProvider {
  return withCreate(
    provider,
    (create) => (spec, signal) => create(spec, signal).catch(() => create(spec, signal)),
  );
}
