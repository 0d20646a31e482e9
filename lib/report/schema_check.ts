/**
 * Validates a value by a JSON Schema. It supports the keywords that the schema of the result uses:
 * `type`, `enum`, `const`, `anyOf`, `properties`, `required`, `items` and `additionalProperties`.
 * @module
 */
import type { JsonSchema } from "@/engine/show/shape.ts";

/** The first fault of `value` as text, with the path to it; undefined if the value is valid. */
export function faultBySchema(value: unknown, schema: JsonSchema, path = ""): string | undefined {
  const { type, enum: words, anyOf, const: only } = schema;
  const at = path === "" ? "it" : path;
  if (anyOf) {
    const faults = (anyOf as JsonSchema[]).map((one) => faultBySchema(value, one, path));
    return faults.includes(undefined) ? undefined : faults[0];
  }
  if (only !== undefined && value !== only) return `${at} is not ${JSON.stringify(only)}`;
  if (words && !(words as unknown[]).includes(value)) return `${at} is not one of ${words}`;
  if (type && ![type].flat().includes(typeOf(value))) {
    return `${at} is ${typeOf(value)}, not ${type}`;
  }
  if (Array.isArray(value)) return faultOfItems(value, schema.items as JsonSchema, path);
  if (typeof value === "object" && value !== null) {
    return faultOfProperties(value as Readonly<Record<string, unknown>>, schema, path);
  }
  return undefined;
}

function faultOfItems(
  items: readonly unknown[],
  schema: JsonSchema | undefined,
  path: string,
): string | undefined {
  for (const [i, item] of items.entries()) {
    const fault = schema && faultBySchema(item, schema, `${path}[${i}]`);
    if (fault) return fault;
  }
  return undefined;
}

function faultOfProperties(
  value: Readonly<Record<string, unknown>>,
  { properties = {}, required = [], additionalProperties }: JsonSchema,
  path: string,
): string | undefined {
  const prefix = path === "" ? "" : `${path}.`;
  for (const name of required as string[]) {
    if (!Object.hasOwn(value, name)) return `${prefix}${name} is missing`;
  }
  const known = properties as Readonly<Record<string, JsonSchema>>;
  for (const [name, inner] of Object.entries(value)) {
    const isKnown = Object.hasOwn(known, name);
    if (!isKnown && additionalProperties === false) return `${prefix}${name} is not known`;
    const schema = isKnown ? known[name] : additionalProperties as JsonSchema | undefined;
    const fault = schema ? faultBySchema(inner, schema, `${prefix}${name}`) : undefined;
    if (fault) return fault;
  }
  return undefined;
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}
