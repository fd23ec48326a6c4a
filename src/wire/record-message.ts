/** A job record as the body of an event. */
import { JetfleetError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isStatus } from '../jobs/vocabulary.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeRecord(record: JobRecord): Uint8Array {
  return encoder.encode(JSON.stringify(record));
}

/**
 * Reads a record. Keys of later versions are kept as they are.
 * @throws JetfleetError `JETFLEET_PAYLOAD_INVALID` for bytes that are no record, such as a stranger's message on EVENTS
 */
export function decodeRecord(data: Uint8Array): JobRecord {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(data));
  } catch (cause) {
    throw new JetfleetError('JETFLEET_PAYLOAD_INVALID', 'the event is not JSON, so it is no job record', {
      cause,
    });
  }
  const record = value as Partial<JobRecord> | null;
  if (typeof record?.id !== 'string' || typeof record.status !== 'string' || !isStatus(record.status)) {
    throw new JetfleetError('JETFLEET_PAYLOAD_INVALID', 'the event is JSON, but no job record');
  }
  return record as JobRecord;
}
