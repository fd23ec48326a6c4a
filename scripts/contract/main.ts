/**
 * Writes docs/contract: the AsyncAPI document, the JSON Schema of each message, and docs/subjects.md. `--check` writes nothing and exits
 * 1 when one of them is stale.
 */
import { readdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { Subjects } from '../../src/wire/subjects.js';
import { keepPage } from '../kept-page.js';
import { asyncApi } from './asyncapi.js';
import { CHANNELS, type Channel } from './channels.js';
import { messageSchemas, schemaFile } from './schemas.js';

const REMAKE = 'npm run docs:contract';
const docs = (path: string) => fileURLToPath(new URL(`../../docs/${path}`, import.meta.url));

const INTRO = `# Subjects

Generated from \`src/wire\` by \`${REMAKE}\`; \`npm run docs:check\` fails when this page is stale.

This page lists every subject of a queue. [contract/asyncapi.yaml](contract/asyncapi.yaml) describes them for machines, with the headers of each
message, as AsyncAPI 3.1. [contract/schemas](contract/schemas) has the JSON Schema of each message. With the namespace \`acme\`, every subject begins
with \`acme.\`, and every stream with \`ACME_\`.`;

const SECTIONS: readonly (readonly [title: string, text: string, has: (channel: Channel) => boolean])[] = [
  [
    'For producers',
    'Any NATS client may publish here, with the role `producer`.',
    ({ from }) => from === 'producers',
  ],
  [
    'For services',
    'Services that embed the queue publish here, with the role `scheduler`, `observer` or `server`.',
    ({ from }) => from === 'clients',
  ],
  [
    'For readers',
    'Jetfleet publishes here. Clients may read these messages.',
    ({ from, isPublic }) => from === 'internal' && isPublic,
  ],
  [
    'Internal',
    'These messages may change in any version.',
    ({ from, isPublic }) => from === 'internal' && !isPublic,
  ],
];

function page(): string {
  const subjects = new Subjects();
  const row = ({ address, stream, message, reply, summary }: Channel) => {
    // The payloads of the built-in types are any JSON too.
    const bodies = message.includes('AnyJson') ? ['AnyJson'] : message;
    const names = reply === undefined ? bodies : [...bodies, reply];
    const where = stream ? subjects.streamName(stream) : 'not stored';
    return `| \`${address}\` | ${where} | ${names.map((name) => `\`${name}\``).join(', ')} | ${summary} |`;
  };
  const tables = SECTIONS.map(([title, text, has]) =>
    [
      `## ${title}`,
      text,
      [
        '| subject | stream | body, answer | what it is |',
        '|---|---|---|---|',
        ...CHANNELS.filter(has).map(row),
      ].join('\n'),
    ].join('\n\n'),
  );
  return `${[INTRO, ...tables].join('\n\n')}\n`;
}

async function main(args: string[]): Promise<void> {
  const schemas = messageSchemas();
  const wanted = new Set([...schemas.keys()].map(schemaFile));
  for (const name of await readdir(docs('contract/schemas'))) {
    if (wanted.has(name)) continue;
    if (args.includes('--check'))
      throw new Error(`docs/contract/schemas/${name} is of no message: run ${REMAKE}`);
    await rm(docs(`contract/schemas/${name}`));
  }
  for (const [name, schema] of schemas)
    await keepPage(
      docs(`contract/schemas/${schemaFile(name)}`),
      `${JSON.stringify(schema, null, 2)}\n`,
      args,
      REMAKE,
    );
  const document = stringify(asyncApi(), { aliasDuplicateObjects: false, lineWidth: 0 });
  await keepPage(docs('contract/asyncapi.yaml'), document, args, REMAKE);
  await keepPage(docs('subjects.md'), page(), args, REMAKE);
}

await main(process.argv.slice(2));
