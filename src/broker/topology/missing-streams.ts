import { atMost } from '../../jobs/deadline.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { isLeaderless } from './manager.js';
import { dangerIn, type TopologyReport } from './report.js';

/** Streams are created again at most so often: a subject that none of them covers must not be a request each time. */
const PAUSE_MS = 1_000;
/** A leader may be there long before the question that met an election is answered. */
const ANSWER_MS = 100;

/** What is known of the streams after a subject had nobody who answers for it. */
export type StreamState = 'there' | 'missing' | 'no leader';

/** Creates streams again that were deleted under a running process, and says what stands in the way. */
export class MissingStreams {
  readonly #ensure: () => Promise<TopologyReport>;
  readonly #logger: Logger;
  #making: Promise<StreamState> | undefined;
  #madeAtMs = Number.NEGATIVE_INFINITY;
  /** What differs at the broker, as of the last attempt. */
  #drift: JetfleetError | undefined;
  #isAsked: boolean;

  /**
   * @param ensure creates what is missing, where the process may do that; else it only looks
   * @param isAsked whether the streams are known to have been there. Defaults to true
   */
  constructor(ensure: () => Promise<TopologyReport>, logger: Logger, isAsked = true) {
    this.#ensure = ensure;
    this.#logger = logger;
    this.#isAsked = isAsked;
  }

  /**
   * Before the streams are used for the first time: whether they are there, or undefined later. That nobody answers for a subject is said
   * by the server only while nobody at all listens to it, as who follows `>` does.
   */
  ready(): Promise<StreamState> | undefined {
    if (this.#isAsked) return undefined;
    return this.make().then((state) => {
      this.#isAsked = true;
      return state;
    });
  }

  /** Creates the streams. Until it is known whether they are there, they count as without a leader. Never throws. */
  async make(): Promise<StreamState> {
    if (performance.now() - this.#madeAtMs < PAUSE_MS) return 'there';
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    let state: StreamState = 'no leader';
    const known = this.#making.then((found) => {
      state = found;
    });
    await atMost(ANSWER_MS, known);
    return state;
  }

  /**
   * Why it should not be tried again; undefined where the next try may succeed.
   * @param missing makes the error which says that nobody answers for a subject
   * @param state of the streams, as `make` found it, and `before` as it did before the last try
   */
  reasonToGiveUp(
    missing: () => JetfleetError,
    state: StreamState,
    before: StreamState | undefined,
  ): JetfleetError | undefined {
    // Another stream has the place of ours: "create it" would be wrong advice.
    const isElsewhere = this.#drift !== undefined && before === 'there';
    return state === 'missing' || isElsewhere ? (this.#drift ?? missing()) : undefined;
  }

  async #make(): Promise<StreamState> {
    try {
      const report = await this.#ensure();
      this.#note(dangerIn(report));
      if (report.missing.length > 0) return 'missing';
      this.#madeAtMs = performance.now();
      return 'there';
    } catch (err) {
      if (isLeaderless(err)) return 'no leader';
      if (JetfleetError.is(err, 'JETFLEET_STREAM_DRIFT')) this.#note(err);
      else this.#logger.warn({ err }, 'a stream is missing and cannot be created');
      return 'missing';
    }
  }

  #note(drift: JetfleetError | undefined): void {
    if (drift && drift.message !== this.#drift?.message)
      this.#logger.error({ err: drift }, 'the streams were changed under a running process');
    this.#drift = drift;
  }
}

export type StreamMaker = Pick<MissingStreams, 'ready' | 'make' | 'reasonToGiveUp'>;

/** For reads that create nothing: whether a stream that nobody answers for is missing, which one without a leader is not. */
export class SoughtStream implements StreamMaker {
  readonly #exists: () => Promise<boolean>;
  #asking: Promise<StreamState> | undefined;
  #missingUntilMs = Number.NEGATIVE_INFINITY;
  #isThere = false;
  #mayAsk = true;

  constructor(exists: () => Promise<boolean>) {
    this.#exists = exists;
  }

  /** Until the stream was there once. */
  ready(): Promise<StreamState> | undefined {
    if (this.#isThere || !this.#mayAsk) return undefined;
    return this.#known().then((state) => {
      this.#isThere = state === 'there';
      return this.#mayAsk ? state : 'there';
    });
  }

  /** Until it is known, the stream counts as without a leader. Never throws. */
  async make(): Promise<StreamState> {
    // Where nobody uses the stream, every read would ask.
    return performance.now() < this.#missingUntilMs ? 'missing' : this.#known();
  }

  async #known(): Promise<StreamState> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    let state: StreamState = 'no leader';
    const known = this.#asking.then((found) => {
      state = found;
    });
    await atMost(ANSWER_MS, known);
    return state;
  }

  reasonToGiveUp(missing: () => JetfleetError, state: StreamState): JetfleetError | undefined {
    return state === 'missing' ? missing() : undefined;
  }

  async #ask(): Promise<StreamState> {
    try {
      if (await this.#exists()) return 'there';
    } catch (error) {
      // Who may not ask cannot know.
      if (!JetfleetError.is(error, 'JETFLEET_BROKER_FORBIDDEN')) return 'no leader';
      this.#mayAsk = false;
    }
    this.#missingUntilMs = performance.now() + PAUSE_MS;
    return 'missing';
  }
}
