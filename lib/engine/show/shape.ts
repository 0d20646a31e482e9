/**
 * The types of the fields of the JSON result: as a description for docs/results.md, and as JSON Schema (draft
 * 2020-12) for programs. A field names its type by the description, so that the two cannot differ.
 * @module
 */

/** A JSON Schema, or a part of one. */
export type JsonSchema = { readonly [keyword: string]: unknown };

const NUMBER: JsonSchema = { type: "number" };
const TEXT: JsonSchema = { type: "string" };
const COUNTS: JsonSchema = { type: "object", additionalProperties: NUMBER };

/** The same, or null. */
function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: "null" }] };
}

function listOf(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

/** An object in which these properties are known and required. */
function objectOf(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", properties, required: Object.keys(properties) };
}

const LATENCY = objectOf({
  p50: orNull(NUMBER),
  p90: orNull(NUMBER),
  p99: orNull(NUMBER),
  max: orNull(NUMBER),
});

const BUCKETS = { buckets: listOf(listOf(NUMBER)) };

const PING_TASK = objectOf({
  from: orNull(TEXT),
  to: TEXT,
  sent: NUMBER,
  received: NUMBER,
  lost: NUMBER,
  burstMax: NUMBER,
  latencyMs: LATENCY,
  firstPacketMs: orNull(NUMBER),
});

const TRAFFIC_FLOW = objectOf({
  from: orNull(TEXT),
  to: TEXT,
  sent: NUMBER,
  received: NUMBER,
  lost: NUMBER,
  duplicates: NUMBER,
  reordered: NUMBER,
  p50Ms: orNull(NUMBER),
  p99Ms: orNull(NUMBER),
  maxMs: orNull(NUMBER),
  jitterMs: orNull(NUMBER),
});

const STORM = objectOf({
  kind: TEXT,
  atSec: orNull(NUMBER),
  tunnels: NUMBER,
  done: NUMBER,
  failed: NUMBER,
  latencyMs: LATENCY,
});

/** The schema of every type, by its description. The parts of a field describe the content of an `object`. */
export const SHAPES = {
  "number": NUMBER,
  "number or null": orNull(NUMBER),
  "text": TEXT,
  "text or null": orNull(TEXT),
  "list of text": listOf(TEXT),
  "list of numbers": listOf(NUMBER),
  "list of numbers or null": listOf(orNull(NUMBER)),
  '"passed", "failed", "stopped" or "running"': {
    enum: ["passed", "failed", "stopped", "running"],
  },
  '"client", "gateway" or null': { enum: ["client", "gateway", null] },
  "{p50, p90, p99, max}": LATENCY,
  // Programs before the buckets wrote results without them.
  "{p50, p90, p99, max, buckets}": {
    ...LATENCY,
    properties: { ...LATENCY.properties as Record<string, JsonSchema>, ...BUCKETS },
  },
  "list of {cause, count, example}": listOf(
    objectOf({ cause: TEXT, count: NUMBER, example: TEXT }),
  ),
  "list of {atSec, level, text}": listOf(objectOf({ atSec: NUMBER, level: NUMBER, text: TEXT })),
  "list of ping tasks": listOf(PING_TASK),
  "list of storms": listOf(STORM),
  "list of tunnels with their traffic": listOf(TRAFFIC_FLOW),
  "list of {threshold, value, held}": listOf(
    objectOf({ threshold: TEXT, value: orNull(NUMBER), held: { type: "boolean" } }),
  ),
  "list of objects of numbers": listOf(COUNTS),
  "object of numbers": COUNTS,
  "object of numbers or null": orNull(COUNTS),
  "object": { type: "object" },
  "object or null": { type: ["object", "null"] },
} as const satisfies Readonly<Record<string, JsonSchema>>;

/** The description of a type. */
export type TypeWords = keyof typeof SHAPES;

/** A field of which a schema is made: its path of names with dots, its type and its meaning. */
export interface SchemaField {
  readonly path: string;
  readonly type: TypeWords;
  readonly doc: string;
}

/** Node of the tree of fields while a schema is built. */
interface Branch {
  field: SchemaField | undefined;
  readonly below: Map<string, Branch>;
}

/**
 * The schema of an object with these fields, all of which are required. `isClosed`: no other field is
 * allowed; a schema for readers is open, as later programs may add fields.
 */
export function schemaOf(fields: readonly SchemaField[], isClosed: boolean): JsonSchema {
  const root: Branch = { field: undefined, below: new Map() };
  for (const field of fields) {
    let at = root;
    for (const step of field.path.split(".")) {
      const next: Branch = at.below.get(step) ?? { field: undefined, below: new Map() };
      at.below.set(step, next);
      at = next;
    }
    at.field = field;
  }
  return branchSchema(root, isClosed);
}

function branchSchema({ field, below }: Branch, isClosed: boolean): JsonSchema {
  const description = field && { description: field.doc };
  if (below.size === 0) return { ...description, ...SHAPES[field!.type] };
  const properties: Record<string, JsonSchema> = {};
  for (const [name, branch] of below) properties[name] = branchSchema(branch, isClosed);
  const object = {
    ...objectOf(properties),
    ...(isClosed ? { additionalProperties: false } : {}),
  };
  return { ...description, ...(field?.type === "object or null" ? orNull(object) : object) };
}
