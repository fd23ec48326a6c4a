/**
 * Finds messages by the beginning of an id. JetStream matches whole tokens of a subject only, so a process reads the ids of a
 * stream once, and remembers them by runs of messages (decision 41).
 */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { sequenceId } from '../../jobs/job-id.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { placeOfTicks } from '../../wire/schedule-subjects.js';
import { matchesTokens, type StreamKind, type Subjects } from '../../wire/subjects.js';
import { bytesOf, type Direction, type Page, type PageQuery, type ReadPage } from './sources.js';

/** Messages that are read at once. */
const RUN = 5_000;
/** Of the ids of one stream: 1.4 million generated ones. Those of the oldest messages are read again each time. */
const MAX_CHARACTERS = 48 * 1024 * 1024;
const BASE = 36;

/** The ids between two sequences, both included. */
interface Run {
  first: number;
  last: number;
  /** Messages in it. */
  size: number;
  /** By the subject without the id: a line break, the id, a blank and the sequence in base 36, for each message. */
  lines: Map<string, string>;
}

/** A run, and what reading it has cost. */
interface Loaded {
  run: Run;
  read: number;
  bytes: number;
}

/** What a process knows of the ids in its streams. */
export class KnownIds {
  readonly #streams = new Map<StreamKind, StreamIds>();

  /** Reads only messages whose id begins with `prefix`; a page of them comes from one run. */
  pageReader(broker: Broker, prefix: string): ReadPage {
    const opened = new Map<StreamKind, Promise<StreamIds>>();
    return async (query) => {
      const ids = opened.get(query.kind) ?? this.#open(broker, query.kind);
      opened.set(query.kind, ids);
      return (await ids).page(broker, prefix, query);
    };
  }

  async #open(broker: Broker, kind: StreamKind): Promise<StreamIds> {
    const { created, state } = await broker.topology.streamInfo(kind);
    let ids = this.#streams.get(kind);
    // A stream that was deleted and recreated counts from 1 again.
    if (ids?.created !== created) ids = new StreamIds(created);
    this.#streams.set(kind, ids);
    ids.narrow(state.first_seq, state.last_seq);
    return ids;
  }
}

/** The ids of one stream: messages are added at its end alone, and what was removed is not found by its sequence. */
class StreamIds {
  readonly created: string;
  /** In the order of the stream, without an overlap. */
  readonly #runs: Run[] = [];
  readonly #loading = new Map<string, Promise<Loaded>>();
  /** The run after the one that a search was given, which is read while that one is gone through. */
  readonly #ahead = new Map<string, Promise<Loaded>>();
  #characters = 0;
  #first = 1;
  #last = 0;

  constructor(created: string) {
    this.created = created;
  }

