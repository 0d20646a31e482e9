/**
 * Makes the JSON Schema of the result from the table of fields, from which the result itself is
 * made.
 * @module
 */
import { documentedOf } from "@/engine/show/figure.ts";
import { type JsonSchema, schemaOf } from "@/engine/show/shape.ts";
import { RESULT_SCHEMA, RESULT_TABLE } from "@/report/result.ts";

/**
 * The schema (draft 2020-12). With `isClosed` it refuses fields that it does not name, which our
 * tests use; the published schema allows them, as later programs may add fields within the same
 * version.
 */
export function resultSchema(isClosed = false): JsonSchema {
  const schema = schemaOf(documentedOf(RESULT_TABLE), isClosed);
  const { properties } = schema as { readonly properties: Readonly<Record<string, JsonSchema>> };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: `urn:${RESULT_SCHEMA.replace("/", ":")}`,
    title: "The JSON result of myikev2",
    ...schema,
    properties: { ...properties, schema: { ...properties.schema, const: RESULT_SCHEMA } },
  };
}
