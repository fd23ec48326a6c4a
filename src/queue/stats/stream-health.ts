import type { Broker } from '../../broker/broker.js';
import { STALLED } from '../../broker/publish/unanswered-writes.js';
import { formatDrift } from '../../broker/topology/drift.js';
import { STREAM_KINDS, WORK_KINDS } from '../../wire/subjects.js';

/** A stream as it is, and how it differs from what it should be. */
export interface StreamHealth {
  name: string;
  messages: number;
  bytes: number;
  replicas: number;
  leader?: string;
  /** Whether it is there, keeps jobs safe, and answers the writes of this process. */
  ok: boolean;
  drift: string[];
  /** What is wrong where it answers no writes. */
  stalled?: string;
}

/** A consumer of a work stream. */
export interface ConsumerHealth {
  name: string;
  /** Messages that it has not handed out yet. */
  pending: number;
  /** Messages that workers hold. */
  ackPending: number;
  redelivered: number;
  /** Pulls that wait for messages. */
  waiting: number;
  /** Whether it hands out nothing for now: see `queue.pause`. */
  paused: boolean;
}

export interface BrokerHealth {
  broker: { connected: boolean; url: string; version: string };
  streams: StreamHealth[];
  consumers: ConsumerHealth[];
}

/** Inspects the broker, the streams and the consumers, in whatever state they are; nothing is changed. */
export async function readBrokerHealth(broker: Broker): Promise<BrokerHealth> {
  const { connection, topology, subjects } = broker;
  const report = await topology.inspect();
  const streams = await Promise.all(
    STREAM_KINDS.map(async (kind): Promise<StreamHealth> => {
      const name = subjects.streamName(kind);
      const target = `stream ${name}`;
      if (report.missing.includes(target)) {
        return { name, messages: 0, bytes: 0, replicas: 0, ok: false, drift: ['the stream is missing'] };
      }
      const { state, config, cluster } = await topology.streamInfo(kind);
      const isStalled = broker.stalled.includes(kind);
      const drift = report.drift.filter((each) => each.target === target);
      return {
        name,
        messages: state.messages,
        bytes: state.bytes,
        replicas: config.num_replicas,
        ...(cluster?.leader && { leader: cluster.leader }),
        ok: !isStalled && drift.every(({ severity }) => severity !== 'danger'),
        drift: drift.map((each) => formatDrift([each])),
        ...(isStalled && { stalled: `${name} ${STALLED}` }),
      };
    }),
  );
  const present = WORK_KINDS.filter(
    (kind) => !report.missing.includes(`stream ${subjects.streamName(kind)}`),
  );
  const consumers = (await Promise.all(present.map((kind) => topology.consumers(kind)))).flat();
  // Nobody takes jobs from one by which a worker hears of first jobs.
  const taken = consumers.filter(({ config }) => !config.headers_only);
  return {
    broker: {
      connected: broker.isConnected,
      url: connection.getServer(),
      version: connection.info?.version ?? '',
    },
    streams,
    consumers: taken.map((info) => ({
      name: info.name,
      pending: info.num_pending,
      ackPending: info.num_ack_pending,
      redelivered: info.num_redelivered,
      waiting: info.num_waiting,
      paused: info.paused === true,
    })),
  };
}
