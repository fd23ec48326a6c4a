/** Arbitraries of what a careless or hostile producer may publish, with valid messages mixed in. */
import fc from 'fast-check';
import { z } from 'zod';
import { JobType } from '../../src/jetfleet.js';
import { MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH, MAX_URL_LENGTH } from '../../src/jobs/limits.js';
import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import { Header } from '../../src/wire/headers.js';
import { anyCodePoint } from './any-text.js';

/** What must become of a message; `open` where readers may differ, so that running and refusing it are both right. */
export type Verdict = 'fine' | 'faulty' | 'open';

export interface HostileMessage {
  kind: 'jobs' | 'webhooks';
  priority: string;
  type: string;
  /** Absent for a message without an id; `%` stands for a number that makes it unique. */
  id?: string;
  /** What stands on the first line of the headers, after `NATS/1.0`. */
  status: string;
  headers: Field[];
  body: Uint8Array;
  verdict: Verdict;
}

/** A name, and its value as text: of a header, or of a JSON object. */
export type Field = readonly [name: string, value: string];
type Judged<T> = [value: T, verdict: Verdict];
type Bodies = fc.Arbitrary<Judged<string>>;

/** A type of the tests' own, to be registered with {@link probePayload}. */
export const PROBE = 'probe';
export const probePayload = z.strictObject({
  n: z.number().int().min(0).max(1_000),
  extra: z.unknown().optional(),
});

/** Types that no worker handles; some are none at all. */
export const strangeType = fc.constantFrom(
  ...'constructor __proto__ UPPER * > ü'.split(' '),
  'x'.repeat(300),
);

/** The subject of a message, unique by `number` where it has an id of its own. */
export function subjectOf({ kind, priority, type, id }: HostileMessage, number: number): string {
  return [kind, priority, type, ...(id === undefined ? [] : [id.replace('%', String(number))])].join('.');
}

const utf8 = new TextEncoder();
const judge = <T>(verdict: Verdict, values: fc.Arbitrary<T>): fc.Arbitrary<Judged<T>> =>
  values.map((value) => [value, verdict]);
