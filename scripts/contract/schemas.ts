/** The JSON Schemas of all messages: of their types in messages.ts, and of the built-in jobs. */
import { createGenerator } from 'ts-json-schema-generator';
import { z } from 'zod';
import {
  autoStopPayload,
  checkInstancePayload,
  extendLeasePayload,
  keepLeasePayload,
  migrateInstancePayload,
  orderInstancePayload,
  watchInstancePayload,
} from '../../src/instances/lifecycle-schemas.js';
import {
  createInstancePayload,
  deleteInstancePayload,
  monitorInstancePayload,
} from '../../src/instances/payload-schemas.js';
import { sendWebhookPayload } from '../../src/webhooks/payload-schemas.js';
import { type BUILT_IN, CHANNELS, TEXT_BODIES } from './channels.js';

type Schema = Record<string, unknown>;

const PAYLOADS: Readonly<Record<(typeof BUILT_IN)[number], z.ZodType>> = {
  CreateInstance: createInstancePayload,
  MonitorInstance: monitorInstancePayload,
  DeleteInstance: deleteInstancePayload,
  OrderInstance: orderInstancePayload,
  MigrateInstance: migrateInstancePayload,
  CheckInstance: checkInstancePayload,
  WatchInstance: watchInstancePayload,
  AutoStop: autoStopPayload,
  ExtendLease: extendLeasePayload,
  KeepLease: keepLeasePayload,
  SendWebhook: sendWebhookPayload,
};

/** The schema of each message that some channel names, by its name; draft 7, as AsyncAPI has it. */
export function messageSchemas(): Map<string, Schema> {
  const generator = createGenerator({
    path: 'scripts/contract/messages.ts',
    tsconfig: 'tsconfig.json',
    type: '*',
    expose: 'none',
    jsDoc: 'extended',
    topRef: false,
    sortProps: false,
    // Later versions add keys.
    additionalProperties: true,
    // `npm run typecheck` does.
    skipTypeCheck: true,
  });
  const names = new Set(
    CHANNELS.flatMap(({ message, reply }) => (reply === undefined ? message : [...message, reply])),
  );
  const schemas = new Map<string, Schema>();
  for (const name of [...names].sort()) {
    if (name in TEXT_BODIES) continue;
    const payload = PAYLOADS[name as keyof typeof PAYLOADS];
    const made = payload ? payloadSchema(payload) : (generator.createSchema(name) as Schema);
    const { $schema: _, definitions, ...schema } = made;
    const isEmpty = Object.keys(Object(definitions)).length === 0;
    schemas.set(name, {
      $schema: 'http://json-schema.org/draft-07/schema#',
      title: name,
      ...schema,
      ...(!isEmpty && { definitions }),
    });
  }
  return schemas;
}

function payloadSchema(payload: z.ZodType): Schema {
  // What is refined, such as a URL, has no schema that says so.
  return z.toJSONSchema(payload, { target: 'draft-7', io: 'input', unrepresentable: 'any' }) as Schema;
}

/** `JobRecord` as the name of a file: `job-record.schema.json`. */
export function schemaFile(name: string): string {
  return `${name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()}.schema.json`;
}
