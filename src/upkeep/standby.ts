/** A standby site: a copy of the queue of another site, its origin, that takes its place when the origin is lost (decision 98). */
import type { Broker } from '../broker/broker.js';
import type { MirrorState, StandbyStreams } from '../broker/standby/standby-streams.js';
import { assertAllowed } from '../broker/topology/report.js';
import { ConflictError, JetfleetError } from '../jobs/errors.js';
import { coveringConsumers } from '../queue/retention/acknowledged-messages.js';
import { Header } from '../wire/headers.js';
import type { StandbyTimer } from '../wire/standby-message.js';
import { EXTRA_KINDS, STREAM_KINDS, type Subjects, WORK_KINDS } from '../wire/subjects.js';

const PAGE = 256;
/** A mirror hears of its origin every second. */
const ORIGIN_GONE_MS = 3_000;

export interface StandbySync {
  /** Timers that were copied, and copies that were removed. */
  copied: number;
  removed: number;
  /** Copies there are. */
  timers: number;
  mirrors: MirrorState[];
}

interface Copy {
  seq: number;
  isRecurring: boolean;
  /** Its timer was gone in the round before. */
  isGone?: boolean;
}

/** Keeps a standby like its origin: one for each site that has one. */
export class Standby {
  readonly #broker: Broker;
  readonly #origin: Broker;
  readonly #domain: string;
  readonly #streams: StandbyStreams;
  #copies: Map<string, Copy> | undefined;

  /** @param domain of JetStream at the origin, by which the standby reaches it */
  constructor({ broker, origin, domain }: { broker: Broker; origin: Broker; domain: string }) {
    this.#broker = broker;
    this.#origin = origin;
    this.#domain = domain;
    this.#streams = broker.topology.standby(broker.connection);
  }