const oneOf = (verdict: Verdict, ...values: string[]) => judge(verdict, fc.constantFrom(...values));
const nest = (levels: number, inner = '') => `${'['.repeat(levels)}${inner}${']'.repeat(levels)}`;
const object = (fields: readonly Field[]) =>
  `{${fields.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
const probe = (n: string, extra: string) => `{"n":${n},"extra":${extra}}`;
const probeOf = (n: fc.Arbitrary<string>, extra: fc.Arbitrary<string>) =>
  fc.tuple(n, extra).map((fields) => probe(...fields));

/** Numbers at the edge of what a double holds: as text, since `JSON.stringify` would tame them. */
const hugeNumber = fc.constantFrom(
  ...['1e999', '-1e999', '-0', '9007199254740993', '1e-999', '9'.repeat(5_000)],
);
/** Keys that reach an object's prototype in code that merges or assigns by name. */
const pollutingKey = fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty');
const inexactObject = fc
  .tuple(fc.array(pollutingKey, { minLength: 1, maxLength: 30 }), hugeNumber)
  .map(([keys, inner]) => keys.reduceRight((json, key) => object([[key, json]]), `{"polluted":${inner}}`));

/** JSON with a value that a program in JavaScript would change. */
const inexactJson = fc.oneof(
  hugeNumber,
  inexactObject,
  fc.constantFrom(
    '"\\ud800"',
    '{"\\ud800":1}',
    '{"a":1,"a":2}',
    '[{"a":1,"\\u0061":1}]',
    '{"__proto__":1}',
    '[-0.0]',
  ),
);
/** Odd, but JSON within the limits when it stands one level down. */
const oddJson = fc.oneof(
  fc.constantFrom('5e-324', '1e20', '1.0e+2', '0.10', '1E-7'),
  fc.json({ maxDepth: 4 }).filter((json) => !/-0|__proto__/.test(json)),
  fc.string({ unit: 'grapheme', maxLength: 100 }).map((text) => JSON.stringify(text)),
  fc.integer({ min: MAX_PAYLOAD_DEPTH - 5, max: MAX_PAYLOAD_DEPTH - 1 }).map((levels) => nest(levels)),
  fc.constantFrom('"\\u0000"', '"\\ud83d\\ude00"', '{"a":1,"b":{"a":1}}', ' \t\n[ ]\r\n'),
);
/** Just over the limit, or so deep that a reader which recurses would run out of stack. */
const tooDeep = fc
  .oneof(
    { weight: 19, arbitrary: fc.integer({ min: MAX_PAYLOAD_DEPTH, max: MAX_PAYLOAD_DEPTH + 50 }) },
    { weight: 1, arbitrary: fc.constant(100_000) },
  )
  .map((levels) => nest(levels));
/** Refused by a worker, by the stream, or for what they grow to when they are written again. */
const oversized = fc.constantFrom(
  ...[1, 4_000, 100_000].map((over) => `"${'x'.repeat(MAX_PAYLOAD_BYTES + over - 2)}"`),
  probe('1', `[${Array.from({ length: 50_000 }, () => '1e20').join(',')}]`),
);
const notJson = ['', ' ', '\u0000', ...'NaN 01 +1 .5 {\'n\':1} {"n":1,} {"n":1}{} {n:1} //1'.split(' ')];
const noObject = ['null', 'true', '42', '"text"', '[]', '[{"n":1}]', '1e999', '-0'];
const badCount = ['1e999', '9007199254740993', '-1', '0.5', '"1"', 'null', '[]', '{}', 'true'];

const count = fc.integer({ min: 0, max: 1_000 }).map(String);
const badProbe: Bodies = fc.oneof(
  judge('faulty', probeOf(fc.constantFrom(...badCount), oddJson)),
  judge('faulty', probeOf(count, tooDeep)),
  judge('faulty', probeOf(count, inexactJson)),
  oneOf('faulty', '{}', '{"n":1,"colour":2}', '{"n":1,"constructor":{"prototype":{"polluted":1}}}'),
  oneOf('faulty', '{"n":1,"__proto__":{"polluted":1}}', '{"__proto__":{"n":1}}'),
);
const probeBody: Bodies = fc.oneof(
  { weight: 3, arbitrary: judge('fine', probeOf(count, oddJson)) },
  { weight: 2, arbitrary: badProbe },
);

/** Fields of each built-in type, as JSON; none of them takes a {@link wrongValue}. */
const builtInFields = (receiverUrl: string): Record<string, Record<string, unknown>> => ({
  [JobType.CREATE_INSTANCE]: {
    ...{ instanceId: 'mine', name: 'hostile', productName: 'RTX 4090 24GB', templateId: 'template-123' },
    ...{ gpuNum: 1, rootfsSize: 60, region: 'CN-HK-01', billingMode: 'spot', onTimeout: 'delete' },
    ...{ maxWaitTime: 60_000, webhookUrl: receiverUrl },
  },
  [JobType.MONITOR_INSTANCE]: {
    ...{ instanceId: 'mine', novitaInstanceId: 'no-such-instance', startTime: '2026-01-01T00:00:00Z' },
  },
  [JobType.DELETE_INSTANCE]: { instanceId: 'mine', novitaInstanceId: 'no-such-instance' },
  [JobType.SEND_WEBHOOK]: { url: receiverUrl },
});
const wrongValue = fc.oneof(fc.constantFrom('null', 'true', '[]', '{}', '""', '1e999', '-1'), inexactObject);

/** A built-in payload, whole, with a wrong type in one field, or with a key too many. */
function builtInBody(type: string, values: Record<string, unknown>): Bodies {
  const fields = Object.entries(values).map(([name, value]): Field => [name, JSON.stringify(value)]);
  // Of a webhook any payload will do.
  const whole: Field[] = type === JobType.SEND_WEBHOOK ? [...fields, ['payload', '{"a":1}']] : fields;
  const wrong = fc.tuple(fc.nat(fields.length - 1), wrongValue).map(([at, json]) => {
    return object(whole.map(([name, value], index) => [name, index === at ? json : value]));
  });
  // Whether an instance that nobody knows counts as gone is the provider's to say.
  const isSure = type === JobType.CREATE_INSTANCE || type === JobType.SEND_WEBHOOK;
  return fc.oneof(
    { weight: 3, arbitrary: oneOf(isSure ? 'fine' : 'open', object(whole)) },
    { weight: 8, arbitrary: judge('faulty', wrong) },
    { weight: 1, arbitrary: oneOf('faulty', object([...whole, ['colour', '"red"']]), '{}') },
  );
}

/** A readable body of the type, one that is none of any type, or bytes that are no text. */
function bodyBytes(typed: Bodies): fc.Arbitrary<Judged<Uint8Array>> {
  const encoded = (bodies: Bodies) =>
    bodies.map(([body, verdict]) => [utf8.encode(body), verdict] as Judged<Uint8Array>);
  const spoiled = fc.tuple(typed, fc.nat(2_000), fc.nat(3)).map(([[body], at, how]): Judged<Uint8Array> => {
    const bytes = utf8.encode(body);
    if (how === 0) return [Uint8Array.of(...bytes.subarray(0, at), 0xff), 'faulty'];
    if (how === 1) return [bytes.subarray(0, -1), 'faulty'];
    if (how === 2) return [Buffer.from(body, 'utf16le'), 'faulty'];
    return [Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes.subarray(0, at)), 'open'];
  });
  return fc.oneof(
    { weight: 60, arbitrary: encoded(typed) },
    { weight: 10, arbitrary: encoded(oneOf('faulty', ...notJson, ...noObject)) },
    { weight: 20, arbitrary: spoiled },
    { weight: 9, arbitrary: judge('open', fc.uint8Array({ maxLength: 300 })) },
    { weight: 1, arbitrary: encoded(judge('faulty', oversized)) },
  );
}

const noInteger = '-1 1.5 1e2 0x10 NaN ９ ٣ 1_0 +5 -0 null [object'.split(' ');
const badOption = ['0', '1 2', '\u0000', '"'.repeat(250), '9'.repeat(4_000), ...noInteger];
const badUrl = [
  ...'javascript:alert(1) file:///etc/passwd data:,x //host http:// http:/x ftp://h/ http://[::1'.split(' '),
  ...['https://a b/', 'http://h/\u0000', 'http://h/\u000b%0d', `http://h/${'x'.repeat(MAX_URL_LENGTH)}`],
];
const long = 'x'.repeat(5_000);
const oddTrace = fc
  .oneof(fc.string({ unit: anyCodePoint, maxLength: 50 }), fc.constantFrom('', long, '漢'.repeat(600)))
  .map((value): Field[] => [[Header.TRACEPARENT, value]]);
