import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { ConflictError, JobQueueService } from '../../src/index.js';
import { limitSettingsSubject } from '../../src/wire/limit-subjects.js';
import { EXTRA_KINDS } from '../../src/wire/subjects.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let queue: JobQueueService;
let count = 0;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(() => {
  queue = new JobQueueService({ servers: nats.url, namespace: `x${++count}` });
  return () => queue.close();
});

it('a stream that nobody answers for is no stream without messages', async () => {
  const kept = await queue.addJob('report', null, 'normal', { tags: ['kept'] });
  const found = async () => (await queue.getJobs({ tags: ['kept'] })).jobs.map(({ id }) => id);
  expect(await found()).toEqual([kept]);
  const { topology, subjects } = await queue.broker();
  // As while its replicas elect a leader: it is there, and has no answers.
  const target = `stream ${subjects.streamName('tags')}`;
  await topology.apply({ target, field: 'allow_direct', have: true, want: false, severity: 'danger' });
  await expect(found()).rejects.toMatchObject({ code: 'JETFLEET_NO_LEADER' });
});

it('a stream that nobody has used is read as empty, and not made', async () => {
  expect(await queue.getJobs({ tags: ['kept'] })).toMatchObject({ jobs: [] });
  const { topology, children } = await queue.broker();
  expect(await children.endsOf('parent', ['child'])).toEqual(new Map());
  const { missing } = await topology.extra(EXTRA_KINDS, false);
  expect(missing).toHaveLength(EXTRA_KINDS.length);
});

it('a stream that nobody has used is read and made while somebody follows all that is sent', async () => {
  const { connection, topology } = await queue.broker();
  const all = connection.subscribe('>', { callback: () => {} });
  expect(await queue.getJobs({ tags: ['kept'] })).toMatchObject({ jobs: [] });
  const beganMs = performance.now();
  const id = await queue.addJob('report', null, 'normal', { tags: ['kept'], unique: { key: 'kept' } });
  expect((await queue.getJobs({ tags: ['kept'] })).jobs.map((job) => job.id)).toEqual([id]);
  // Without an answer, a write is given up after 30 s, and a read after 5.
  expect(performance.now() - beganMs).toBeLessThan(5_000);
  expect(await topology.hasStream('tags')).toBe(true);
  all.unsubscribe();
});

it('a stream that was used and is deleted is made again by a read', async () => {
  const { topology, children, signals, subjects, connection } = await queue.broker();
  await signals.stream.open();
  const jsm = await jetstreamManager(connection);
  await jsm.streams.delete(subjects.streamName('signals'));
  expect(await children.endsOf('parent', ['child'])).toEqual(new Map());
  expect(await topology.hasStream('signals')).toBe(true);
});

it('writes of several permits are stored together or not at all, and never sent where the server would hang up', async () => {
  const { limits, subjects, connection } = await queue.broker();
  const [a, b] = ['a', 'b'].map((name) => limitSettingsSubject(subjects, name)) as [string, string];
  const last = async (subject: string) => (await limits.read.last(limits.name, subject))?.seq;
  const wrong = { subject: b, data: 'b', expect: { filter: b, lastSeq: 7 } };
  await expect(limits.commit([{ subject: a, data: 'a' }, wrong])).rejects.toThrow(ConflictError);
  expect(await last(a)).toBeUndefined();
  const { client_id: client, max_payload: most = 0 } = connection.info ?? {};
  const large = { subject: b, data: 'b'.repeat(most) };
  const refused = { code: 'JETFLEET_MESSAGE_TOO_LARGE' };
  await expect(limits.commit([{ subject: a, data: 'a' }, large])).rejects.toMatchObject(refused);
  const [first, second] = await limits.commit([
    { subject: a, data: 'a' },
    { subject: b, data: 'b' },
  ]);
  expect([await last(a), await last(b)]).toEqual([first, second]);
  expect(connection.info?.client_id).toBe(client);
});

it('the stream of pauses is made by setup, compared by the doctor, and otherwise made by the first pause', async () => {
  const { topology, subjects } = await queue.broker();
  expect(await topology.hasStream('control')).toBe(false);
  await queue.pause({ type: 'report' });
  expect(await topology.hasStream('control')).toBe(true);
  const target = `stream ${subjects.streamName('control')}`;
  const { unchanged } = await queue.setup();
  expect(unchanged).toContain(target);
  await topology.apply({ target, field: 'max_msgs_per_subject', have: 100, want: 1, severity: 'danger' });
  expect((await topology.extra(EXTRA_KINDS, false)).drift).toMatchObject([
    { target, field: 'max_msgs_per_subject' },
  ]);
});
