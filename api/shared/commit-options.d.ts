interface CommitLogOptions {
    /** From how many waiting writes on they go as one batch; fewer go one by one. Defaults to 16. */
    batchFrom?: number;
    /**
     * Most messages in a batch. Defaults to 5,000, which a server takes that is set to it (`jetstream { limits { batch { max_msgs:
     * 5000 } } }`); another one refuses the first that is larger than 1,000, and they have 1,000 from then on.
     */
    maxBatch?: number;
    /** Most bytes in a batch. Defaults to 4 MiB. */
    maxBatchBytes?: number;
    /** Batches, or groups of fewer single writes than `batchFrom`, that wait for their answers at once. Defaults to 4. */
    maxInFlight?: number;
    /**
     * While one answer is awaited, writes gather until they are so many, or the answer comes; while several are, until
     * they fill a batch. Defaults to 128.
     */
    gather?: number;
    /** Writes that may be without an answer; one more is refused. Defaults to 20,000. */
    maxWaiting?: number;
    /** Bytes that may be without an answer; more are refused. Defaults to 64 MiB. */
    maxWaitingBytes?: number;
    /** How long the broker has to confirm a write before it is sent again. Defaults to 2,000. */
    confirmTimeoutMs?: number;
    /** When to give up on a write that nobody confirms. Defaults to 30,000. */
    giveUpMs?: number;
}
/** When the server flushes a write to disk: before it confirms it, or every so often. */
type ServerSync = 'always' | 'periodic';

export type { CommitLogOptions as C, ServerSync as S };