/** The server's own headers: it refuses some, and adds others of the same name to what it hands out. */
const serverHeaders: Record<string, string> = {
  ...{ [Header.MSG_ID]: 'twin', 'Nats-TTL': 'x', [Header.SCHEDULE]: 'junk', 'Nats-Batch-Id': 'half' },
  ...{ 'Nats-Subject': 'jobs.low.probe.other', 'Nats-Sequence': '1', 'Nats-Time-Stamp': 'junk' },
  'Nats-Expected-Last-Subject-Sequence': '5',
};
/** Names that no reader takes, and values whose line break splits a line in two. */
const unreadable: Record<string, string> = {
  ...{ 'a b': '1', ü: '1', 'a\u0000': '1', 'X-Lf': 'a\nb', 'X-Cr': 'a\rb' },
  'X-More': `a\n${Header.MAX_ATTEMPTS}: 5`,
};
const twice = (first: string, second: string): Field[] => [
  [Header.MAX_ATTEMPTS, first],
  [Header.MAX_ATTEMPTS, second],
];

/**
 * Headers, each with its verdict. Left out are those by which the server itself removes or repeats messages
 * (`Nats-Rollup`, `Nats-TTL`, a `Nats-Schedule` that can be read), since no worker could then account for each.
 */
function headerLines(receiverUrl: string): fc.Arbitrary<Judged<Field[]>> {
  const credentials = receiverUrl.replace('://', '://user:secret@');
  const some = (verdict: Verdict, ...lines: Field[]) =>
    judge(verdict, fc.constantFrom(...lines.map((line) => [line])));
  const one = (verdict: Verdict, name: string, ...values: string[]) =>
    some(verdict, ...values.map((value): Field => [name, value]));
  return fc.oneof(
    one('fine', Header.MAX_ATTEMPTS, '', '1', ' 7\t', '100'),
    one('faulty', Header.MAX_ATTEMPTS, '101', ...badOption),
    one('fine', Header.TIMEOUT_MS, '60000', '86400000'),
    one('faulty', Header.TIMEOUT_MS, '86400001', ...badOption),
    one('fine', Header.WEBHOOK_URL, '', receiverUrl),
    one('faulty', Header.WEBHOOK_URL, credentials),
    one('faulty', Header.WEBHOOK_URL, ...badUrl),
    one('faulty', Header.CREATED_AT, 'yesterday', '1e999', '+275760-09-13T00:00:00Z'),
    one('faulty', Header.PARENT_ID, '../..', '>', long, '__proto__'),
    one('fine', 'jetfleet-max-attempts', 'many'),
    one('open', Header.TRACESTATE, long, `x\r\n${Header.MAX_ATTEMPTS}: 0`, '\u001b[31m'),
    judge('open', oddTrace),
    judge('open', fc.constantFrom(twice('5', 'many'), twice('', '0'), twice('many', '5'))),
    some('faulty', ...Object.entries(unreadable)),
    some('fine', ...Object.entries(serverHeaders)),
  );
}

