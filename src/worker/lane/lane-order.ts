/** In which order a lane asks its consumers for jobs. */

/** One consumer of a lane, as far as the order looks at it. Sources come highest priority first. */
export interface OrderedSource {
  /** A request waits there, so it has no job to hand out. */
  readonly isWaiting: boolean;
  /** False when it had none when it was asked last. */
  readonly mayHaveMore: boolean;
}

/** How many jobs a source may be asked for next. */
export interface Turn<S> {
  source: S;
  most: number;
  /** Its jobs may start although there may be some of a higher priority. */
  isGranted: boolean;
  /** What it gave may change whose turn is next. */
  isAlone?: boolean;
}

/** What a lane needs to know of a delivery. */
export interface Received {
  /** When it was stored. */
  timeMs: number;
  /** How many its consumer had yet to hand out. */
  pending: number;
}

export interface LaneOrder<S extends OrderedSource> {
  /** Whom to ask, one after the other, until `free` slots are taken. */
  turns(free: number): readonly Turn<S>[] | Promise<readonly Turn<S>[]>;
  /** Whether a job may start whatever waits of a higher priority. */
  passes(source: S, received: Received): boolean;
  onReceived(source: S, received: Received): void;
  /** Which of those that wait in the lane for a slot gets the next one. They come highest priority first, then as they came. */
  nextOf<H extends Held<S>>(held: readonly [H, ...H[]]): H;
}

/** A delivery that waits in the lane. */
export interface Held<S> {
  source: S;
  delivery: Received;
}

/** The highest priority first. */
export class StrictOrder<S extends OrderedSource> implements LaneOrder<S> {
  readonly #turns: readonly Turn<S>[];

  constructor(sources: readonly S[]) {
    this.#turns = sources.map((source) => ({ source, most: Number.POSITIVE_INFINITY, isGranted: false }));
  }

  turns(): readonly Turn<S>[] {
    return this.#turns;
  }

  passes(): boolean {
    return false;
  }

  onReceived(): void {}

  nextOf<H extends Held<S>>([first]: readonly [H, ...H[]]): H {
    return first;
  }
}

/**
 * Shares by weight, as smooth weighted round robin gives them: over any stretch in which all have jobs, each gets its share to within one
 * job. A source without jobs saves nothing up.
 */
export class WeightedOrder<S extends OrderedSource> implements LaneOrder<S> {
  readonly #sources: readonly S[];
  readonly #weightOf: (source: S) => number;
  readonly #credits: Map<S, number>;

  constructor(sources: readonly S[], weightOf: (source: S) => number) {
    this.#sources = sources;
    this.#weightOf = weightOf;
    this.#credits = new Map(sources.map((source) => [source, 0]));
  }

  turns(free: number): Turn<S>[] {
    const wanted = new Map<S, number>();
    const withJobs = this.#sources.filter(({ isWaiting, mayHaveMore }) => !isWaiting && mayHaveMore);
    for (let slot = 0; slot < free && withJobs.length > 0; slot++) {
      const source = this.#next(withJobs);
      wanted.set(source, (wanted.get(source) ?? 0) + 1);
    }
    const shares = [...wanted].map(([source, most]) => ({ source, most, isGranted: true }));
    // What is left of the slots, where a source had fewer jobs than its share.
    const rest = this.#sources.map((source) => ({ source, most: Number.POSITIVE_INFINITY, isGranted: true }));
    return [...shares, ...rest];
  }

  passes(): boolean {
    return true;
  }

  onReceived(): void {}

  nextOf<H extends Held<S>>(held: readonly [H, ...H[]]): H {
    const source = this.#next([...new Set(held.map((each) => each.source))]);
    return held.find((each) => each.source === source) ?? held[0];
  }

  #next(sources: readonly S[]): S {
    let total = 0;
    let best = sources[0] as S;
    for (const source of sources) {
      const weight = this.#weightOf(source);
      total += weight;
      this.#credits.set(source, (this.#credits.get(source) ?? 0) + weight);
      if ((this.#credits.get(source) ?? 0) > (this.#credits.get(best) ?? 0)) best = source;
    }
    this.#credits.set(best, (this.#credits.get(best) ?? 0) - total);
    return best;
  }
}
