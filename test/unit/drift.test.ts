import { expect, test } from 'vitest';
import { wantedConsumers } from '../../src/broker/topology/consumer-config.js';
import { findDrift, formatDrift } from '../../src/broker/topology/drift.js';
import { wantedStreams } from '../../src/broker/topology/stream-config.js';
import { Subjects } from '../../src/wire/subjects.js';

const subjects = new Subjects();
const [timers, jobs, webhooks, events] = wantedStreams(subjects) as [object, object, object, object];
const [consumer] = wantedConsumers(subjects, 'demo');

test('what fits has no drift', () => {
  for (const want of [timers, jobs, webhooks, events])
    expect(findDrift('stream', { ...want }, want)).toEqual([]);
});

test('what an operator set besides is theirs', () => {
  expect(findDrift('stream JOBS', { ...jobs, compression: 's2', metadata: { team: 'a' } }, jobs)).toEqual([]);
});

test('the order of subjects does not matter, a missing one does', () => {
  const want = { subjects: ['a', 'b'] };
  expect(findDrift('stream X', { subjects: ['b', 'a'] }, want)).toEqual([]);
  expect(findDrift('stream X', { subjects: ['b'] }, want)).toHaveLength(1);
  expect(findDrift('stream X', {}, want)).toHaveLength(1);
});

test('the order of the keys of a setting does not matter, its values do', () => {
  const want = { subject_transform: { src: 'a', dest: 'b' } };
  expect(findDrift('stream X', { subject_transform: { dest: 'b', src: 'a' } }, want)).toEqual([]);
  expect(findDrift('stream X', { subject_transform: { dest: 'c', src: 'a' } }, want)).toHaveLength(1);
});

test('zero and false may be left out by the server', () => {
  expect(findDrift('x', {}, { max_age: 0, sealed: false })).toEqual([]);
  expect(findDrift('x', { max_age: 5 }, { max_age: 0 })).toHaveLength(1);
});

test.each([
  ['retention', 'interest'],
  ['retention', 'workqueue'],
  ['max_msgs', 1_000],
  ['max_bytes', 1_000],
  ['discard', 'new'],
  ['allow_msg_schedules', true],
  ['allow_rollup_hdrs', true],
  ['allow_msg_ttl', true],
  ['sources', undefined],
  ['subject_transform', undefined],
  ['allow_atomic', false],
  ['storage', 'memory'],
  ['subjects', ['jobs.>']],
])('a work stream with another %s endangers jobs', (field, value) => {
  expect(findDrift('stream JOBS', { ...jobs, [field]: value }, jobs)).toMatchObject([
    { target: 'stream JOBS', field, have: value, severity: 'danger' },
  ]);
});

test.each([
  ['description', 'mine'],
  ['num_replicas', 3],
])('another %s is only advice', (field, value) => {
  expect(findDrift('stream JOBS', { ...jobs, [field]: value }, jobs)).toMatchObject([{ severity: 'advice' }]);
});

test('records that are kept for another time are only advice', () => {
  expect(findDrift('stream EVENTS', { ...events, max_age: 1 }, events)).toMatchObject([
    { field: 'max_age', severity: 'advice' },
  ]);
});

test.each([
  ['max_deliver', 5, 'danger'],
  ['max_ack_pending', 1_000, 'danger'],
  ['ack_policy', 'none', 'danger'],
  ['ack_wait', 30_000_000_000, 'advice'],
])('a consumer with another %s is %s: %s', (field, value, severity) => {
  const want = consumer?.config ?? {};
  expect(findDrift('consumer', { ...want, [field]: value }, want)).toMatchObject([{ field, severity }]);
});

test('the diff shows what is there and what is wanted, one setting on three lines', () => {
  const drift = findDrift('stream JOBS', { ...jobs, max_msgs: 10, discard: undefined }, jobs);
  expect(formatDrift(drift)).toBe(
    [
      'stream JOBS: discard (danger)\n  - has   nothing\n  + wants "old"',
      'stream JOBS: max_msgs (danger)\n  - has   10\n  + wants -1',
    ].join('\n'),
  );
});
