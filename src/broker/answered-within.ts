import { withDeadline } from '../jobs/deadline.js';

/** A call that the broker answers within so many ms, or that rejects: for those who go on without it. The call itself goes on, unless it heeds the signal. */
export function answeredWithin<T>(ms: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = () => new Error(`the broker did not answer within ${ms} ms`);
  return withDeadline(ms, [], late, call);
}
