import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';
import { ConflictError } from '../../jobs/errors.js';
import { decodePauses, encodePauses, type Pause, type PauseList, pausedUntil } from '../../wire/pauses.js';
import { type Subjects, WORK_KINDS } from '../../wire/subjects.js';
import { AtOnce } from '../at-once.js';
import { forbiddenIn } from '../connection/forbidden.js';
import {
  apiCodeOf,
  CONSUMER_NOT_FOUND,
  type JetStream,
  MESSAGE_NOT_FOUND,
  STREAM_NOT_FOUND,
  unlessMissing,
  withLeader,
} from './manager.js';

const WRONG_LAST_SEQUENCE = 10071;
const PAUSED_AT_ONCE = 50;
/**
 * nats-server 2.15 resumes a consumer at once when it is told to, and serves the requests that wait there only with the next one or the
 * next message, seconds later. When the time of a pause is over it serves them. So a pause is ended by giving it an end: this far
 * ahead, or so far where the clocks differ.
 */
const ENDS_IN_MS = [100, 1_000, 5_000];

/** When consumers are read again that are not as the list says. */
const COMPARE_AGAIN_MS = 500;

/** A consumer that is paused, or not, against the list. */
export interface PauseDrift {
  /** `consumer create_instance-low of JOBS`. */
  target: string;
  isPaused: boolean;
}

/** The pauses as they are stored; `seq` fences the next change. */
export interface StoredPauses {
  seq: number;
  pauses: Pause[];
}

/**
 * Pauses of consumers. The broker holds them: `pause_until` stands in the configuration of a consumer, so it holds for all workers, and over
 * restarts of the server and of workers (ADR-43 of NATS); its own timer ends it. The list of pauses, by which consumers that are created
 * later are paused from the start, is one message of the stream CONTROL, changed by compare-and-set. Whoever has changed a consumer reads the list
 * once more, so that of changes at the same time the last one holds.
 */
export class Pauses {
  readonly #jsm: JetStreamManager;
  readonly #client: JetStream['client'];
  readonly #subjects: Subjects;
  readonly #makeStream: () => Promise<unknown>;

  /** @param makeStream makes CONTROL where it is missing */
  constructor({ manager, client }: JetStream, subjects: Subjects, makeStream: () => Promise<unknown>) {
    this.#makeStream = makeStream;
    this.#jsm = manager;
    this.#client = client;
    this.#subjects = subjects;
  }

