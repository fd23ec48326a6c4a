import { setTimeout as delay } from 'node:timers/promises';
import {
  AckPolicy,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { BatchPublisher, type BatchSettings } from './batch-publisher.js';
import { type BenchPayload, makeJobs } from './system.js';

const WORK_STREAM = 'RAW_WORK';
const EVENT_STREAM = 'RAW_EVENTS';
const CONSUMER = 'raw';
const LOOK_EVERY_MS = 5;

export interface RawSettings extends BatchSettings {
  /** What the server may send ahead: here nothing is kept for other workers. */
  prefetch: number;
}

/** The fastest that `bench/raw-search.ts` has found (decision 37). */
export const SETTINGS: RawSettings = { batch: 2_500, inFlight: 2, prefetch: 10_000 };

/**
 * The least that any durable queue does for a job on JetStream, with nothing around it: one message stored,
 * consumed and acknowledged, and one event stored before the acknowledgement. Writes go in atomic batches, and messages
 * are removed all at once.
 */
export interface RawJetStream {
  publish(count: number): Promise<void>;
  /** Consumes, writes an event for each and acknowledges, until `count` are done. */
  process(count: number): Promise<void>;
  close(): Promise<void>;
}

export async function openRawJetStream(url: string, settings = SETTINGS): Promise<RawJetStream> {
  const connection = await connect({ servers: url, noAsyncTraces: true });
  await makeStreams(await jetstreamManager(connection));
  const work = new BatchPublisher(connection, settings);
  const events = new BatchPublisher(connection, settings);
  return {
    async publish(count) {
      await Promise.all(
        makeJobs(count).map(({ payload }) => work.publish('raw.work', JSON.stringify(payload))),
      );
    },
    process: (count) => processJobs(connection, events, settings.prefetch, count),
    close: () => connection.close(),
  };
}

async function makeStreams({ streams, consumers }: JetStreamManager): Promise<void> {
  const shared = { storage: StorageType.File, allow_atomic: true };
  await streams.add({
    ...shared,
    name: WORK_STREAM,
    subjects: ['raw.work'],
    // A work queue removes, and flushes, each acknowledged message by itself.
    retention: RetentionPolicy.Limits,
  });
  await streams.add({
    ...shared,
    name: EVENT_STREAM,
    subjects: ['raw.events'],
    retention: RetentionPolicy.Limits,
  });
  await consumers.add(WORK_STREAM, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: -1,
  });
}

async function processJobs(
  connection: NatsConnection,
  events: BatchPublisher,
  prefetch: number,
  count: number,
): Promise<void> {
  const consumer = await jetstream(connection).consumers.get(WORK_STREAM, CONSUMER);
  let left = count;
  const allDone = new Promise<void>((resolve, reject) => {
    const finish = async (message: JsMsg) => {
      const { n } = message.json<BenchPayload>();
      await events.publish('raw.events', JSON.stringify({ n, status: 'completed' }));
      message.ack();
      if (--left === 0) resolve();
    };
    consumer
      .consume({ max_messages: prefetch, callback: (message) => void finish(message).catch(reject) })
      .then((messages) => allDone.finally(() => messages.stop()))
      .catch(reject);
  });
  await allDone;
  // Acknowledgements are not answered.
  const { streams, consumers } = await jetstreamManager(connection);
  while ((await consumers.info(WORK_STREAM, CONSUMER)).num_ack_pending > 0) await delay(LOOK_EVERY_MS);
  await streams.purge(WORK_STREAM);
}
