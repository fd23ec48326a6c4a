/** A job record as the body of an event. */
import { SEALED } from '../jobs/codec.js';
import { JetfleetError } from '../jobs/errors.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isPriority, statusOf } from '../jobs/vocabulary.js';
import type { Sealer } from './sealer.js';

const decoder = new TextDecoder();

export function encodeRecord(record: JobRecord): string {
  return JSON.stringify(record);
}

/**
 * Reads a record. Keys of later versions are kept as they are.
 * @throws JetfleetError `JETFLEET_PAYLOAD_INVALID` for bytes that are no record, such as a stranger's message on EVENTS
 */
export function decodeRecord(data: Uint8Array, sealer?: Sealer): JobRecord {
  let text: string;
  let value: unknown;
  try {
    text = decoder.decode(data);
    value = JSON.parse(text);
  } catch (cause) {
    throw new JetfleetError('JETFLEET_PAYLOAD_INVALID', 'the event is not JSON, so it is no job record', {
      cause,
    });
  }
  if (!isRecord(value)) {
    throw new JetfleetError('JETFLEET_PAYLOAD_INVALID', 'the event is JSON, but no job record');
  }
  return sealer && text.includes(SEALED) ? sealer.openRecord(value) : value;
}

/** Enough to go on from: who it is, where it stands, and how often it was tried. */
function isRecord(value: unknown): value is JobRecord {
  const record = value as Partial<JobRecord> | null;
  return (
    record?.v === 1 &&
    typeof record.id === 'string' &&
    // It goes into subjects, where another text could name what belongs to others.
    isJobId(record.id) &&
    typeof record.type === 'string' &&
    typeof record.state === 'string' &&
    isPriority(record.priority) &&
    record.status !== undefined &&
    statusOf(record.state) === record.status &&
    (record.next === undefined || Array.isArray(record.next)) &&
    Number.isInteger(record.attempt) &&
    Number.isInteger(record.maxAttempts)
  );
}