  /**
   * Makes the mirrors that are missing, copies new timers, and removes what the origin has removed: mirrors copy no removals.
   * @throws BrokerError where one of the sites cannot be asked, or the standby has jobs of its own
   */
  async sync(): Promise<StandbySync> {
    const { subjects } = this.#broker;
    const streams = this.#streams;
    const present = await namesAt(this.#origin);
    await streams.make(this.#domain, (name) => present.has(name));
    const copies = this.#copies ?? (await this.#readCopies());
    this.#copies = copies;
    const timers = await timersAt(this.#origin);
    const changed = await this.#changed(timers, copies);
    await streams.copy(changed);
    for (const { subject, seq, headers } of changed)
      copies.set(subject, { seq, isRecurring: isRecurring(headers, subjects) });
    const gone = goneNow(timers, copies, await this.#haveWhatWasDue());
    await streams.forget(gone);
    for (const subject of gone) copies.delete(subject);
    await this.#purgeEnded();
    const mirrors = await streams.states();
    return { copied: changed.length, removed: gone.length, timers: copies.size, mirrors };
  }

  async #readCopies(): Promise<Map<string, Copy>> {
    const { subjects } = this.#broker;
    const copies = new Map<string, Copy>();
    for await (const { subject, seq, headers } of this.#streams.copies())
      copies.set(subject, { seq, isRecurring: isRecurring(headers, subjects) });
    return copies;
  }

  /** Whether the mirrors have every job that was due at the origin: until then one may be there that a fired timer has brought. */
  async #haveWhatWasDue(): Promise<boolean> {
    const { topology, subjects } = this.#origin;
    const { state } = await topology.streamInfo('timers', `${subjects.prefix}due.>`);
    if (Object.keys(state.subjects ?? {}).length > 0) return false;
    const lastSeqs = await Promise.all(
      WORK_KINDS.map(async (kind) => (await topology.streamInfo(kind)).state.last_seq),
    );
    const mirrors = await this.#streams.states();
    return WORK_KINDS.every((kind, at) => {
      const mirror = mirrors.find(({ stream }) => stream === subjects.streamName(kind));
      return mirror !== undefined && mirror.lastSeq >= (lastSeqs[at] ?? 0);
    });
  }

  /** Those of the origin that have no copy, or one of before. */
  async #changed(timers: ReadonlySet<string>, copies: ReadonlyMap<string, Copy>): Promise<StandbyTimer[]> {
    const { read, subjects } = this.#origin;
    const known = Math.max(0, ...[...copies.values()].map(({ seq }) => seq));
    // A timer that is set again is stored behind all others. What is missing below is of another run that was cut short.
    const isWhole = [...timers].every((subject) => copies.has(subject) || this.#copies === undefined);
    const from = isWhole ? known + 1 : 1;
    const found: StandbyTimer[] = [];
    for await (const { subject, seq, headers, data } of read.walk(
      subjects.streamName('timers'),
      `${subjects.prefix}schedules.>`,
      from,
      PAGE,
    ))
      if (copies.get(subject)?.seq !== seq)
        found.push({
          subject,
          seq,
          headers: publishedHeaders(headers),
          data: Buffer.from(data).toString('base64'),
        });
    return found;
  }

  /** Acknowledged messages: without it the mirrors would have every job that there ever was. */
  async #purgeEnded(): Promise<void> {
    const { read, subjects } = this.#origin;
    for (const kind of WORK_KINDS) {
      const stream = subjects.streamName(kind);
      for (const { filter, counts } of await coveringConsumers(this.#origin, kind)) {
        const { firstSeq } = await read.extent(stream, filter);
        await this.#streams.purge(stream, filter, firstSeq > 0 ? firstSeq - 1 : counts.delivered.stream_seq);
      }
    }
  }
}

/**
 * Makes a standby the queue, after its origin was lost or stopped for good. It may be repeated after a crash.
 * @param force also while the origin answers
 * @returns how many timers were set
 * @throws JetfleetError `JETFLEET_NO_STREAM` where there is no standby; ConflictError while the origin answers
 */
export async function promoteStandby(broker: Broker, force = false): Promise<number> {
  const { topology, connection, subjects } = broker;
  const streams = topology.standby(connection);
  if (!(await topology.hasStream('events')))
    throw new JetfleetError(
      'JETFLEET_NO_STREAM',
      `there is no standby here: no stream ${subjects.streamName('events')}`,
    );
  const heard = (await streams.states()).find(({ silentMs = ORIGIN_GONE_MS }) => silentMs < ORIGIN_GONE_MS);
  if (heard && !force) {
    const why = `the origin still answers: ${heard.stream} heard of it ${heard.silentMs} ms ago. Two sites would run the same jobs, and rent instances twice. Stop the origin for good, or add --force`;
    throw new ConflictError(why);
  }
  // Makes TIMERS and the consumers by which a work stream takes from it: one that has its source before them waits for 20 s.
  await topology.ensure();
  await streams.release();
  const timers = await streams.setTimers();
  assertAllowed(await topology.ensure());
  return timers;
}

async function namesAt({ topology, subjects }: Broker): Promise<Set<string>> {
  const kinds = [...STREAM_KINDS, ...EXTRA_KINDS];
  const present = await Promise.all(kinds.map((kind) => topology.hasStream(kind)));
  return new Set(kinds.filter((_, at) => present[at]).map((kind) => subjects.streamName(kind)));
}

/** The subjects of all timers. */
async function timersAt({ topology, subjects }: Broker): Promise<Set<string>> {
  const { state } = await topology.streamInfo('timers', `${subjects.prefix}schedules.>`);
  return new Set(Object.keys(state.subjects ?? {}));
}

/**
 * One that fires again and again was deleted by a user. Any other has fired, or was cancelled: its copy stays until the mirrors have its job
 * for sure. Set again before, it brings a job that has a record, which decides.
 */
function goneNow(timers: ReadonlySet<string>, copies: Map<string, Copy>, haveJobs: boolean): string[] {
  const gone: string[] = [];
  for (const [subject, copy] of copies) {
    const wasGone = copy.isGone === true;
    copy.isGone = !timers.has(subject);
    if (copy.isGone && (copy.isRecurring || (wasGone && haveJobs))) gone.push(subject);
  }
  return gone;
}

/** Without what the server has added, and the fences of the write. */
function publishedHeaders(headers: Iterable<[name: string, values: string[]]>): StandbyTimer['headers'] {
  return [...headers].flatMap(([name, values]) =>
    /^Nats-(?!Schedule|Rollup)/.test(name) ? [] : values.map((value): [string, string] => [name, value]),
  );
}

function isRecurring(headers: StandbyTimer['headers'], subjects: Subjects): boolean {
  const value = (wanted: string) => headers.find(([name]) => name === wanted)?.[1] ?? '';
  const isOnce = value(Header.SCHEDULE).startsWith('@at ');
  return !isOnce || subjects.parseDue(value(Header.SCHEDULE_TARGET))?.id === undefined;
}
