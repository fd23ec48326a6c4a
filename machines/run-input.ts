import { fromPromise, type PromiseActorLogic } from 'xstate';

/**
 * What one run of a job is given. A run chart is any actor logic with this input whose output is a `JobOutcome`.
 * A job that hibernated runs again with the same `attempt`, a later `now`, and the checkpoint it left.
 */
export interface RunInput<P = unknown> {
  jobId: string;
  type: string;
  attempt: number;
  maxAttempts: number;
  /** Limit for one run, in milliseconds. */
  timeoutMs?: number;
  tags?: readonly string[];
  payload: P;
  checkpoint?: unknown;
  webhookUrl?: string;
  /** ISO time at which the worker began this run: the only clock that a chart knows. */
  now: string;
}

/** The stand-in for an actor that the worker provides. It never ends, so a chart that is only drawn, or walked, does nothing. */
export function notProvided<Output, Input>(): PromiseActorLogic<Output, Input> {
  return fromPromise<Output, Input>(() => new Promise<Output>(() => {}));
}

export type Thrown = { error: unknown };
/** As the `params` of what depends on the error of an actor. */
export const thrown = ({ event }: { event: Thrown }): Thrown => ({ error: event.error });

/** What a chart that is created without input starts from, as `xstate/graph` and the pure functions do. */
export function emptyInput<P>(): RunInput<P> {
  return { jobId: '', type: '', attempt: 0, maxAttempts: 1, payload: {} as P, now: '' };
}
