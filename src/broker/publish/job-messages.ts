import type { JobRequest } from '../../jobs/job-record.js';
import { encodePayload } from '../../jobs/validation.js';
import type { JobState } from '../../jobs/vocabulary.js';
import { Header, type HeaderList } from '../../wire/headers.js';
import { messageIdOfNew, optionHeaders } from '../../wire/job-message.js';
import { type LineAddress, lineSubject } from '../../wire/limit-subjects.js';
import type { Sealer } from '../../wire/sealer.js';
import { type StreamKind, type Subjects, WORK_KINDS, type WorkKind } from '../../wire/subjects.js';
import type { LinedMessage } from '../connection/client-internals.js';
import type { DirectRead, StoredMessage } from '../read/direct-read.js';
import type { TagIndex } from '../tag-index.js';
import type { CommitLog } from './commit-log.js';
import { type Appended, headerLines } from './commit-options.js';
import { fired } from './fired-timer.js';

/** A job that starts at once, whose id was made for it. */
export interface NewJobMessage {
  request: JobRequest;
  /** The payload as JSON. */
  body: string;
}

/** A job that was refused, or whose message the stream held already. */
export interface NotJustStored<Job> {
  job: Job;
  outcome: Appended | Error;
}

/** Publishes the messages and the timers of jobs. */
export class JobMessages {
  readonly #subjects: Subjects;
  readonly #logs: Readonly<Record<StreamKind, CommitLog>>;
  readonly #read: DirectRead;
  readonly #tags: TagIndex;
  readonly #sealer: Sealer;

  constructor(
    subjects: Subjects,
    logs: Readonly<Record<StreamKind, CommitLog>>,
    read: DirectRead,
    tags: TagIndex,
    sealer: Sealer,
  ) {
    this.#subjects = subjects;
    this.#logs = logs;
    this.#read = read;
    this.#tags = tags;
    this.#sealer = sealer;
  }

  /**
   * Makes a job durable: one message, for `runAtMs` behind a broker timer. One whose id was made for it has a message id,
   * and is stored without a question. Any other is stored only while no message and no timer carries its id.
   * Its tags are noted first, so that a job that exists is found by them.
   * @param body the payload as JSON
   * @returns its sequence, and whether the broker knew the message id already
   * @throws ConflictError when a message or a timer carries the id
   */
  enqueue(request: JobRequest, runAtMs?: number, body = encodePayload(request.payload)): Promise<Appended> {
    const { tags } = request;
    if (!tags) return this.#store(request, runAtMs, body);
    return this.#tags.open([request]).then(() => this.#store(request, runAtMs, body));
  }

