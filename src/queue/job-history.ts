import type { Broker } from '../broker/broker.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';

/** One transition of a job: the whole record after it. */
export interface RecordedTransition {
  /** Sequence in EVENTS. */
  seq: number;
  record: JobRecord;
}

const PAGE = 200;
/** A job that hibernates often leaves many records; the oldest are as good as all for looking at. */
const MAX_RECORDS = 2_000;

/** Every record of a job, oldest first, at most 2,000. */
export async function readHistory(broker: Broker, id: string): Promise<RecordedTransition[]> {
  // Anything else would be read as a pattern.
  if (!isJobId(id)) return [];
  const history: RecordedTransition[] = [];
  for (let seq = 1; history.length < MAX_RECORDS; ) {
    const stream = broker.subjects.streamName('events');
    const page = await broker.read.page(stream, broker.subjects.eventsOf(id), seq, PAGE);
    for (const message of page) {
      const record = broker.recordOf(message);
      if (record) history.push({ seq: message.seq, record });
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) break;
    seq = last.seq + 1;
  }
  return history;
}
