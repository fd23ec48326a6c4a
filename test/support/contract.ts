/** The contract in docs/contract as it is shipped: which channel a subject is of, and whether a message is as described. */
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

export interface DescribedChannel {
  address: string | null;
  messages: Record<string, { $ref: string }>;
  parameters?: Record<string, { description: string; enum?: string[] }>;
  tags?: { name: string }[];
}

export interface DescribedMessage {
  name: string;
  contentType: string;
  payload: { $ref?: string; type?: string };
  headers?: { $ref: string };
}

export interface Contract {
  asyncapi: string;
  channels: Record<string, DescribedChannel>;
  operations: Record<
    string,
    { action: 'send' | 'receive'; channel: { $ref: string }; reply?: { messages: { $ref: string }[] } }
  >;
  components: {
    messages: Record<string, DescribedMessage>;
    schemas: Record<string, { properties: Record<string, object> }>;
  };
}

export const CONTRACT = parse(readFileSync('docs/contract/asyncapi.yaml', 'utf8')) as Contract;

const ajv = new Ajv({ strict: false, allErrors: true });
// biome-ignore lint/suspicious/noExplicitAny: the types of the package know no named export
(addFormats as any)(ajv);
const compiled = new Map<string, ValidateFunction>();

/** What a schema names is all that there is: a message with another key is described wrongly. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const all = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isClosed = 'properties' in schema && !('additionalProperties' in schema);
  return isClosed ? { ...all, additionalProperties: false } : all;
}

function validatorOf(file: string): ValidateFunction {
  const known = compiled.get(file);
  if (known) return known;
  const schema = JSON.parse(readFileSync(`docs/contract/${file}`, 'utf8')) as object;
  const made = ajv.compile(closed(schema) as object);
  compiled.set(file, made);
  return made;
}

/** The channels whose address a subject, without its namespace, fits: the one with most words of its own. */
export function channelOf(subject: string): string | undefined {
  const tokens = subject.split('.');
  const fitting = Object.entries(CONTRACT.channels).flatMap(([name, { address, parameters = {} }]) => {
    const parts = address?.split('.') ?? [];
    const fits =
      parts.length === tokens.length &&
      parts.every((part, at) => {
        const token = tokens[at] ?? '';
        if (!part.startsWith('{')) return part === token;
        const words = parameters[part.slice(1, -1)]?.enum;
        return words === undefined || words.includes(token);
      });
    return fits ? [{ name, words: parts.filter((part) => !part.startsWith('{')).length }] : [];
  });
  return fitting.sort((a, b) => b.words - a.words)[0]?.name;
}

const SERVER_HEADERS =
  /^Nats-(Expected|Batch|Sequence|Time-Stamp|Stream|Subject|Last|Num|Pending|UpTo|Msg-Size)/;

/** What is wrong with a message of a channel; empty when it is as one of its messages is described. */
export function faultsOf(channel: string, body: Uint8Array, headers: readonly string[] = []): string[] {
  const messages = Object.values(CONTRACT.channels[channel]?.messages ?? {}).map(messageAt);
  const faults = messages.map((message) => faultsIn(message, body, headers));
  return faults.some((each) => each.length === 0) ? [] : (faults[0] ?? [`no channel ${channel}`]);
}

export function messageAt({ $ref }: { $ref: string }): DescribedMessage {
  const key = $ref.replace('#/components/messages/', '');
  const message = CONTRACT.components.messages[key];
  if (!message) throw new Error(`no message ${key}`);
  return message;
}

/** The headers that a message may have, by name. */
export function headersOf({ headers }: DescribedMessage): Record<string, object> {
  if (headers === undefined) return {};
  const key = headers.$ref.replace('#/components/schemas/', '');
  const schema = CONTRACT.components.schemas[key];
  if (!schema) throw new Error(`no schema ${key}`);
  return schema.properties;
}

export function faultsIn(message: DescribedMessage, body: Uint8Array, headers: readonly string[]): string[] {
  const described = headersOf(message);
  const unknown = headers.filter((name) => !(name in described) && !SERVER_HEADERS.test(name));
  const faults = unknown.map((name) => `${message.name}: header ${name} is not described`);
  if (message.payload.$ref === undefined) return faults;
  const validate = validatorOf(message.payload.$ref.replace('./', ''));
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return [...faults, `${message.name}: the body is not JSON`];
  }
  if (!validate(value)) faults.push(`${message.name}: ${ajv.errorsText(validate.errors)}`);
  return faults;
}