  #store(request: JobRequest, runAtMs: number | undefined, text: string): Promise<Appended> {
    const { type, priority, id } = request;
    const kind = this.#subjects.workKindOf(type);
    const address = { kind, priority, type, id };
    // A second timer on its subject would replace the first.
    if (runAtMs !== undefined) return this.delay(request, runAtMs, text, 0);
    const body = this.#sealer.payloadText(text, type);
    if (request.isNew) {
      const { subject, data, lines } = new Envelopes(this.#subjects).messageOf({ request, body });
      return this.#logs[kind].append({ subject, data, headers: lines });
    }
    return this.#logs[kind].append({
      subject: this.#subjects.work(address),
      data: body,
      headers: optionHeaders(request),
      expect: { filter: this.#subjects.workOf(kind, id), lastSeq: 0 },
    });
  }

  /**
   * Sets the timer of a job that a producer delays.
   * @param lastSeq of the timer that it replaces; 0 for none
   * @throws ConflictError when that is not the timer that the job has
   */
  delay(request: JobRequest, runAtMs: number, body: string, lastSeq: number): Promise<Appended> {
    const { type, priority, id } = request;
    const kind = this.#subjects.workKindOf(type);
    const timer = this.#subjects.schedule(kind, id);
    return this.#logs.timers.append({
      subject: timer,
      data: this.#sealer.payloadText(body, type),
      headers: timerHeaders(request, runAtMs, this.#subjects.due({ kind, priority, type, id })),
      expect: { filter: timer, lastSeq },
    });
  }

  /**
   * Makes jobs durable that start at once and whose ids were made for them; see {@link enqueue}.
   * @returns those that were not just stored, with what that resolves to or rejects with, once all have their answer
   */
  async enqueueNew<Job extends NewJobMessage>(jobs: readonly Job[]): Promise<NotJustStored<Job>[]> {
    const tagged = jobs.filter(({ request }) => request.tags !== undefined);
    if (tagged.length > 0) await this.#tags.open(tagged.map(({ request }) => request));
    const envelopes = new Envelopes(this.#subjects);
    const store = async (kind: WorkKind) => {
      const own = jobs.filter(({ request }) => this.#subjects.workKindOf(request.type) === kind);
      const { seals } = this.#sealer;
      const sent = seals ? own.map((job) => this.#sealedJob(job)) : own;
      const sizes = sent.map(({ body }) => Buffer.byteLength(body));
      const exceptions = await this.#logs[kind].appendBulk({
        size: own.length,
        messageAt: (index) => envelopes.messageOf(sent[index] as NewJobMessage),
        bytesAt: (index) => sizes[index] as number,
      });
      return exceptions.map(({ index, outcome }) => ({ job: own[index] as Job, outcome }));
    };
    return (await Promise.all(WORK_KINDS.map(store))).flat();
  }

  #sealedJob({ request, body }: NewJobMessage): NewJobMessage {
    return { request, body: this.#sealer.payloadText(body, request.type) };
  }

  /** Whether the message `seq` carries the job: a `duplicate` alone may stand for somebody else's message. */
  async isStored({ type, priority, id }: JobRequest, seq: number): Promise<boolean> {
    const kind = this.#subjects.workKindOf(type);
    const stored = await this.#read.bySequence(this.#subjects.streamName(kind), seq);
    return stored?.subject === this.#subjects.work({ kind, priority, type, id });
  }

  /**
   * Publishes once more the message of a job that has a record already, or of one whose parent its id does not show. It goes by
   * way of TIMERS, from which alone a worker believes that it is the job's. Workers drop a second one. It has no message id: a
   * producer that publishes the same one on the work stream first would make the server drop it.
   */
  async enqueueAgain(request: JobRequest): Promise<void> {
    const { id, type, priority, payload } = request;
    await this.#logs.timers.append({
      subject: this.#subjects.due({ kind: this.#subjects.workKindOf(type), priority, type, id }),
      data: this.#sealer.payloadText(encodePayload(payload), type),
      headers: [...optionHeaders(request), [Header.CREATED_AT, request.createdAt]],
    });
  }

  /**
   * Puts a job in the line for a permit: a timer, which brings it back at the latest at `runAtMs`.
   * @param needs the permits that it needs, as a header carries them
   */
  async enterLine(
    job: JobRequest,
    line: Pick<LineAddress, 'limit' | 'key' | 'turn'>,
    needs: string,
    runAtMs: number,
  ): Promise<void> {
    const { priority, type, id, payload } = job;
    const address = { kind: this.#subjects.workKindOf(type), priority, type, id };
    await this.#logs.timers.append({
      subject: lineSubject(this.#subjects, { ...line, ...address }),
      data: this.#sealer.payloadText(encodePayload(payload), type),
      headers: [...timerHeaders(job, runAtMs, this.#subjects.due(address)), [Header.LIMITS, needs]],
    });
  }

  /** Has a job in line go to its work stream now: one message, which removes the timer as it is stored (nats-server ADR-51). */
  async callFromLine(timer: StoredMessage): Promise<void> {
    await this.#logs.timers.append(fired(timer));
  }

  /** Replaces a timer by another, in one write. @throws ConflictError when it has fired, or somebody else has replaced it */
  async replaceTimer({ subject, seq, request, data, runAtMs, target }: NewTimer): Promise<void> {
    await this.#logs.timers.append({
      subject,
      data,
      headers: timerHeaders(request, runAtMs, target),
      expect: { filter: subject, lastSeq: seq },
    });
  }

  /**
   * Has a timer fire now, as the server does when it is due.
   * @throws ConflictError when it was set anew, removed or fired meanwhile
   */
  async fireTimer(timer: StoredMessage): Promise<void> {
    await this.#logs.timers.append({
      ...fired(timer),
      expect: { filter: timer.subject, lastSeq: timer.seq },
    });
  }

  /**
   * Sets the timer that brings a job's message back. Setting it again replaces it.
   * @returns its sequence in TIMERS
   */
  async setTimer(kind: WorkKind, job: JobRequest & { state: JobState }, runAtMs: number): Promise<number> {
    const { priority, type, id, payload, state } = job;
    const address = { kind, priority, type, id };
    const reason = state === 'waiting' ? 'waiting' : 'retrying';
    const { seq } = await this.#logs.timers.append({
      // A job that somebody has put off stands where one does that was added with a delay.
      subject:
        state === 'scheduled' ? this.#subjects.schedule(kind, id) : this.#subjects.timer(reason, address),
      data: this.#sealer.payloadText(encodePayload(payload), type),
      headers: timerHeaders(job, runAtMs, this.#subjects.due(address)),
    });
    return seq;
  }

  /**
   * Brings the message of a waiting job back now, since what it waits for has come. The same write removes its timer
   * (`Nats-Schedule-Next: purge`).
   * @param timer its sequence in TIMERS
   * @throws ConflictError when that timer is gone: it has fired, or somebody else has woken the job
   */
  async wake(kind: WorkKind, job: JobRequest, timer: number): Promise<void> {
    const { priority, type, id, payload } = job;
    const address = { kind, priority, type, id };
    const timerSubject = this.#subjects.timer('waiting', address);
    await this.#logs.timers.append({
      subject: this.#subjects.due(address),
      data: this.#sealer.payloadText(encodePayload(payload), type),
      headers: [
        ...optionHeaders(job),
        [Header.CREATED_AT, job.createdAt],
        [Header.WOKEN, '1'],
        [Header.SCHEDULER, timerSubject],
        [Header.SCHEDULE_NEXT, 'purge'],
      ],
      expect: { filter: timerSubject, lastSeq: timer },
    });
  }
}

