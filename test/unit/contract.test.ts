import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv, type AnySchemaObject } from 'ajv';
import { expect, test } from 'vitest';
import { address } from '../../scripts/contract/channels.js';
import { Header } from '../../src/wire/headers.js';
import { Subjects } from '../../src/wire/subjects.js';
import { CONTRACT, channelOf, faultsOf, headersOf, messageAt } from '../support/contract.js';

const require = createRequire(import.meta.url);
const channels = Object.entries(CONTRACT.channels).filter(([name]) => name !== 'inbox');
const addresses = channels.map(([, { address }]) => (address ?? '').split('.'));

/** The schema of the specification as it is published; its validator knows no draft but 7. */
function specification(): AnySchemaObject {
  return (require('@asyncapi/specs') as { schemas: Record<string, AnySchemaObject> }).schemas[
    '3.1.0'
  ] as AnySchemaObject;
}

test('the document fits the schema of AsyncAPI 3.1', () => {
  // The specification brings the schema of its own dialect along.
  const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
  const { $schema: _, ...schema } = specification();
  const validate = ajv.compile(schema);
  expect(validate(CONTRACT), ajv.errorsText(validate.errors)).toBe(true);
  expect(validate({ ...CONTRACT, asyncapi: '3.1.0', channels: { jobs: { adress: 'jobs' } } })).toBe(false);
});

test('every reference leads somewhere, and every schema and message is used', () => {
  const text = readFileSync('docs/contract/asyncapi.yaml', 'utf8');
  const references = [...text.matchAll(/\$ref: "?([^"\s]+)"?/g)].map((match) => match[1] ?? '');
  const files = references
    .filter((each) => each.startsWith('./'))
    .map((each) => each.replace('./schemas/', ''));
  expect([...new Set(files)].sort()).toEqual(readdirSync('docs/contract/schemas').sort());
  for (const each of references.filter((reference) => reference.startsWith('#/'))) {
    const found = each
      .slice(2)
      .split('/')
      .reduce<unknown>((value, key) => Object(value)[key], CONTRACT);
    expect(found, each).toBeDefined();
  }
  for (const name of Object.keys(CONTRACT.components.messages))
    expect(references, name).toContain(`#/components/messages/${name}`);
  for (const name of Object.keys(CONTRACT.components.schemas))
    expect(references, name).toContain(`#/components/schemas/${name}`);
});

/** What src builds subjects of: each template that begins with the prefix of a namespace, `*` for what is filled in. */
function templates(): string[][] {
  const files = (readdirSync('src', { recursive: true }) as string[]).filter((name) => name.endsWith('.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(`src/${file}`, 'utf8');
    const found = text.matchAll(/`\$\{(?:this\.|subjects\.|#subjects\.|this\.#subjects\.)?prefix\}([^`]+)`/g);
    return [...found].map((match) =>
      (match[1] ?? '').replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '*').split('.'),
    );
  });
}

/** Whether a template with wildcards can be of an address. One placeholder may stand for several tokens. */
function couldBe(template: readonly string[], address: readonly string[]): boolean {
  const [first, ...rest] = template;
  if (first === undefined) return address.length === 0;
  if (first === '>') return address.length > 0;
  const [token, ...more] = address;
  if (token === undefined) return first === '' && rest.length === 0;
  if (first.includes('*')) return [1, 2, 3, 4].some((count) => couldBe(rest, address.slice(count)));
  return (token === first || token.startsWith('{')) && couldBe(rest, more);
}

test('every subject of the source is described, and every described one is built by the source', () => {
  const built = templates();
  expect(built.length).toBeGreaterThan(40);
  // The beginning of a subject, and what removes all of a job.
  const known = built.filter((template) => template.at(-1) !== '' && template.join('.') !== '*.*.>');
  const undescribed = known.filter((template) => !addresses.some((address) => couldBe(template, address)));
  expect(undescribed.map((template) => template.join('.'))).toEqual([]);
  const unbuilt = addresses.filter((address) => !built.some((template) => couldBe(template, address)));
  expect(unbuilt.map((address) => address.join('.'))).toEqual([]);
});

test('a part of a subject that is no parameter is told', () => {
  expect(address('events.TYPE.STATUS.ID')).toBe('events.{type}.{status}.{id}');
  expect(() => address('events.TYPE.YEAR')).toThrow('YEAR of events.TYPE.YEAR is no parameter');
});

test('no namespace can be the first word of a described subject', () => {
  for (const root of new Set(addresses.map(([first]) => first ?? '')))
    expect(() => new Subjects(root), root).toThrow(/namespace/);
});

test('every header of the source is described with a message', () => {
  const described = Object.values(CONTRACT.components.messages).flatMap((message) =>
    Object.keys(headersOf(message)),
  );
  expect([...new Set(described)].sort()).toEqual(Object.values(Header).sort());
});

test('a subject has one channel, and a message that is not as described has faults', () => {
  expect(channelOf('jobs.high.report.42')).toBe('jobs');
  expect(channelOf('jobs.high.report')).toBe('jobsWithoutId');
  expect(channelOf('jobs.urgent.report')).toBeUndefined();
  expect(channelOf('history.20261130T1708')).toBe('history');
  expect(channelOf('schedules.jobs.retrying.high.report.42')).toBe('jobsRetrying');
  const body = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  expect(faultsOf('cancelled', body({ id: 'a', seq: 1 }))).toEqual([]);
  expect(faultsOf('cancelled', body({ id: 'a', seq: '1' }))).toHaveLength(1);
  expect(faultsOf('cancelled', body({ id: 'a', seq: 1, by: 'me' }))).toHaveLength(1);
  expect(faultsOf('cancelled', body({ id: 'a', seq: 1 }), ['Jetfleet-New'])).toHaveLength(1);
  expect(messageAt({ $ref: '#/components/messages/JobRecord.expiring' }).name).toBe('JobRecord');
});
