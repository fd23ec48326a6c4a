/** What SIGNALS holds of children: which ones a parent has, and how each has ended. */
import type { ChildEnd } from '../jobs/flow.js';
import { isReference } from '../jobs/stored-object.js';
import type { Sealer } from '../wire/sealer.js';
import {
  childrenSubject,
  type EndAddress,
  endSubject,
  parseChildren,
  parseEnd,
} from '../wire/signal-subjects.js';
import { ANY, type Subjects } from '../wire/subjects.js';
import type { ObjectStore } from './object-store.js';
import type { Appended } from './publish/commit-options.js';
import type { StoredMessage } from './read/direct-read.js';
import type { SignalStore } from './signal-store.js';
import type { Topology } from './topology/topology.js';

const PAGE = 1_000;
const decoder = new TextDecoder();

export class ChildStore {
  readonly #signals: SignalStore;
  readonly #subjects: Subjects;
  readonly #topology: Topology;
  readonly #sealer: Sealer;
  readonly #objects: () => ObjectStore;

  constructor(
    signals: SignalStore,
    subjects: Subjects,
    topology: Topology,
    sealer: Sealer,
    objects: () => ObjectStore,
  ) {
    this.#objects = objects;
    this.#signals = signals;
    this.#subjects = subjects;
    this.#topology = topology;
    this.#sealer = sealer;
  }

  /**
   * Stores how a child has ended, once: the first end counts.
   * @throws ConflictError when it is stored already
   */
  storeEnd(address: EndAddress, end: ChildEnd): Promise<Appended> {
    const { parentId, childId } = address;
    const filter = endSubject(this.#subjects, { parentId, group: ANY, status: ANY, childId });
    return this.#signals.write({
      subject: endSubject(this.#subjects, address),
      data: JSON.stringify(this.#sealed(end)),
      expect: { filter, lastSeq: 0 },
    });
  }

  /** How many children of a group have ended, and as of which sequence: a replica may be behind. */
  count(parentId: string, group: string): Promise<{ count: number; asOf: number }> {
    const filter = endSubject(this.#subjects, { parentId, group, status: ANY, childId: ANY });
    const none = { count: 0, asOf: 0 };
    return this.#signals.stream.find(none, (read, stream) => read.countSubjects(stream, filter));
  }

  /** Where the ends of all children of a parent are stored, as the leader has it. */
  async ended(parentId: string): Promise<EndAddress[]> {
    const all = endSubject(this.#subjects, { parentId, group: ANY, status: ANY, childId: ANY });
    const { state } = await this.#topology.streamInfo('signals', all);
    return Object.keys(state.subjects ?? {}).flatMap((subject) => parseEnd(this.#subjects, subject) ?? []);
  }

  /** The children of a parent that have failed, and where that is stored. */
  async failures(parentId: string): Promise<{ childId: string; seq: number }[]> {
    const failed = endSubject(this.#subjects, { parentId, group: ANY, status: 'failed', childId: ANY });
    return (await this.#all(failed)).flatMap(({ subject, seq }) => {
      const end = parseEnd(this.#subjects, subject);
      return end ? [{ childId: end.childId, seq }] : [];
    });
  }

  /** The ends of all children of a parent, by id; results that are objects are left as references. */
  async ends(parentId: string): Promise<Map<string, ChildEnd>> {
    return this.#endsIn(
      await this.#all(endSubject(this.#subjects, { parentId, group: ANY, status: ANY, childId: ANY })),
    );
  }

  /** The ends of some children of a parent, by id. */
  async endsOf(parentId: string, childIds: readonly string[]): Promise<Map<string, ChildEnd>> {
    return this.whole(await this.#endsOf(parentId, childIds));
  }

  /** Ends with their results where these are objects. @throws ValidationError `JETFLEET_OBJECT_LOST`, `JETFLEET_SEALED` */
  async whole(ends: Map<string, ChildEnd>): Promise<Map<string, ChildEnd>> {
    for (const [id, end] of ends)
      if (isReference(end.result))
        ends.set(id, { ...end, result: await this.#objects().resolve(end, end.result) });
    return ends;
  }

  async #endsOf(parentId: string, childIds: readonly string[]): Promise<Map<string, ChildEnd>> {
    const filters = childIds.map((childId) =>
      endSubject(this.#subjects, { parentId, group: ANY, status: ANY, childId }),
    );
    return this.#endsIn(
      await this.#signals.stream.find([], (read, stream) => read.lastOfEach(stream, filters)),
    );
  }

  /**
   * Notes which children a parent is about to add, so that whoever ends the parent can end them.
   * @throws ConflictError when there is such a list already
   */
  async note(parentId: string, name: string, childIds: readonly string[]): Promise<void> {
    const subject = childrenSubject(this.#subjects, parentId, name);
    await this.#signals.write({
      subject,
      data: JSON.stringify(childIds),
      expect: { filter: subject, lastSeq: 0 },
    });
  }

  /** The children of a parent, by the names of the lists. */
  async noted(parentId: string): Promise<Map<string, string[]>> {
    const lists = await this.#all(childrenSubject(this.#subjects, parentId, ANY));
    return new Map(
      lists.map(({ subject, data }) => [
        parseChildren(this.#subjects, subject) ?? '',
        JSON.parse(decoder.decode(data)) as string[],
      ]),
    );
  }

  #all(filter: string): Promise<StoredMessage[]> {
    return this.#signals.stream.find<StoredMessage[]>([], async (read, stream) => {
      const found: StoredMessage[] = [];
      for await (const page of read.pages(stream, filter, 1, PAGE)) found.push(...page);
      return found;
    });
  }

  #sealed(end: ChildEnd): ChildEnd {
    const { type, result } = end;
    return result === undefined
      ? end
      : { ...end, result: this.#sealer.seal(result, { type, field: 'result' }) };
  }

  /** @throws ValidationError `JETFLEET_SEALED` */
  #endsIn(messages: readonly StoredMessage[]): Map<string, ChildEnd> {
    const ends = messages.map(({ data }) => {
      const end = JSON.parse(decoder.decode(data)) as ChildEnd;
      const { type, result } = end;
      return result === undefined
        ? end
        : { ...end, result: this.#sealer.open(result, { type, field: 'result' }) };
    });
    return new Map(ends.map((end) => [end.id, end]));
  }
}
