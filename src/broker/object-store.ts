/**
 * OBJECTS: payloads and results that are too large for a message. An object is stored before the message or record that refers to it,
 * and removed after it, so that a crash leaves an object without a job, and never a job without its object. The sweeper finds those.
 */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ValidationError } from '../jobs/errors.js';
import { inParts } from '../jobs/in-parts.js';
import type { JobRecord } from '../jobs/job-record.js';
import {
  fieldOf,
  isReference,
  OBJECT,
  type ObjectField,
  type ObjectReference,
  referencesOf,
} from '../jobs/stored-object.js';
import { firstParts, OBJECT_PART_BYTES, objectSubject, parseObject } from '../wire/object-subjects.js';
import type { Sealer } from '../wire/sealer.js';
import { ANY, type Subjects } from '../wire/subjects.js';
import type { ExtraStream } from './extra-stream.js';
import type { Topology } from './topology/topology.js';

/** Parts of one object that are written at once, and objects that are removed at once. */
const AT_ONCE = 8;
/** Parts that are read together. */
const PAGE = 16;
/** A replica that is behind shows an object late. */
const TRIES = 10;
const PAUSE_MS = 200;

/** How much of a limit a value may take that is sealed: in base64 it is a third longer, with what a codec adds. */
const SEALED_SHARE = 0.7;

/** The job that has a value. */
export interface ObjectOwner {
  id: string;
  type: string;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

export class ObjectStore {
  /** Largest value that this process stores so, as JSON; 0 for none. What others have stored it reads in any case. */
  readonly maxBytes: number;
  readonly #stream: ExtraStream;
  readonly #subjects: Subjects;
  readonly #topology: Topology;
  readonly #sealer: Sealer;

  constructor(
    stream: ExtraStream,
    options: { subjects: Subjects; topology: Topology; sealer: Sealer; maxObjectBytes: number },
  ) {
    this.#stream = stream;
    this.#subjects = options.subjects;
    this.#topology = options.topology;
    this.#sealer = options.sealer;
    this.maxBytes = options.maxObjectBytes;
  }

  /** Whether a value of so many bytes of JSON is stored so: one over the limit of a message, or perhaps over it once it is sealed. */
  takes(bytes: number, limit: number): boolean {
    return bytes <= this.maxBytes && bytes > (this.#sealer.seals ? limit * SEALED_SHARE : limit);
  }

  /**
   * Stores a value for a job that is about to be written.
   * @param text the value as JSON
   * @returns what stands in its place
   * @throws JetfleetError `JETFLEET_CODEC_FAILED`; BrokerError as of any write
   */
  put({ id, type }: ObjectOwner, field: ObjectField, text: string): Promise<ObjectReference> {
    return this.#store(id, field, Buffer.from(this.#sealer.sealObject(text, { type, field })));
  }

  /** The value, whether it stands where it is, or is referred to. @throws ValidationError `JETFLEET_OBJECT_LOST`, `JETFLEET_SEALED` */
  async resolve({ id, type }: ObjectOwner, value: unknown): Promise<unknown> {
    if (!isReference(value)) return value;
    const data = await this.#read(id, value);
    return this.#sealer.openObject(JSON.parse(decoder.decode(data)), { type, field: fieldOf(value) });
  }

  /** What another job is to have as well: a reference is to an object of its own job alone. */
  async copy(id: string, value: unknown, toId: string): Promise<unknown> {
    return isReference(value) ? this.#store(toId, fieldOf(value), await this.#read(id, value)) : value;
  }

  /** Removes an object. */
  async remove(id: string, name: string): Promise<void> {
    await this.#topology.purge('objects', objectSubject(this.#subjects, id, name, ANY));
  }

  /** Removes what jobs held whose records are gone. One that lives again keeps it. */
  async forget(jobs: readonly JobRecord[]): Promise<void> {
    const holders = jobs.filter((job) => referencesOf(job).length > 0);
    await inParts(holders, AT_ONCE, async (job) => {
      if ((await this.#topology.lastSequence('events', this.#subjects.eventsOf(job.id))) > 0) return;
      for (const reference of referencesOf(job)) await this.remove(job.id, reference[OBJECT]);
    });
  }

  /** Every object, with the job that it is of. Nothing of what they hold is read. */
  async list(): Promise<{ id: string; name: string }[]> {
    if (!(await this.#topology.hasStream('objects'))) return [];
    const { state } = await this.#topology.streamInfo('objects', firstParts(this.#subjects));
    return Object.keys(state.subjects ?? {}).flatMap((subject) => parseObject(this.#subjects, subject) ?? []);
  }

  /** When an object was stored, ms since the epoch; undefined for one that is gone. */
  async storedAt(id: string, name: string): Promise<number | undefined> {
    const first = objectSubject(this.#subjects, id, name, 0);
    return (await this.#stream.find(undefined, (read, stream) => read.last(stream, first)))?.timeMs;
  }

  async #store(id: string, field: ObjectField, data: Buffer): Promise<ObjectReference> {
    const name = `${field}.${randomBytes(12).toString('base64url')}`;
    const parts: { subject: string; data: Uint8Array }[] = [];
    for (let start = 0; start < data.length; start += OBJECT_PART_BYTES) {
      const subject = objectSubject(this.#subjects, id, name, parts.length);
      parts.push({ subject, data: data.subarray(start, start + OBJECT_PART_BYTES) });
    }
    await this.#stream.open();
    await inParts(parts, AT_ONCE, (part) => this.#stream.log.append(part));
    return { [OBJECT]: name, bytes: data.length, digest: digestOf(data) };
  }

  async #read(id: string, reference: ObjectReference): Promise<Buffer> {
    const { [OBJECT]: name, bytes, digest } = reference;
    for (let tries = 1; ; tries++) {
      const data = await this.#parts(id, name, bytes);
      if (data?.length === bytes && digestOf(data) === digest) return data;
      if (tries === TRIES) throw lost(id, fieldOf(reference), data, bytes);
      await delay(PAUSE_MS);
    }
  }

  /** Its parts in their order, as far as they are there; nothing where there are more than it says. */
  #parts(id: string, name: string, bytes: number): Promise<Buffer | undefined> {
    const filter = objectSubject(this.#subjects, id, name, ANY);
    return this.#stream.find<Buffer | undefined>(undefined, async (read, stream) => {
      const found = new Map<number, Uint8Array>();
      let size = 0;
      for await (const page of read.pages(stream, filter, 1, PAGE))
        for (const { subject, data } of page) {
          size += data.length;
          if (size > bytes) return undefined;
          found.set(Number(subject.slice(subject.lastIndexOf('.') + 1)), data);
        }
      return Buffer.concat([...found].sort(([a], [b]) => a - b).map(([, data]) => data));
    });
  }
}

function digestOf(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url');
}

function lost(id: string, field: ObjectField, found: Buffer | undefined, bytes: number): ValidationError {
  const what = found?.length === bytes ? 'damaged' : 'missing';
  const why = `the ${field} of job ${id}, an object of ${bytes} bytes, is ${what}; add the job again, or retry it with another payload`;
  return new ValidationError('JETFLEET_OBJECT_LOST', why);
}
