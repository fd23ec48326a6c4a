import { describe, expect, it } from 'vitest';
import { parseAckSubject } from '../../src/broker/consume/ack-subject.js';

const read = { deliveryCount: 3, seq: 1_234_567, consumerSeq: 98, timeMs: 1_795_662_000_123, pending: 17 };

describe('the subject of an acknowledgement', () => {
  it('tells delivery, sequences, time and what is left', () => {
    expect(parseAckSubject('$JS.ACK.JOBS.noop-high.3.1234567.98.1795662000123456789.17')).toEqual(read);
  });

  it('tells the same with a domain and an account', () => {
    const subject = '$JS.ACK._.ACChash.JOBS.noop-high.3.1234567.98.1795662000123456789.17.aB3';
    expect(parseAckSubject(subject)).toEqual(read);
    expect(parseAckSubject(subject.slice(0, subject.lastIndexOf('.')))).toEqual(read);
  });

  it('is never later than the message, to the millisecond', () => {
    expect(parseAckSubject('$JS.ACK.JOBS.c.1.1.1.1795662000999999999.0').timeMs).toBe(1_795_662_000_999);
  });
});