  /** As the stream's leader has them, those whose time is over included. */
  async read(): Promise<StoredPauses> {
    const message = await withLeader(() =>
      unlessMissing([STREAM_NOT_FOUND, MESSAGE_NOT_FOUND], () =>
        this.#jsm.streams.getMessage(this.#subjects.streamName('control'), {
          last_by_subj: this.#subjects.pauses(),
        }),
      ),
    );
    return message ? { seq: message.seq, pauses: decodePauses(message.data) } : { seq: 0, pauses: [] };
  }

  /** As {@link read}; none for a user who may not know them. */
  async readIfAllowed(): Promise<StoredPauses> {
    try {
      return await this.read();
    } catch (error) {
      if (forbiddenIn(error)) return { seq: 0, pauses: [] };
      throw error;
    }
  }

  /** @throws ConflictError when somebody else has changed them since they were read */
  async write(list: PauseList, lastSeq: number): Promise<void> {
    if (lastSeq === 0) await this.#makeStream();
    try {
      await this.#client.publish(this.#subjects.pauses(), encodePauses(list), {
        expect: { lastSubjectSequence: lastSeq },
      });
    } catch (error) {
      if (apiCodeOf(error) !== WRONG_LAST_SEQUENCE) throw error;
      throw new ConflictError('somebody else has paused or resumed jobs meanwhile', { cause: error });
    }
  }

  /** Pauses and resumes every consumer as the list says, until the list is the same before and after. */
  async hold(): Promise<void> {
    for (let list = await this.read(); ; ) {
      await this.#apply(list.pauses);
      const now = await this.read();
      if (now.seq === list.seq) return;
      list = now;
    }
  }

  /** The consumers that are not as the list says, also when they are read once more: a change may be under way. */
  async compare(): Promise<{ isListed: boolean; drifted: PauseDrift[] }> {
    const first = await this.#drifted();
    if (first.drifted.length === 0) return first;
    await delay(COMPARE_AGAIN_MS);
    const { isListed, drifted } = await this.#drifted();
    const isOld = ({ target }: PauseDrift) => first.drifted.some((each) => each.target === target);
    return { isListed, drifted: drifted.filter(isOld) };
  }

  async #drifted(): Promise<{ isListed: boolean; drifted: PauseDrift[] }> {
    const { seq, pauses } = await this.readIfAllowed();
    const drifted = (await this.#consumers()).flatMap((info): PauseDrift[] => {
      const isPaused = info.paused === true;
      const target = `consumer ${info.name} of ${info.stream_name}`;
      return isPaused === (this.#wantedEnd(info, pauses) !== undefined) ? [] : [{ target, isPaused }];
    });
    return { isListed: seq > 0, drifted };
  }

  async #apply(pauses: readonly Pause[]): Promise<void> {
    const applying = new AtOnce(PAUSED_AT_ONCE);
    const infos = await this.#consumers();
    await Promise.all(infos.map((info) => applying.run(() => this.#applyTo(info, pauses))));
  }

  /** Those of work streams. */
  async #consumers(): Promise<ConsumerInfo[]> {
    const infos: ConsumerInfo[] = [];
    for (const kind of WORK_KINDS) {
      const list = async () => {
        for await (const info of this.#jsm.consumers.list(this.#subjects.streamName(kind))) infos.push(info);
      };
      await withLeader(() => unlessMissing([STREAM_NOT_FOUND], list));
    }
    return infos.filter(({ name }) => this.#subjects.parseConsumer(name));
  }

  async #applyTo(info: ConsumerInfo, pauses: readonly Pause[]): Promise<void> {
    const nowMs = serverTimeOf(info);
    const untilMs = this.#wantedEnd(info, pauses);
    if (untilMs === undefined) {
      if (info.paused) await this.#end(info, nowMs);
    } else if (!info.paused || endOf(info) !== untilMs) await this.#setUntil(info, untilMs);
  }

  /** Until when a consumer has to be paused; undefined for one that has not. */
  #wantedEnd(info: ConsumerInfo, pauses: readonly Pause[]): number | undefined {
    const consumer = this.#subjects.parseConsumer(info.name);
    const untilMs = consumer && pausedUntil(pauses, consumer);
    return untilMs !== undefined && untilMs > serverTimeOf(info) ? untilMs : undefined;
  }

  async #end(info: ConsumerInfo, nowMs: number): Promise<void> {
    for (const inMs of ENDS_IN_MS) {
      const beganMs = performance.now();
      const isTaken = await this.#setUntil(info, nowMs + inMs);
      // Whoever resumes jobs hears of it when they may start.
      if (isTaken) return delay(Math.max(0, inMs - (performance.now() - beganMs)));
    }
  }

  /** @returns whether the server has taken it for a time to come, or the consumer is gone */
  async #setUntil({ stream_name, name }: ConsumerInfo, untilMs: number): Promise<boolean> {
    const answer = await withLeader(() =>
      unlessMissing([CONSUMER_NOT_FOUND], () =>
        this.#jsm.consumers.pause(stream_name, name, new Date(untilMs)),
      ),
    );
    return answer?.paused ?? true;
  }
}

function endOf({ config }: ConsumerInfo): number {
  return Date.parse(config.pause_until ?? '');
}

/** The server says it beside the state of a consumer; the client's types lack it. */
function serverTimeOf(info: ConsumerInfo): number {
  const ms = Date.parse((info as ConsumerInfo & { ts?: string }).ts ?? '');
  return Number.isNaN(ms) ? Date.now() : ms;
}
