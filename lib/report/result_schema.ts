/**
 * The JSON Schema of the result, made from the table that the result itself is made from.
 * @module
 */
import { documentedOf } from "@/engine/show/figure.ts";
import { type JsonSchema, schemaOf } from "@/engine/show/shape.ts";
import { RESULT_SCHEMA, RESULT_TABLE } from "@/report/result.ts";

/**
 * The schema (draft 2020-12). `isClosed`: fields that it does not name are refused, for tests; what is
 * shipped is open, as later programs may say more within the same version.
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