const goodId = fc.constantFrom('job-%', '-%_', `${'x'.repeat(120)}-%`);
/** Reserved, too long, or of tokens that mean something to the server, a shell or a terminal. */
const badId = fc.constantFrom(
  ...'seq-7 webhook-seq-7 :seq-7 * > *% a/b $JS ü-% 🙂 " \\ %% \u200b \u202e <b> `id`'.split(' '),
  ...['\u0000', 'x'.repeat(129), 'x'.repeat(3_000)],
);
/** Ids that cannot be put on the wire: a blank ends the subject there. */
const blankId = fc.constantFrom('', ' ', 'a b', '\t', 'a\r\nPUB x 0', '\n');

function address(types: fc.Arbitrary<string>) {
  const id: fc.Arbitrary<Judged<string | undefined>> = fc.oneof(
    { weight: 7, arbitrary: judge('fine', goodId) },
    { weight: 2, arbitrary: judge('fine', fc.constant(undefined)) },
    { weight: 1, arbitrary: judge('faulty', fc.oneof(badId, blankId)) },
  );
  const priority = fc.oneof(
    { weight: 40, arbitrary: judge('fine', fc.constantFrom<string>(...PRIORITIES)) },
    { weight: 1, arbitrary: oneOf('faulty', 'urgent', 'HIGH', '*', '', 'constructor') },
  );
  return fc.tuple(id, priority, types);
}

/**
 * Messages of {@link PROBE} and the built-in types, about one in six valid.
 * @param receiverUrl where webhooks of the valid ones go
 */
export function hostileMessage(receiverUrl: string): fc.Arbitrary<HostileMessage> {
  const bodies = new Map([
    [PROBE, bodyBytes(probeBody)],
    ...Object.entries(builtInFields(receiverUrl)).map(
      ([type, fields]) => [type, bodyBytes(builtInBody(type, fields))] as const,
    ),
  ]);
  const types = fc.oneof(
    { weight: 3, arbitrary: fc.constant(PROBE) },
    { weight: 1, arbitrary: fc.constantFrom(...bodies.keys()) },
  );
  const some = fc.uniqueArray(headerLines(receiverUrl), { maxLength: 3, selector: ([[line]]) => line?.[0] });
  const headers = fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 3, arbitrary: some });
  const status = fc.oneof(
    { weight: 9, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.constantFrom(' 503', ' 404 Not Found', ' 100 Idle Heartbeat', ' x', 'x') },
  );
  return address(types).chain(([[id, idVerdict], [priority, priorityVerdict], type]) =>
    fc.tuple(bodies.get(type) as fc.Arbitrary<Judged<Uint8Array>>, headers, status, fc.boolean()).map(
      ([[body, bodyVerdict], lines, line, onOwnStream]): HostileMessage => ({
        kind: type === JobType.SEND_WEBHOOK && onOwnStream ? 'webhooks' : 'jobs',
        priority,
        type,
        ...(id !== undefined && { id }),
        status: line,
        headers: lines.flatMap(([fields]) => fields),
        body,
        verdict: worst([idVerdict, priorityVerdict, bodyVerdict, ...lines.map(([, verdict]) => verdict)]),
      }),
    ),
  );
}

function worst(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('faulty')) return 'faulty';
  return verdicts.includes('open') ? 'open' : 'fine';
}
