import fc from 'fast-check';
import { connect, type MsgHdrs, type NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobRecord } from '../../src/index.js';
import { ERROR_CODES } from '../../src/jobs/errors.js';
import { isJobId, sequenceId } from '../../src/jobs/job-id.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import {
  type HostileMessage,
  hostileMessage,
  PROBE,
  probePayload,
  subjectOf,
} from '../support/hostile-messages.js';
import { startNats } from '../support/nats.js';

/** Another one for each run; each failure names it, and this brings the same messages back. */
const seed = Number(process.env.JETFLEET_FUZZ_SEED ?? Date.now() % 2 ** 31);
const MESSAGES = 1_500;
/** Sent at once: enough to keep a worker busy, few enough that the server answers each in time. */
const IN_FLIGHT = 100;

/** A message, and what the server made of it. */
interface Sent {
  message: HostileMessage;
  subject: string;
  /** Sequence in its stream; absent when the server refused it. */
  seq?: number;
}

let nats: EmbeddedServer;
let fleet: Fleet;
let client: NatsConnection;
beforeAll(async () => {
  nats = await startNats();
  client = await connect({ servers: nats.url, name: 'hostile' });
  fleet = await startFleet({
    nats,
    namespace: '',
    builtIn: true,
    // A create waits for an answer that is fresh by this measure, and a busy broker is slow.
    worker: { settleDelayMs: 1_000 },
    handlers: { [PROBE]: { payload: probePayload, handler: () => 'done', concurrency: 50 } },
  });
});
afterAll(async () => {
  await fleet.close();
  await client.close();
  await nats.stop();
});

/** Sends headers as they are: the client lets the object that it is given encode them, and looks at nothing else. */
function rawHeaders({ status, headers }: HostileMessage): MsgHdrs {
  const lines = headers.map(([name, value]) => `${name}:${value}\r\n`).join('');
  return { encode: () => Buffer.from(`NATS/1.0${status}\r\n${lines}\r\n`) } as unknown as MsgHdrs;
}

async function send(message: HostileMessage, number: number): Promise<Sent> {
  const subject = subjectOf(message, number);
  const hasHead = message.status !== '' || message.headers.length > 0;
  const options = { timeout: 5_000, ...(hasHead && { headers: rawHeaders(message) }) };
  try {
    const answer = await client.request(subject, message.body, options);
    const { seq, error, duplicate } = answer.json<{ seq?: number; error?: object; duplicate?: boolean }>();
    const isStored = seq !== undefined && !error && !duplicate;
    return { message, subject, ...(isStored && { seq }) };
  } catch (error) {
    // No stream takes the subject.
    if ((error as { code?: string }).code === '503') return { message, subject };
    throw error;
  }
}

async function sendAll(messages: readonly HostileMessage[]): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (let start = 0; start < messages.length; start += IN_FLIGHT) {
    const some = messages.slice(start, start + IN_FLIGHT);
    sent.push(...(await Promise.all(some.map((message, index) => send(message, start + index)))));
  }
  return sent;
}

/** The id that a stored message's job goes by: its own, or one by its sequence when that is missing or not allowed. */
function jobIdOf({ message: { kind, id }, subject, seq = 0 }: Sent): string {
  const own = subject.split('.').at(-1) ?? '';
  return id?.includes('%') && isJobId(own) ? own : sequenceId({ kind, seq });
}

/** Every job that has ended, by its id. */
async function endedJobs(): Promise<Map<string, JobRecord>> {
  const ended = new Map<string, JobRecord>();
  for (const status of ['completed', 'failed'] as const) {
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await fleet.queue.getJobs({ status, limit: 1_000, ...(cursor && { cursor }) });
      for (const job of page.jobs) ended.set(job.id, job);
      cursor = page.cursor;
    }
  }
  return ended;
}

async function waitUntilEmpty(): Promise<void> {
  const { topology } = await fleet.queue.broker();
  const left = async (kind: 'jobs' | 'webhooks') => (await topology.streamInfo(kind)).state.messages;
  await vi.waitFor(async () => expect([await left('jobs'), await left('webhooks')]).toEqual([0, 0]), {
    // So many messages take a busy machine minutes.
    timeout: 200_000,
    interval: 20,
  });
}

/** What is wrong with how a stored message has ended; undefined when nothing is. */
function faultOf({ message }: Sent, job: JobRecord | undefined): string | undefined {
  if (!job) return 'has no record';
  const { status, error } = job;
  if (status === 'failed' && !(error && Object.hasOwn(ERROR_CODES, error.code)))
    return 'failed without a code';
  if (message.verdict === 'fine' && status !== 'completed') return `is valid but ${status}`;
  if (message.verdict === 'faulty' && status !== 'failed') return `is invalid but ${status}`;
  return status === 'completed' || status === 'failed' ? undefined : `is ${status}`;
}

test(`hostile messages end as coded FAILED records, valid ones among them as COMPLETED (JETFLEET_FUZZ_SEED=${seed})`, {
  timeout: 240_000,
}, async () => {
  // A blank would end the subject in the middle of its line.
  const sendable = hostileMessage(fleet.receiver.url).filter(
    ({ id }) => id === undefined || /^\S+$/.test(id),
  );
  const sent = await sendAll(fc.sample(sendable, { seed, numRuns: MESSAGES }));
  await waitUntilEmpty();

  const stored = sent.filter(({ seq }) => seq !== undefined);
  const jobs = await vi.waitFor(
    async () => {
      const ended = await endedJobs();
      // A delete that has not found its instance often enough waits for its timer, and has no message meanwhile.
      const isOpen = (each: Sent) => each.message.type === 'delete_instance' && !ended.has(jobIdOf(each));
      expect(stored.filter(isOpen)).toEqual([]);
      return ended;
    },
    { timeout: 60_000, interval: 500 },
  );
  const faults = stored.flatMap((each) => {
    const fault = faultOf(each, jobs.get(jobIdOf(each)));
    return fault ? [{ fault, ...each, job: jobs.get(jobIdOf(each)) }] : [];
  });
  expect(faults).toEqual([]);

  const refused = sent.length - stored.length;
  const counts = { stored: stored.length, refused, ...verdictCounts(stored) };
  expect(counts.stored, JSON.stringify(counts)).toBeGreaterThan(1_000);
  for (const count of Object.values(counts)) expect(count, JSON.stringify(counts)).toBeGreaterThan(20);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

function verdictCounts(sent: readonly Sent[]): Record<string, number> {
  const count = (wanted: string) => sent.filter(({ message: { verdict } }) => verdict === wanted).length;
  return { fine: count('fine'), faulty: count('faulty'), open: count('open') };
}

test(`after them the same worker runs a fresh job at once (JETFLEET_FUZZ_SEED=${seed})`, async () => {
  expect(fleet.workers.map(({ state }) => state)).toEqual(['running']);
  const startedAt = performance.now();
  const id = await fleet.queue.addJob(PROBE, { n: 1 });
  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 1, result: 'done' });
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});
