/**
 * Generate: writes `api.ts`, the types of every body the API takes and gives, from the gateway's OpenAPI document.
 *
 * Run by `npm run client`. A test makes the text again and compares, so the client cannot drift from the gateway.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from 'json-schema-to-typescript';
import { openApiDocument } from '../../src/http/openapi.ts';

interface Schema {
  [keyword: string]: unknown;
}

const HEAD = `/**
 * API: the bodies of Sluice's HTTP API. Written by generate.ts from the OpenAPI document; not edited by hand.
 *
 * @module
 */

`;

/** What the document says in place, again and again, and a reader wants to see by name: name → where it stands once. */
const NAMED: Record<string, readonly string[]> = {
  Currency: ['CreateIntent', 'properties', 'currency'],
  PaymentStatus: ['Transaction', 'properties', 'status'],
  Card: ['Transaction', 'properties', 'card'],
  FieldError: ['Problem', 'properties', 'errors', 'items'],
};

/** The text of `api.ts`. */
export async function apiTypes(): Promise<string> {
  const { schemas } = openApiDocument().components as { schemas: Record<string, Schema> };
  const named = Object.entries(NAMED).map(([name, path]) => [name, schemaAt(schemas, path)] as const);
  const nameOf = new Map(named.map(([name, schema]) => [JSON.stringify(schema), name]));
  // In one object with its parts already read, so that a named schema is not replaced by itself.
  const definitions = Object.fromEntries([
    ...named.map(([name, schema]) => [name, mapParts(schema, (part) => readable(part, nameOf))]),
    ...Object.entries(schemas).map(([name, schema]) => [name, readable(schema, nameOf)]),
  ]);
  const source = await compile({ title: 'Root', type: 'object', definitions }, 'Root', {
    bannerComment: '',
    // The document closes every body it takes; of those it gives, a client sees the fields it knows.
    additionalProperties: false,
    unreachableDefinitions: true,
    ignoreMinAndMaxItems: true,
    strictIndexSignatures: false,
    style: { singleQuote: true, printWidth: 110, trailingComma: 'all' },
  });
  return HEAD + tidy(source);
}

function schemaAt(schemas: Record<string, Schema>, path: readonly string[]): Schema {
  let found: unknown = schemas;
  for (const step of path) found = (found as Schema | undefined)?.[step];
  if (found === undefined) throw new Error(`the OpenAPI document has nothing at ${path.join('/')}`);
  return found as Schema;
}

/** The same schema in the compiler's words: names for what has one, `Record` for an object of any fields. */
function readable(schema: Schema, nameOf: ReadonlyMap<string, string>): Schema {
  const name = nameOf.get(JSON.stringify(schema));
  if (name !== undefined) return { $ref: `#/definitions/${name}` };
  if (schema.type === 'object' && schema.properties === undefined) {
    return { ...schema, tsType: 'Record<string, unknown>' };
  }
  const mapped = mapParts(schema, (part) => readable(part, nameOf));
  // A description inside "this or null" is of the field.
  const first = (schema.anyOf as readonly Schema[] | undefined)?.[0];
  if (mapped.description === undefined && first?.description !== undefined)
    mapped.description = first.description;
  return mapped;
}

/** A copy of a schema with `change` done to the schemas right inside it. */
function mapParts(schema: Schema, change: (part: Schema) => Schema): Schema {
  const copy = { ...schema };
  if (isSchema(copy.items)) copy.items = change(copy.items);
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    const parts = copy[keyword];
    if (Array.isArray(parts)) copy[keyword] = parts.map((part) => change(part as Schema));
  }
  if (isSchema(copy.properties)) {
    copy.properties = Object.fromEntries(
      Object.entries(copy.properties).map(([name, part]) => [name, change(part as Schema)]),
    );
  }
  return copy;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Takes out what the compiler says about itself, puts short comments on one line and air between types. */
function tidy(source: string): string {
  return source
    .replace(/^export interface Root \{\}\n/m, '')
    .replaceAll(
      / \*\n \* This interface was referenced by `Root`'s JSON-Schema\n \* via the `definition` "\w+"\.\n/g,
      '',
    )
    .replaceAll(
      /\/\*\*\n \* This interface was referenced by `Root`'s JSON-Schema\n \* via the `definition` "\w+"\.\n \*\/\n/g,
      '',
    )
    .replaceAll(/\/\*\*\n\s+\* ([^\n]*)\n\s+\*\//g, '/** $1 */')
    .replaceAll(/^([})].*|.*;)\n(?=export |\/\*\*)/gm, '$1\n\n')
    .trimStart();
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, 'api.ts'), await apiTypes());
