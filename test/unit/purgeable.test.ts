import { describe, expect, it } from 'vitest';
import type { JobRecord } from '../../src/jobs/job-record.js';
import {
  acknowledgedUpTo,
  isRecordPurgeable,
  type MessageFacts,
  type MessageReason,
  placeOf,
  reasonToKeepMessage,
} from '../../src/queue/retention/purgeable.js';

const AT = new Date(5_000).toISOString();

function record(more: Partial<JobRecord>): JobRecord {
  const base = { v: 1, id: 'a', type: 'step', priority: 'normal', attempt: 1, maxAttempts: 3 };
  return { ...base, payload: null, createdAt: AT, updatedAt: AT, ...more } as JobRecord;
}

const queued = record({ status: 'pending', state: 'queued' });
const running = record({ status: 'processing', state: 'running', workSeq: 7 });
const waiting = record({ status: 'processing', state: 'waiting', workSeq: 7 });
const completed = record({ status: 'completed', state: 'completed', finishedAt: AT });

describe('a message', () => {
  const counts = (delivered: number, floor: number, open: number) => ({
    num_pending: 0,
    num_ack_pending: open,
    delivered: { stream_seq: delivered },
    ack_floor: { stream_seq: floor },
  });

  it('is where its consumer says', () => {
    expect(placeOf(5, undefined)).toBe('uncovered');
    expect(placeOf(5, counts(4, 2, 1))).toBe('pending');
    expect(placeOf(4, counts(4, 2, 1))).toBe('delivered');
    expect(placeOf(2, counts(4, 2, 1))).toBe('acknowledged');
  });

  it('is acknowledged up to the last delivery when nothing is open, whatever the floor says', () => {
    expect(acknowledgedUpTo(counts(4, 2, 0))).toBe(4);
  });

  it.each<[MessageReason | undefined, string, Partial<MessageFacts>]>([
    ['unacknowledged', 'is pending', { place: 'pending', record: completed }],
    ['unacknowledged', 'is delivered', { place: 'delivered', record: completed }],
    [undefined, 'is acknowledged and no job', { place: 'acknowledged', job: undefined }],
    ['foreign', 'is uncovered and no job', { job: undefined }],
    ['unrecorded', 'is acknowledged without a record', { place: 'acknowledged' }],
    ['unrecorded', 'is uncovered without a record', {}],
    ['queued', 'is the last one of a queued job', { place: 'acknowledged', record: queued, lastSeq: 7 }],
    [undefined, 'is followed by one of its job', { place: 'acknowledged', record: queued, lastSeq: 8 }],
    ['running', 'is that of the attempt under way', { place: 'acknowledged', record: running }],
    [undefined, 'is not that one', { place: 'acknowledged', record: { ...running, workSeq: 8 } }],
    [undefined, 'has a timer in its place', { place: 'acknowledged', record: waiting }],
    [undefined, 'has an outcome', { place: 'acknowledged', record: completed }],
    ['open', 'is uncovered, and its job has not ended', { record: waiting }],
    ['fresh', 'is uncovered, and its job ended just now', { record: completed, endedByMs: 4_999 }],
    [undefined, 'is uncovered, and its job has ended', { record: completed, endedByMs: 5_000 }],
    ['recurring', 'fires again', { record: completed, endedByMs: 5_000, isRecurring: true }],
  ])('is kept for the reason %s when it %s', (reason, _, facts) => {
    const none: MessageFacts = { seq: 7, place: 'uncovered', job: queued, record: undefined };
    expect(reasonToKeepMessage({ ...none, ...facts })).toBe(reason);
  });
});

describe('a record', () => {
  const none = {
    ...{ isAlive: false, isRepeatable: false, isArriving: false },
    ...{ isDelivered: false, isUnfollowed: false, isOwner: false },
  };

  it('is purgeable without a reason to keep it', () => {
    expect(isRecordPurgeable(none)).toBe(true);
  });

  it.each(Object.keys(none))('is kept when it %s', (reason) => {
    expect(isRecordPurgeable({ ...none, [reason]: true })).toBe(false);
  });
});
