/** The parts of an OpenAPI 3.1 document that the reference shows. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  format?: string;
  pattern?: string;
  example?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

export interface Parameter {
  name: string;
  in: 'query' | 'path' | 'header' | 'cookie';
  required?: boolean;
  description?: string;
  schema?: Schema;
}

interface Content {
  [mediaType: string]: { schema?: Schema };
}

export interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  operationId?: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Content };
  responses?: Record<string, { description?: string; content?: Content }>;
  /** The least role that may call it; `open` to everybody. */
  'x-role'?: string;
}

export interface OpenApiDocument {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

export interface Route {
  method: string;
  path: string;
  operation: Operation;
}

/** The routes of a document under their tags, in its order. */
export function routesByTag({ paths }: OpenApiDocument): [tag: string, routes: Route[]][] {
  const tags = new Map<string, Route[]>();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? 'Other';
      tags.set(tag, [...(tags.get(tag) ?? []), { method, path, operation }]);
    }
  }
  return [...tags];
}

export function resolve(document: OpenApiDocument, schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return (name && document.components?.schemas?.[name]) || schema;
}

export function schemaOf(
  content: Content | undefined,
): { mediaType: string; schema: Schema | undefined } | undefined {
  const [mediaType, entry] = Object.entries(content ?? {})[0] ?? [];
  return mediaType === undefined ? undefined : { mediaType, schema: entry?.schema };
}

/** A value that fits a schema: its example or default where it names one. */
export function exampleOf(document: OpenApiDocument, given: Schema, depth = 0): unknown {
  const schema = resolve(document, given);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const [choice] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (choice) return exampleOf(document, choice, depth);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object' || schema.properties) {
    const required = new Set(schema.required ?? []);
    const shown = Object.entries(schema.properties ?? {}).filter(([name]) => required.has(name) && depth < 4);
    return Object.fromEntries(shown.map(([name, inner]) => [name, exampleOf(document, inner, depth + 1)]));
  }
  if (type === 'array')
    return schema.items && depth < 4 ? [exampleOf(document, schema.items, depth + 1)] : [];
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1;
  if (type === 'boolean') return true;
  return type === 'string' ? 'text' : {};
}

/** A call of the route for a shell. */
export function curlOf(
  document: OpenApiDocument,
  { method, path, operation }: Route,
  origin: string,
): string {
  const body = schemaOf(operation.requestBody?.content);
  const isOpen = operation['x-role'] === 'open';
  const example = (schema: Schema | undefined) => String(schema ? exampleOf(document, schema) : 'id');
  const filled = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const parameter = operation.parameters?.find((one) => one.in === 'path' && one.name === name);
    const value = example(parameter?.schema);
    return value === 'text' ? name : value;
  });
  const isStream = Object.values(operation.responses ?? {}).some(
    ({ content }) => content?.['text/event-stream'],
  );
  const lines = [
    `curl ${isStream ? '-N ' : ''}${method === 'get' ? '' : `-X ${method.toUpperCase()} `}'${origin}${filled}'`,
    ...(isOpen ? [] : [`-H "Authorization: Bearer $TOKEN"`]),
    ...(body?.schema
      ? [
          `-H 'Content-Type: application/json'`,
          `-d '${JSON.stringify(exampleOf(document, body.schema)).replaceAll("'", "'\\''")}'`,
        ]
      : []),
  ];
  return lines.join(' \\\n  ');
}
