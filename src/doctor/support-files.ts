/** What someone who helps from afar needs to see of a queue: files of JSON, without payloads, results and secrets. */
import { createHash } from 'node:crypto';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { Broker } from '../broker/broker.js';
import { JetfleetError } from '../jobs/errors.js';
import { maskSecrets } from '../jobs/mask.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { packageVersion } from '../telemetry/version.js';
import type { Finding, FindingCode } from '../upkeep/finding.js';
import { EXTRA_KINDS, STREAM_KINDS } from '../wire/subjects.js';

export interface SupportFile {
  name: string;
  /** What is in it, for whoever decides whether to send it. */
  about: string;
  text: string;
}

interface Part {
  name: string;
  about: string;
  read: () => unknown;
  /** Secrets are masked already, by someone who knows more of each value than its name. */
  isMasked?: boolean;
}

export interface SupportParts {
  /** What a doctor finds, or what kept it from looking. */
  findings: () => Promise<readonly Finding[]>;
  /** The settings of this process, without secrets. */
  settings: () => unknown;
  /** What the workers say of themselves. */
  workers: () => Promise<unknown>;
}

/** How many causes of failures are listed; the rest is counted. */
const MAX_CAUSES = 100;

/** The files of a bundle. What cannot be read is a file with the reason, since a bundle is wanted most when something is broken. */
export async function supportFiles(queue: JobQueueService, parts: SupportParts): Promise<SupportFile[]> {
  // Asked once: one that does not answer takes its time.
  const opened = await readable(() => queue.brokerAsItIs());
  const online =
    <T>(read: (broker: Broker) => T) =>
    () =>
      isFault(opened) ? opened : read(opened);
  const all: Part[] = [
    {
      name: 'versions.json',
      about: 'Jetfleet, Node, the machine and the nats-server',
      read: () => versions(opened),
    },
    {
      name: 'config.json',
      about: 'settings and their sources, secrets masked',
      read: parts.settings,
      isMasked: true,
    },
    {
      name: 'findings.json',
      about: 'what the doctor finds',
      read: async () => (await parts.findings()).map(withoutWords),
    },
    {
      name: 'streams.json',
      about: 'configuration and state of the streams, no messages',
      read: online(streams),
    },
    {
      name: 'consumers.json',
      about: 'configuration and state of the consumers',
      read: online(consumers),
    },
    {
      name: 'stats.json',
      about: 'numbers of jobs by type, status and priority',
      read: online(() => queue.getStats()),
    },
    {
      name: 'workers.json',
      about: 'live workers, their types, and the ids of the jobs that they run',
      read: online(parts.workers),
    },
    {
      name: 'errors.json',
      about: 'why jobs failed, by cause: codes, types and counts, no messages',
      read: online(() => errors(queue)),
    },
  ];
  const files: SupportFile[] = [];
  for (const { name, about, read, isMasked = false } of all)
    files.push({ name, about, text: textOf(await readable(read), isMasked) });
  return files;
}

/** Why something could not be read. */
interface Fault {
  error: { code?: string; message: string };
}

async function readable<T>(read: () => T | Promise<T>): Promise<T | Fault> {
  try {
    return await read();
  } catch (error) {
    const { message } = error as Error;
    return { error: JetfleetError.is(error) ? { code: error.code, message } : { message } };
  }
}

function isFault(value: Broker | Fault): value is Fault {
  return 'error' in value;
}

function textOf(value: unknown, isMasked: boolean): string {
  // What has no JSON form of its own, such as the numbers of the client, has one here.
  const json: unknown = JSON.parse(JSON.stringify(value) ?? 'null');
  return `${JSON.stringify(isMasked ? json : maskSecrets(json), null, 2)}\n`;
}

function serverFacts({ connection, clock }: Broker): unknown {
  const { version, cluster, server_name: name, max_payload: maxPayload } = connection.info ?? {};
  return { version, cluster, name, maxPayload, clockOffsetMs: Math.round(clock.localOffsetMs) };
}

function versions(broker: Broker | Fault): unknown {
  return {
    jetfleet: packageVersion(),
    node: process.version,
    system: {
      platform: platform(),
      release: release(),
      arch: arch(),
      cpus: cpus().length,
      memory: totalmem(),
    },
    server: isFault(broker) ? broker : serverFacts(broker),
    at: new Date().toISOString(),
  };
}

async function streams({ topology, subjects }: Broker): Promise<unknown> {
  const kinds = [...STREAM_KINDS, ...EXTRA_KINDS];
  const infos = kinds.map(async (kind) => [
    subjects.streamName(kind),
    await readable(async () => {
      const { config, state, cluster, created } = await topology.streamInfo(kind);
      return { created, config, state, cluster };
    }),
  ]);
  return Object.fromEntries(await Promise.all(infos));
}

async function consumers({ topology, subjects }: Broker): Promise<unknown> {
  const kinds = ['jobs', 'webhooks', 'events'] as const;
  const infos = kinds.map(async (kind) => [
    subjects.streamName(kind),
    await readable(() => topology.consumers(kind)),
  ]);
  return Object.fromEntries(await Promise.all(infos));
}

/** These name limit keys and tags, which come from payloads, and reasons of pauses, which people write. */
const WITH_WORDS: ReadonlySet<FindingCode> = new Set([
  'permit_left_over',
  'permit_unused',
  'tag_left_over',
  'paused',
  'pause_drift',
]);

function withoutWords(finding: Finding): Partial<Finding> {
  const { code, severity, target } = finding;
  if (!WITH_WORDS.has(code)) return finding;
  // The same one is recognised in the next bundle.
  return { code, severity, target: createHash('sha256').update(target).digest('hex').slice(0, 16) };
}

/** A code as programs have them. Anything else that a handler calls one is left out. */
const CODE = /^[A-Z][A-Z0-9_]{1,63}$/;

/** Without messages and samples: handlers write both. */
async function errors(queue: JobQueueService): Promise<unknown> {
  const { causes, total, others } = await queue.deadLetters.causes();
  const shown = causes.slice(0, MAX_CAUSES).map(({ sample: _, message: __, code, ...cause }) => {
    return { code: CODE.test(code) ? code : null, ...cause };
  });
  return {
    total,
    causes: shown,
    others: others + causes.slice(MAX_CAUSES).reduce((sum, { count }) => sum + count, 0),
  };
}
