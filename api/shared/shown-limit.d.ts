import { JobPriority } from './vocabulary.js';

/** Limits as they are set and as they are shown, without what only a server can do with them. */

/** At most `max` starts in any `perMs` milliseconds. */
interface RateLimit {
    /** 1 to 100,000. */
    max: number;
    /** 100 ms to 7 days. */
    perMs: number;
}
/** How many may run at once, and how many may start in a time; at least one of the two. */
interface LimitSettings {
    /** Permits that may be held at once by all workers together, 1 to 2,000. */
    concurrency?: number;
    rate?: RateLimit;
}
/** A permit that is held. */
interface ShownPermit {
    jobId: string;
    /** Absent for a job on its way to a worker. */
    worker?: string;
    since: string;
    /** When it is free again, unless it is renewed. */
    until: string;
}
/** A job that waits for a permit, or whose handler does. */
interface ShownWaiter {
    jobId: string;
    priority: JobPriority;
    since: string;
}
/** What is held and what waits under one key of a limit. Times are ISO 8601. */
interface ShownLimit extends LimitSettings {
    limit: string;
    key: string;
    held: ShownPermit[];
    /** Starts that count for the rate now. */
    started: number;
    waiting: number;
    /**
     * The first of those that wait, at most 5: the highest priority first, then the oldest. Whose turn it is may change that order. Of a list
     * the first 100 keys that are waited for have them.
     */
    waiters: ShownWaiter[];
    /** When the next one may start by its rate, or after a `Retry-After`; absent where that is now, or takes a permit that is given back. */
    nextFreeAt?: string;
    /** Until when a provider has asked to wait. */
    closedUntil?: string;
    /** One starts at a time, until one has gone well: the endpoint of its webhooks has failed. */
    onTrial?: true;
}

export type { LimitSettings, RateLimit, ShownLimit, ShownPermit };
