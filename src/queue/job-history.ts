import type { Broker } from '../broker/broker.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { ImpliedRuns } from './implied-runs.js';

/** One transition of a job: the whole record after it. */
export interface RecordedTransition {
  /** Sequence in EVENTS; of an implied transition, that of the record that implies it. */
  seq: number;
  record: JobRecord;
  /** When the server has stored the record, ISO 8601; absent for an implied one. A claim holds from then on. */
  storedAt?: string;
  /** Nobody wrote it down: a new job that ends at once writes only how, and the outcome says since when it ran. */
  implied?: true;
}

const PAGE = 50;
/** A job that hibernates often leaves many records; the oldest are enough to show. */
const MAX_RECORDS = 2_000;
/** With what one page may have more. A record has at most 1 MB. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Every transition of a job, oldest first, from at most 2,000 records, and about 16 MiB. */
export async function readHistory(broker: Broker, id: string): Promise<RecordedTransition[]> {
  // Anything else would be read as a pattern.
  if (!isJobId(id)) return [];
  const history: RecordedTransition[] = [];
  const runs = new ImpliedRuns();
  let bytes = 0;
  const { read, subjects } = broker;
  for await (const page of read.pages(subjects.streamName('events'), subjects.eventsOf(id), 1, PAGE)) {
    for (const message of page) {
      bytes += message.data.length;
      const record = broker.recordOf(message);
      const run = record && runs.before(record);
      if (run) history.push({ seq: message.seq, record: run, implied: true });
      const storedAt = new Date(message.timeMs).toISOString();
      if (record) history.push({ seq: message.seq, record, storedAt });
    }
    if (history.length >= MAX_RECORDS || bytes >= MAX_BYTES) break;
  }
  return history;
}
