import * as z from 'zod';
import type { Broker } from '../broker/broker.js';
import { STALLED } from '../broker/publish/unanswered-writes.js';
import { type Diagnosis, diagnose } from '../upkeep/finding.js';
import { STREAM_KINDS, type StreamKind } from '../wire/subjects.js';
import { readMonitor } from './check-server.js';

/** What the server's health check says of a stream that it cannot write (nats-server 2.15, `GET /healthz`). */
const WRITE_ERROR = /^JetStream stream '(?<account>.*) > (?<stream>.*)' write error: (?<reason>.*)$/s;

/** How long a worker that is busy may take to answer. */
const ANSWERS_MS = 2_000;
/** As much as matters here of what a worker says of itself. */
const workerSchema = z.object({ stalled: z.array(z.string()) });
const healthSchema = z.object({ error: z.string().optional() });

/**
 * Streams that store nothing. Nothing tells of it but writes, which get no answer, and the server's health check: so workers
 * are asked, and the monitoring page where it is known.
 */
export async function checkStores(broker: Broker, monitorUrl: string | undefined): Promise<Diagnosis[]> {
  const { notices, subjects } = broker;
  const workers = await notices.ask(subjects.notices.workersAsked(), {}, ANSWERS_MS);
  const told = new Set(workers.flatMap((worker) => workerSchema.safeParse(worker).data?.stalled ?? []));
  const isStalled = (kind: StreamKind) =>
    broker.stalled.includes(kind) || told.has(subjects.streamName(kind));
  const stalled = new Set(STREAM_KINDS.filter(isStalled).map((kind) => subjects.streamName(kind)));
  const found = [...stalled].map((name) => diagnose('stream_stalled', `stream ${name}`, `it ${STALLED}`));
  const failure = monitorUrl ? await writeErrorAt(monitorUrl) : undefined;
  const isOurs = STREAM_KINDS.some((kind) => subjects.streamName(kind) === failure?.stream);
  if (!failure || !isOurs || stalled.has(failure.stream)) return found;
  const message = `the server says: ${failure.reason}. Free room, then restart nats-server`;
  return [...found, diagnose('stream_stalled', `stream ${failure.stream}`, message)];
}

/** The first stream that the server cannot write; it names no more than one. */
async function writeErrorAt(monitorUrl: string): Promise<{ stream: string; reason: string } | undefined> {
  const { error } = await readMonitor(monitorUrl, '/healthz', healthSchema);
  const { stream, reason } = WRITE_ERROR.exec(error ?? '')?.groups ?? {};
  return stream === undefined ? undefined : { stream, reason: reason ?? '' };
}
