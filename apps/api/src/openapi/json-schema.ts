import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

/** The named schemas of a document, as `components/schemas`. */
export type Components = Map<string, JsonSchema>;

/**
 * A zod schema as JSON Schema for OpenAPI 3.1. Schemas with an id (`.meta({ id: 'Task' })`) become components.
 * `input` is what a caller may send, `output` what the service answers.
 */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output', components: Components): JsonSchema {
  const {
    $schema: _dialect,
    $defs = {},
    ...root
  } = z.toJSONSchema(schema, { io, override: openObjects(io) });
  for (const [name, definition] of Object.entries($defs)) addComponent(components, name, pointed(definition));
  return pointed(root);
}

/** Answers may get more fields in later versions, so the document does not promise that there are none. */
function openObjects(io: 'input' | 'output') {
  return ({ jsonSchema }: { jsonSchema: JsonSchema }) => {
    if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  };
}

function addComponent(components: Components, name: string, definition: JsonSchema): void {
  const known = components.get(name);
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(definition))
    throw new RangeError(`Two schemas of the API are called ${name}.`);
  components.set(name, definition);
}

/** References among the definitions of one schema, as references into the document. */
function pointed(schema: object): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
