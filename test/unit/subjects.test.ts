import { describe, expect, test } from 'vitest';
import { JobQueueService } from '../../src/index.js';
import { JetfleetError } from '../../src/jobs/errors.js';
import { ANY, Subjects } from '../../src/wire/subjects.js';

const ADDRESS = { kind: 'jobs', priority: 'high', type: 'create_instance', id: 'order-42' } as const;

/** Whether a NATS filter covers a subject: `*` is one token, `>` the rest. */
function covers(filter: string, subject: string): boolean {
  const wanted = filter.split('.');
  const tokens = subject.split('.');
  if (wanted.at(-1) === '>') return wanted.slice(0, -1).every((w, i) => w === '*' || w === tokens[i]);
  return wanted.length === tokens.length && wanted.every((w, i) => w === '*' || w === tokens[i]);
}

describe('without a namespace', () => {
  const subjects = new Subjects();

  test('the subjects are those of the wire contract', () => {
    expect(subjects.work(ADDRESS)).toBe('jobs.high.create_instance.order-42');
    expect(subjects.work({ kind: 'webhooks', priority: 'low', type: 'send_webhook' })).toBe(
      'webhooks.low.send_webhook',
    );
    expect(subjects.schedule('jobs', 'order-42')).toBe('schedules.jobs.order-42');
    expect(subjects.event('create_instance', 'completed', 'order-42')).toBe(
      'events.create_instance.completed.order-42',
    );
    expect(subjects.eventsOf('order-42')).toBe('events.*.*.order-42');
    expect(subjects.consumerName('create_instance', 'high')).toBe('create_instance-high');
    expect(subjects.timer('retrying', ADDRESS)).toBe('schedules.jobs.retrying.high.create_instance.order-42');
  });

  test('the streams are JOBS, WEBHOOKS and EVENTS', () => {
    expect((['jobs', 'webhooks', 'events'] as const).map((kind) => subjects.streamName(kind))).toEqual([
      'JOBS',
      'WEBHOOKS',
      'EVENTS',
    ]);
  });

  test('a namespaced subject is none of its own', () => {
    expect(subjects.parseWork('acme.jobs.high.create_instance.order-42')).toBeUndefined();
  });
});

describe('in a namespace', () => {
  const subjects = new Subjects('acme');

  test('every subject has the prefix, and every stream the name in capitals', () => {
    expect(subjects.streamName('jobs')).toBe('ACME_JOBS');
    const all = [
      subjects.work(ADDRESS),
      subjects.schedule('jobs', 'a'),
      subjects.timer('waiting', ADDRESS),
      subjects.event(ANY, 'failed', ANY),
      subjects.eventsOf('a'),
      subjects.workFilter('jobs', ANY, ANY),
      ...subjects.publishedWork('jobs', 'low'),
    ];
    for (const subject of all) expect(subject).toMatch(/^acme\.[a-z]/);
  });

  test('a subject of no namespace, or of one with a longer name, is none of its own', () => {
    for (const subject of [
      'jobs.high.demo.a',
      'acme2.jobs.high.demo.a',
      'acmejobs.high.demo.a',
      'ACME.jobs.high.demo.a',
    ]) {
      expect(subjects.parseWork(subject)).toBeUndefined();
    }
    expect(subjects.parseEvent('events.demo.failed.a')).toBeUndefined();
  });
});

test.each(['Acme', '1acme', 'a.b', 'a-b', 'a*', ' ', 'a'.repeat(33)])(
  'the namespace %j is refused',
  (namespace) => {
    expect(() => new Subjects(namespace)).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID', constructor: JetfleetError }),
    );
  },
);

describe.each(['', 'acme'])('parsing in the namespace "%s"', (namespace) => {
  const subjects = new Subjects(namespace);
  const { prefix } = subjects;

  test('gives back what a work subject was made of, with and without an id', () => {
    expect(subjects.parseWork(subjects.work(ADDRESS))).toEqual(ADDRESS);
    const { id: _, ...nameless } = ADDRESS;
    expect(subjects.parseWork(subjects.work(nameless))).toEqual(nameless);
    expect(subjects.parseWork(subjects.work(nameless))).not.toHaveProperty('id');
    expect(subjects.parseWork(`${prefix}jobs.high.create_instance.:seq`)).toEqual(nameless);
  });

  test.each([
    'jobs.urgent.demo.a',
    'jobs.high.demo.a.b',
    'jobs.high',
    'jobs',
    '',
    'jobs.high..a',
    'events.demo.failed.a',
    'schedules.jobs.a',
    'tasks.high.demo.a',
  ])('%j is no work subject', (subject) => {
    expect(subjects.parseWork(prefix + subject)).toBeUndefined();
  });

  test('gives back what an event subject was made of', () => {
    expect(subjects.parseEvent(subjects.event('demo', 'failed', 'a'))).toEqual({
      type: 'demo',
      status: 'failed',
      id: 'a',
    });
  });

  test.each([
    'events.demo.gone.a',
    'events.demo.failed',
    'events.demo.failed.a.b',
    'events.demo.failed.',
    'jobs.high.demo.a',
  ])('%j is no event subject', (subject) => {
    expect(subjects.parseEvent(prefix + subject)).toBeUndefined();
  });

  test.each([
    ['filter', (each: Subjects) => each.workFilter('jobs', 'high', 'create_instance')],
    ['consumer', (each: Subjects) => each.consumerFor('jobs', 'high', 'create_instance').filter],
    ['removal', (each: Subjects) => each.consumerFor('jobs', 'high', 'create_instance').removal],
  ])('the %s of a type covers its jobs, with and without an id, and no other type or priority', (_, of) => {
    const filter = of(subjects);
    expect(covers(filter, subjects.work(ADDRESS))).toBe(true);
    expect(covers(filter, `${prefix}jobs.high.create_instance.:seq`)).toBe(true);
    expect(covers(filter, subjects.work({ ...ADDRESS, priority: 'low' }))).toBe(false);
    expect(covers(filter, subjects.work({ ...ADDRESS, type: 'create_instance2' }))).toBe(false);
  });

  test('what may be published of a priority has an id or none', () => {
    const published = subjects.publishedWork('jobs', 'high');
    const taken = (subject: string) => published.filter((filter) => covers(filter, subject)).length;
    expect(taken(subjects.work(ADDRESS))).toBe(1);
    expect(taken(`${prefix}jobs.high.create_instance`)).toBe(1);
    expect(taken(subjects.work({ ...ADDRESS, priority: 'low' }))).toBe(0);
    expect(taken(`${prefix}jobs.high.create_instance.a.b`)).toBe(0);
    expect(taken(subjects.timer('retrying', ADDRESS))).toBe(0);
    expect(taken(subjects.schedule('jobs', 'a'))).toBe(0);
  });
});

test('webhooks have a stream of their own, and are taken from both', () => {
  const subjects = new Subjects('', new JobQueueService().known);
  expect(subjects.workKindOf('send_webhook')).toBe('webhooks');
  expect(subjects.workKindOf('create_instance')).toBe('jobs');
  expect(subjects.workKindsFor('send_webhook')).toEqual(['jobs', 'webhooks']);
  expect(subjects.workKindsFor('render_report')).toEqual(['jobs']);
});
