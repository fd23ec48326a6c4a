import { type OpenApiDocument, resolve, type Schema } from './document.js';

interface SchemaViewProps {
  document: OpenApiDocument;
  schema: Schema;
  depth?: number;
}

const MAX_DEPTH = 4;

/** The fields of a schema; those of objects inside it fold. */
export function SchemaView({ document, schema: given, depth = 0 }: SchemaViewProps) {
  const schema = resolve(document, given);
  const inner = schema.type === 'array' && schema.items ? resolve(document, schema.items) : schema;
  const fields = Object.entries(inner.properties ?? {});
  if (fields.length === 0) return <p class="schema-type">{typeOf(document, schema)}</p>;
  const required = new Set(inner.required ?? []);
  return (
    <ul class="schema">
      {fields.map(([name, field]) => (
        <li key={name}>
          <code>{name}</code> <span class="schema-type">{typeOf(document, field)}</span>
          {required.has(name) && <span class="chip">required</span>}
          {resolve(document, field).description && (
            <span class="quiet"> {resolve(document, field).description}</span>
          )}
          {depth < MAX_DEPTH && hasFields(document, field) && (
            <details>
              <summary>fields</summary>
              <SchemaView document={document} schema={field} depth={depth + 1} />
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}

function hasFields(document: OpenApiDocument, given: Schema): boolean {
  const schema = resolve(document, given);
  const inner = schema.items ? resolve(document, schema.items) : schema;
  return Object.keys(inner.properties ?? {}).length > 0;
}

/** `string, 1 to 100 long`, `JobRecord[]`, `"low" | "high"`. */
export function typeOf(document: OpenApiDocument, given: Schema): string {
  const name = given.$ref?.split('/').at(-1);
  const schema = resolve(document, given);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((choice) => typeOf(document, choice)).join(' | ');
  if (schema.items) return `${typeOf(document, schema.items)}[]`;
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : (schema.type ?? 'any JSON');
  const word = name ?? (type === 'object' && typeof schema.additionalProperties === 'object' ? 'map' : type);
  return [word, schema.format, rangeOf(schema)].filter(Boolean).join(', ');
}

function rangeOf(schema: Schema): string {
  const low = schema.minimum ?? schema.minLength ?? schema.minItems;
  const high = schema.maximum ?? schema.maxLength ?? schema.maxItems;
  // Generated limits of what a number can hold at all say nothing.
  const isReal = (limit: number | undefined) =>
    limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  const unit = schema.minLength !== undefined || schema.maxLength !== undefined ? ' long' : '';
  if (isReal(low) && isReal(high)) return `${low} to ${high}${unit}`;
  if (isReal(high)) return `at most ${high}${unit}`;
  return isReal(low) ? `at least ${low}${unit}` : '';
}
