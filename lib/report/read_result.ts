/**
 * Reads a JSON result that this or another version of the program wrote with the same schema.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import { RESULT_SCHEMA, type RunResultJson } from "@/report/result.ts";
import { resultSchema } from "@/report/result_schema.ts";
import { faultBySchema } from "@/report/schema_check.ts";

/** How many characters of the `schema` of the file an error message repeats. */
const SHOWN_MAX = 100;

/**
 * The result in `text`, which comes from the file `name`. @throws {SetupError} if it is not a
 * result, or one of another version.
 */
export function readResult(text: string, name: string): RunResultJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw new SetupError(`Cannot read ${name} as JSON: ${e instanceof Error ? e.message : e}`);
  }
  if (typeof value !== "object" || value === null || !("schema" in value)) {
    throw new SetupError(`Cannot read ${name}: it is no JSON result, as it has no \`schema\``);
  }
  const schema = String(value.schema).slice(0, SHOWN_MAX);
  if (schema !== RESULT_SCHEMA) {
    throw new SetupError(
      `Cannot read ${name}: its schema is ${schema}, and this program reads ${RESULT_SCHEMA}`,
    );
  }
  const fault = faultBySchema(value, resultSchema());
  if (fault) throw new SetupError(`Cannot read ${name}: ${fault}`);
  return value as unknown as RunResultJson;
}