  /** Sets where the stream begins and ends now. */
  narrow(first: number, last: number): void {
    this.#first = first;
    this.#last = last;
    while (this.#runs[0] && this.#runs[0].last < first) this.#forgetOldest();
  }

  async page(broker: Broker, prefix: string, query: PageQuery): Promise<Page> {
    const { kind, filter, direction, size } = query;
    const first = Math.max(query.first, this.#first);
    const last = Math.min(query.last, this.#last);
    if (first > last) return { messages: [], read: 0, bytes: 0 };
    const isForward = direction === 'oldest';
    const { run, ...cost } = await this.#runAt(broker, kind, direction, isForward ? first : last);
    const hits = sequencesIn(run, filter, prefix).filter((seq) => seq >= first && seq <= last);
    if (!isForward) hits.reverse();
    const taken = hits.slice(0, size);
    const stream = broker.subjects.streamName(kind);
    const stored = await Promise.all(taken.map((seq) => broker.read.bySequence(stream, seq)));
    const messages = stored.filter((message) => message !== undefined);
    const edge = isForward ? run.last : run.first;
    const end = taken.length < hits.length ? (taken.at(-1) ?? edge) : edge;
    const isEnd = isForward ? end >= last : end <= first;
    const next = end + (isForward ? 1 : -1);
    if (!isEnd && end === edge && cost.read > 0) this.#readAhead(broker, kind, direction, next);
    return {
      messages,
      ...(!isEnd && { next }),
      read: cost.read + taken.length,
      bytes: cost.bytes + bytesOf(messages),
    };
  }

  /** Only while a search reads what nobody has read: it goes on, as a rule. */
  #readAhead(broker: Broker, kind: StreamKind, direction: Direction, seq: number): void {
    const key = `${direction} ${seq}`;
    if (this.#ahead.has(key) || this.#runs.some(({ first, last }) => first <= seq && seq <= last)) return;
    const reading = this.#runAt(broker, kind, direction, seq);
    this.#ahead.clear();
    this.#ahead.set(key, reading);
    // It is read again by whoever needs it.
    reading.catch(() => this.#ahead.delete(key));
  }

  async #runAt(broker: Broker, kind: StreamKind, direction: Direction, seq: number): Promise<Loaded> {
    const key = `${direction} ${seq}`;
    const ahead = this.#ahead.get(key);
    this.#ahead.delete(key);
    // With what it cost.
    if (ahead) return ahead;
    const run = this.#runs.find(({ first, last }) => first <= seq && seq <= last);
    if (run) return { run, read: 0, bytes: 0 };
    const shared = this.#loading.get(key);
    // Sources of one stream are read side by side.
    if (shared) return { run: (await shared).run, read: 0, bytes: 0 };
    const isForward = direction === 'oldest';
    const loading = (
      isForward ? this.#readFrom(broker, kind, seq) : this.#readBack(broker, kind, seq)
    ).finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  async #readFrom({ read, subjects }: Broker, kind: StreamKind, first: number): Promise<Loaded> {
    const beyond = this.#runs.find((run) => run.first > first)?.first ?? Number.POSITIVE_INFINITY;
    const page = await read.page(subjects.streamName(kind), '>', first, RUN);
    const messages = page.filter(({ seq }) => seq < beyond);
    // A replica may be behind: the stream is known as far as something was read.
    const end = page.at(-1)?.seq;
    const last = end === undefined ? this.#last : Math.min(end, beyond - 1);
    const run = { first, last, size: messages.length, lines: linesOf(subjects, kind, messages) };
    if (end !== undefined) this.#keep(run);
    return { run, read: page.length, bytes: bytesOf(page) };
  }

  async #readBack({ read, subjects }: Broker, kind: StreamKind, seq: number): Promise<Loaded> {
    const below = this.#runs.findLast((run) => run.last < seq)?.last ?? 0;
    const floor = Math.max(below + 1, this.#first);
    const stream = subjects.streamName(kind);
    const near = Math.max(floor, seq - RUN + 1);
    let messages = (await read.page(stream, '>', near, RUN)).filter((message) => message.seq <= seq);
    let first = near;
    if (near > floor && messages.length < RUN / 4) {
      // Most of them were removed.
      messages = (await read.pageBefore(stream, '>', seq, RUN, floor)).reverse();
      first = messages.length === RUN ? (messages[0]?.seq ?? floor) : floor;
    }
    const [oldest] = messages;
    const isBeforeKnown = this.#runs.some((run) => run.first === seq + 1);
    const last = isBeforeKnown ? seq : (messages.at(-1)?.seq ?? seq);
    const run = { first, last, size: messages.length, lines: linesOf(subjects, kind, messages) };
    if (oldest || isBeforeKnown) this.#keep(run);
    return { run, read: messages.length, bytes: bytesOf(messages) };
  }

  #keep(run: Run): void {
    // Readers that came from different places may have read the same.
    if (this.#runs.some(({ first, last }) => first <= run.last && last >= run.first)) return;
    const at = this.#runs.filter(({ last }) => last < run.first).length;
    const before = this.#runs[at - 1];
    this.#characters += charactersOf(run);
    if (before && before.last + 1 === run.first && before.size + run.size <= RUN) {
      before.last = run.last;
      before.size += run.size;
      for (const [head, lines] of run.lines) before.lines.set(head, (before.lines.get(head) ?? '') + lines);
    } else this.#runs.splice(at, 0, run);
    while (this.#characters > MAX_CHARACTERS) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const run = this.#runs.shift();
    if (run) this.#characters -= charactersOf(run);
  }
}

function charactersOf({ lines }: Run): number {
  return [...lines.values()].reduce((sum, { length }) => sum + length, 0);
}

function linesOf(
  subjects: Subjects,
  kind: StreamKind,
  messages: readonly StoredMessage[],
): Map<string, string> {
  const byHead = new Map<string, string[]>();
  for (const { subject, seq } of messages) {
    const id = idOf(subjects, kind, subject, seq);
    if (id === undefined) continue;
    const head = subject.slice(0, subject.lastIndexOf('.'));
    const line = `\n${id} ${seq.toString(BASE)}`;
    const lines = byHead.get(head);
    if (lines) lines.push(line);
    else byHead.set(head, [line]);
  }
  return new Map([...byHead].map(([head, lines]) => [head, lines.join('')]));
}

/** The id of the job that a list may take from a message. */
function idOf(subjects: Subjects, kind: StreamKind, subject: string, seq: number): string | undefined {
  if (kind === 'events') {
    const event = subjects.parseEvent(subject);
    return event && isTerminal(event.status) ? event.id : undefined;
  }
  if (kind === 'timers') {
    if (!subjects.isSchedule(subject) || placeOfTicks(subjects, subject)) return undefined;
    return subjects.scheduleId(subject) ?? subject.slice(subject.lastIndexOf('.') + 1);
  }
  const work = subjects.parseWork(subject);
  return work && (work.id ?? sequenceId({ kind, seq }));
}

/** Ascending. */
function sequencesIn({ lines }: Run, filter: string, prefix: string): number[] {
  const wanted = filter.split('.').slice(0, -1);
  const start = `\n${prefix}`;
  const found: number[] = [];
  for (const [head, text] of lines) {
    if (!matchesTokens(head.split('.'), wanted)) continue;
    for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1)) {
      const blank = text.indexOf(' ', at);
      const end = text.indexOf('\n', blank);
      found.push(Number.parseInt(text.slice(blank + 1, end < 0 ? text.length : end), BASE));
    }
  }
  return found.sort((a, b) => a - b);
}
