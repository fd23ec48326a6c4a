import { GpuProvider } from './provider.js';

/** Instances that cost money for nobody, as a report first: what they are, what they have cost, and which of them can be deleted. */

interface OrphanOptions {
    /** The accounts that are looked at. */
    provider: GpuProvider | readonly GpuProvider[];
    /** Younger instances are left out, in milliseconds: a create may be under way, and lists lag behind. Defaults to 600,000. */
    graceMs?: number;
}
interface DeleteOrphansOptions extends OrphanOptions {
    /** Only these, as {@link Orphan.novitaInstanceId} shows them. */
    ids: readonly string[];
}
/** An instance with a name of Jetfleet's that nobody uses. Amounts are 1/100,000 USD. */
interface Orphan {
    novitaInstanceId: string;
    name: string;
    status: string;
    region?: string;
    /** Why nobody uses it, as the records of jobs say. */
    why: string;
    /** ISO time since when it is there, as far as is known. */
    since: string;
    /** Whether a record proves that this queue has rented it: only then it is deleted. */
    deletable: boolean;
    /** What it costs for an hour; null where nobody says so. */
    pricePerHour: number | null;
    /** What it has cost so far; null where its price is not known. */
    cost: number | null;
}
interface OrphanReport {
    orphans: Orphan[];
    /** Together, for an hour, of those whose price is known. */
    ratePerHour: number;
    /** Accounts that could not be asked, with why: of these nothing is known. */
    unreachable: {
        provider: string;
        message: string;
    }[];
}
/** What became of an orphan that was to be deleted. */
interface DeletedOrphan {
    novitaInstanceId: string;
    /** The job that deletes it, until its provider has proven that it is gone. */
    jobId?: string;
    /** Why it is not deleted. */
    error?: string;
}

export type { DeleteOrphansOptions, DeletedOrphan, OrphanOptions, OrphanReport };