/** The timer of a job that no worker has touched, by which it is to be replaced. */
export interface NewTimer {
  /** Its subject, and the sequence of the timer there. */
  subject: string;
  seq: number;
  request: JobRequest;
  data: Uint8Array;
  runAtMs: number;
  /** The `due` subject. */
  target: string;
}

/** A timer goes out without the job's id: the stream would take the fired message for a duplicate. */
export function timerHeaders(request: JobRequest, atMs: number, target: string): HeaderList {
  return [
    ...optionHeaders(request),
    [Header.CREATED_AT, request.createdAt],
    // The server rounds up to its tick of 250 ms.
    [Header.SCHEDULE, `@at ${new Date(atMs).toISOString()}`],
    [Header.SCHEDULE_TARGET, target],
  ];
}

interface Template {
  /** One of the jobs. */
  request: JobRequest;
  subject: string;
  lines: string;
}

/** Most lists have a few kinds of jobs, or as many as they have jobs. */
const MAX_TEMPLATES = 8;

/**
 * The messages of jobs whose ids were made for them. Subject and headers are made once for jobs that have type, priority
 * and options in common, as those of a long list mostly have.
 */
class Envelopes {
  readonly #subjects: Subjects;
  /** Those used last come first. */
  readonly #templates: Template[] = [];

  constructor(subjects: Subjects) {
    this.#subjects = subjects;
  }

  /**
   * @param body the payload as JSON
   * @throws TypeError for an option with a line break
   */
  messageOf({ request, body }: NewJobMessage): LinedMessage {
    const { id } = request;
    const { subject, lines } = this.#templateOf(request);
    return {
      subject: `${subject}.${id}`,
      data: body,
      lines: `${Header.MSG_ID}: ${messageIdOfNew(id)}\r\n${lines}`,
    };
  }

  #templateOf(request: JobRequest): Template {
    for (const template of this.#templates) if (isAlike(request, template.request)) return template;
    const { type, priority } = request;
    const lines = headerLines(optionHeaders(request));
    const subject = this.#subjects.work({ kind: this.#subjects.workKindOf(type), priority, type });
    const template = { request, subject, lines };
    this.#templates.unshift(template);
    this.#templates.length = Math.min(this.#templates.length, MAX_TEMPLATES);
    return template;
  }
}

function isAlike(one: JobRequest, other: JobRequest): boolean {
  return (
    one.type === other.type &&
    one.priority === other.priority &&
    one.maxAttempts === other.maxAttempts &&
    one.timeoutMs === other.timeoutMs &&
    one.expiresInMs === other.expiresInMs &&
    one.webhookUrl === other.webhookUrl &&
    one.traceparent === other.traceparent &&
    one.tracestate === other.tracestate &&
    one.parentId === other.parentId &&
    one.awaited === other.awaited &&
    (one.tags === other.tags || one.tags?.join() === other.tags?.join())
  );
}
