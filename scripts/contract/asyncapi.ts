/** The contract as an AsyncAPI 3.1 document. */
import { MAX_PAYLOAD_BYTES } from '../../src/jobs/limits.js';
import { packageVersion } from '../../src/telemetry/version.js';
import { Subjects } from '../../src/wire/subjects.js';
import {
  CHANNELS,
  type Channel,
  type MessageName,
  PARAMETERS,
  parametersOf,
  TEXT_BODIES,
} from './channels.js';
import { HEADERS, HEADERS_OF, type HeaderKind } from './headers.js';
import { schemaFile } from './schemas.js';

type Json = Record<string, unknown>;

const DESCRIPTION = `The subjects and messages of a Jetfleet queue on NATS JetStream. Generated from src/wire.

A namespace is a prefix of every subject: with the namespace \`acme\`, \`jobs.high.report.42\` is \`acme.jobs.high.report.42\`. Publish jobs through
JetStream or as a request: only the answer confirms that a job is stored. The tag \`producers\` marks the subjects that any producer may publish to,
\`clients\` those of services that embed the queue, \`internal\` those of Jetfleet. The tag \`public\` marks what clients may read; other messages
may change in any version.`;

export function asyncApi(): Json {
  const subjects = new Subjects();
  return {
    asyncapi: '3.1.0',
    info: {
      title: 'Jetfleet',
      version: packageVersion(),
      description: DESCRIPTION,
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      local: { host: '127.0.0.1:4222', protocol: 'nats', description: 'A nats-server with JetStream.' },
    },
    channels: Object.fromEntries([
      ...CHANNELS.map((channel) => [channel.name, channelObject(channel, subjects)] as const),
      ['inbox', inbox()],
    ]),
    operations: Object.fromEntries(CHANNELS.flatMap(operationsOf)),
    components: {
      messages: Object.fromEntries(messageObjects()),
      schemas: Object.fromEntries(KINDS.map((kind) => [headersKey(kind), headersObject(kind)])),
    },
  };
}

function channelObject(channel: Channel, subjects: Subjects): Json {
  const { address, summary, stream, from, isPublic, message } = channel;
  const parameters = parametersOf(channel);
  return {
    address,
    summary,
    ...(parameters.length > 0 && {
      parameters: Object.fromEntries(parameters.map((name) => [name, PARAMETERS[name]])),
    }),
    messages: Object.fromEntries(message.map((name) => [name, reference(messageKey(channel, name))])),
    tags: [{ name: from }, ...(isPublic ? [{ name: 'public' }] : [])],
    ...(stream && { 'x-stream': subjects.streamName(stream) }),
  };
}

/** Answers go to the inbox of who has asked. */
function inbox(): Json {
  const replies = CHANNELS.flatMap(({ reply }) => reply ?? []);
  return {
    address: null,
    summary: 'The inbox of the client that asked.',
    messages: Object.fromEntries(replies.map((name) => [name, reference(name)])),
  };
}

/** From the view of Jetfleet, as AsyncAPI has it. */
function operationsOf(channel: Channel): [string, Json][] {
  const { name, from, isPublic, message, reply, summary } = channel;
  const ref = { $ref: `#/channels/${name}` };
  const messages = message.map((each) => ({ $ref: `#/channels/${name}/messages/${each}` }));
  const about = { channel: ref, summary, messages };
  const answer = reply && {
    reply: {
      channel: { $ref: '#/channels/inbox' },
      messages: [{ $ref: `#/channels/inbox/messages/${reply}` }],
    },
  };
  const operations: [string, Json][] = [];
  if (from !== 'internal' || !isPublic)
    operations.push([`receive_${name}`, { action: 'receive', ...about, ...answer }]);
  if (from === 'internal') operations.push([`send_${name}`, { action: 'send', ...about }]);
  return operations;
}

function reference(key: string): Json {
  return { $ref: `#/components/messages/${key}` };
}

/** The same body with other headers is another message. */
function messageKey({ headers }: Pick<Channel, 'headers'>, name: MessageName): string {
  return headers === undefined ? name : `${name}.${headers}`;
}

/** Described once: most messages have the headers of some other. */
const KINDS = Object.keys(HEADERS_OF) as HeaderKind[];

function headersKey(kind: HeaderKind): string {
  return `headers.${kind}`;
}

function headersObject(kind: HeaderKind): Json {
  const properties = Object.fromEntries(HEADERS_OF[kind].map((each) => [each, HEADERS[each]]));
  return { type: 'object', properties };
}

function messageObjects(): Map<string, Json> {
  const found = new Map<string, Json>();
  for (const { message, headers, reply } of CHANNELS) {
    for (const name of message) found.set(messageKey({ headers }, name), messageObject(name, headers));
    if (reply) found.set(reply, messageObject(reply));
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function messageObject(name: MessageName, headers?: HeaderKind): Json {
  const text = TEXT_BODIES[name as keyof typeof TEXT_BODIES] as string | undefined;
  const isJob = headers === 'job' || headers === 'timer' || headers === 'schedule';
  return {
    name,
    contentType: text === undefined ? 'application/json' : 'text/plain',
    ...(text !== undefined && { summary: text }),
    ...(isJob && { description: `The body has at most ${MAX_PAYLOAD_BYTES} bytes.` }),
    ...(headers && { headers: { $ref: `#/components/schemas/${headersKey(headers)}` } }),
    payload: text === undefined ? { $ref: `./schemas/${schemaFile(name)}` } : { type: 'string' },
  };
}
