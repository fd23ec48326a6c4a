import { expect, it } from 'vitest';
import { checkedSettings } from '../../src/jobs/limit.js';
import { emptyLedger, encodeLedger } from '../../src/wire/limit-message.js';
import { limitSettingsSubject, lineId, lineSubject, permitsSubject } from '../../src/wire/limit-subjects.js';
import { ANY, Subjects } from '../../src/wire/subjects.js';

const prefixed = { prefix: 'x.' };

it.each([
  ['acme', 'acme'],
  ['work/tenant', 'work_tenant~2dKZVg6eHQDZ-v8oy8f4Cy'],
  ['ä b.c', '__b_c~vkSq6IuXNY0e-8Fk9RLFLB'],
  ['k'.repeat(101), `${'k'.repeat(60)}~3sZRos_bOI_7XgG2nU15lx`],
  ['a~b', 'a_b~lBUo5ed8mh8-L8vJXyBVb1'],
  ['*', '_~aEiIwOuxfzdCmLZe4oB1Js'],
  ['>', '_~YrZ-H2hbf-9RECAF3d0nd0'],
])('spells %j in subjects of limits as it always was', (text, token) => {
  expect(permitsSubject(prefixed, text, text)).toBe(`x.limits.held.${token}.${token}`);
  expect(limitSettingsSubject(prefixed, text)).toBe(`x.limits.set.${token}`);
  const address = { kind: 'jobs', priority: 'low', type: 'work', id: 'j1' } as const;
  expect(lineSubject(prefixed, { ...address, limit: text, key: text, turn: text })).toBe(
    `x.schedules.jobs.limited.${token}.${token}.low.${token}.work.j1`,
  );
});

it('asks for any key, and reads the id of who is in line', () => {
  expect(permitsSubject(prefixed, ANY, 'a')).toBe('x.limits.held.*.a');
  const subjects = new Subjects('some');
  const line = { kind: 'jobs', limit: 'a/b', key: '*', priority: 'low', turn: 'c', type: 'work' } as const;
  const subject = lineSubject(subjects, { ...line, id: 'j1' });
  expect(lineId(subjects, subject)).toBe('j1');
  expect(lineId(subjects, `${subject}.more`)).toBeUndefined();
  expect(lineId(subjects, subject.replace('limited', 'waiting'))).toBeUndefined();
});

it('keeps the most permits that a limit may have in one message, with long ids and a thousand turns', () => {
  const concurrency = 2_000;
  checkedSettings('most', { concurrency });
  expect(() => checkedSettings('more', { concurrency: concurrency + 1 })).toThrow('from 1 to 2000');
  const ulid = '01KB8Z5QWJ2Q5J3F4T7Y8N9M0K';
  const job = 'j'.repeat(100);
  const at = Date.now();
  const permit = { owner: `${job}#${ulid}`, job, worker: 'w'.repeat(64), run: ulid, since: at, until: at };
  const turn = { counts: [0, 0, 1, 0], place: 1_234.5, weight: 1 };
  const ledger = {
    ...emptyLedger('n'.repeat(64), 'k'.repeat(200)),
    concurrency,
    held: Array.from({ length: concurrency }, () => permit),
    waiting: Array.from({ length: 1_000 }, (_, n) => ({ turn: `${n}`.padStart(36, 't'), ...turn })),
  };
  expect(Buffer.byteLength(encodeLedger(ledger))).toBeLessThan(1024 * 1024);
});
