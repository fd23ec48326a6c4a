import { copyJson } from '../../jobs/copy-json.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { WorkKind } from '../../jobs/vocabulary.js';
import { safely, type UserCode } from '../../telemetry/user-code.js';
import type { JobContext } from '../job-handler.js';
import type { ClaimedFrom, SettledAttempt, WorkerHooks } from './worker-hooks.js';

type HookName = 'onClaim' | 'around' | 'onSettled';
type Next = () => Promise<unknown>;

interface Recorded {
  readonly record: JobRecord;
}

/** What was claimed, and its record from before. */
interface ClaimedWork {
  before: JobRecord;
  kind: WorkKind;
}

/** How long a hook may take before it begins the handler. */
const BEGIN_WITHIN_MS = 5_000;

/** The hooks of one worker, in the order in which they came. What they throw ends here. */
export class HookCalls {
  readonly #userCode: UserCode;
  #hooks: WorkerHooks[] = [];
  /** Those that have an `around`; most workers have none, and a job costs them no more than this. */
  #around: WorkerHooks[] = [];
  /** Whether any hook listens to claims or ends. */
  isListening = false;

  constructor(userCode: UserCode) {
    this.#userCode = userCode;
  }

  /** For the jobs that are claimed from now on. */
  add(hooks: WorkerHooks): void {
    const { name } = hooks;
    const place = name === undefined ? -1 : this.#hooks.findIndex((each) => each.name === name);
    this.#take(place < 0 ? [...this.#hooks, hooks] : this.#hooks.with(place, hooks));
  }

  get isAround(): boolean {
    return this.#around.length > 0;
  }

  remove(name: string): void {
    this.#take(this.#hooks.filter((each) => each.name !== name));
  }

  #take(hooks: WorkerHooks[]): void {
    this.#hooks = hooks;
    this.#around = hooks.filter(({ around }) => around);
    this.isListening = hooks.some(({ onClaim, onSettled }) => onClaim || onSettled);
  }

  /**
   * Says that a job is claimed.
   * @param run holds the record that the claim makes, and later ones
   * @returns says how its attempt ended, to the same hooks; called once
   */
  claimed(
    job: JobContext,
    run: Recorded,
    { before, kind }: ClaimedWork,
  ): (state: SettledAttempt['state']) => void {
    const claimedAt = performance.now();
    const hooks = this.#hooks;
    const from = claimedFrom(before, run.record, kind);
    for (const each of hooks) this.#call(each, 'onClaim', job, () => each.onClaim?.(job, from));
    return (state) => {
      const settled = settledOf(job, run, state, performance.now() - claimedAt);
      for (const each of hooks) this.#call(each, 'onSettled', job, () => each.onSettled?.(job, settled));
    };
  }

  /**
   * Runs a handler inside of all `around`.
   * @param run begins the handler; called once
   * @returns the outcome of the handler, as soon as it is known and whatever the hooks do
   */
  wrap<T>(job: JobContext, run: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const handler: Next = () => {
        const running = run();
        running.then(resolve, reject);
        return running;
      };
      const outermost = this.#around.reduceRight<Next>(
        (next, hooks) => () => this.#through(hooks, job, next),
        handler,
      );
      outermost().catch(() => {});
    });
  }

  /** Calls one `around`. @returns a promise that settles as `next` does, once the hook has ended */
  #through(hooks: WorkerHooks, job: JobContext, next: Next): Promise<unknown> {
    let begun: Promise<unknown> | undefined;
    let failure: { error: unknown } | undefined;
    let late: NodeJS.Timeout | undefined;
    const begin = () => {
      clearTimeout(late);
      if (begun) return begun;
      begun = next();
      begun.catch((error: unknown) => {
        failure = { error };
      });
      return begun;
    };
    const blame = (error: unknown) => this.#note(hooks, 'around', job, error);
    const called = calledSafely(() => hooks.around?.(job, begin));
    if (!begun) {
      late = setTimeout(() => {
        blame(new Error(`around did not call next within ${BEGIN_WITHIN_MS} ms`));
        void begin();
      }, BEGIN_WITHIN_MS);
    }
    return called.then(
      () => {
        if (!begun) blame(new Error('around ended without calling next'));
        return begin();
      },
      (error) => {
        // That the handler failed is no failure of a hook which passes it on.
        if (!failure || failure.error !== error) blame(error);
        return begin();
      },
    );
  }

  #call(hooks: WorkerHooks, name: HookName, job: JobContext, call: () => unknown): void {
    safely(call, (error) => this.#note(hooks, name, job, error));
  }

  #note(
    { name: hooks }: WorkerHooks,
    name: HookName,
    { id, type, attempt }: JobContext,
    error: unknown,
  ): void {
    this.#userCode.note(`hook ${name}`, error, { hooks, jobId: id, type, attempt });
  }
}

/** Times are those of the broker. */
function claimedFrom(before: JobRecord, claim: JobRecord, stream: WorkKind): ClaimedFrom {
  const { state, updatedAt, nextRunAt } = before;
  const claimedAt = new Date(claim.updatedAt);
  const since = new Date(updatedAt);
  const dueMs = nextRunAt === undefined ? since.getTime() : Date.parse(nextRunAt);
  const waitedMs = Math.max(0, claimedAt.getTime() - dueMs);
  const { worker, parentId, traceparent, tracestate } = claim;
  return { state, since, claimedAt, waitedMs, stream, worker, parentId, traceparent, tracestate };
}

/** A record is copied for those alone who look at it. */
function settledOf(
  job: JobContext,
  run: Recorded,
  state: SettledAttempt['state'],
  durationMs: number,
): SettledAttempt {
  return {
    state,
    durationMs,
    get record() {
      return job.record;
    },
    get error() {
      const { error } = run.record;
      return error && copyJson(error);
    },
  };
}

/** What a callback gives, as a promise, also where it throws. */
function calledSafely(call: () => unknown): Promise<unknown> {
  try {
    return Promise.resolve(call());
  } catch (error) {
    return Promise.reject(error);
  }
}
