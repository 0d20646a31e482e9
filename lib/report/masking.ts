/**
 * Masks the identities of users and hosts in a result, so that it can be passed on. Identities are
 * part of sentences, so whole sentences are left out.
 * @module
 */
import { documentedOf } from "@/engine/show/figure.ts";
import type { TypeWords } from "@/engine/show/shape.ts";
import { RESULT_TABLE, type RunResultJson } from "@/report/result.ts";

/** The text that replaces a sentence. */
export const LEFT_OUT = "left out, as identities are masked";

/** The field that holds a sentence, by the type of a list whose entries have one. */
const SENTENCES: Partial<Record<TypeWords, string>> = {
  "list of {cause, count, example}": "example",
  "list of {atSec, level, text}": "text",
};

/** The lists of a result whose entries hold a sentence: their path, and the name of its field. */
const LISTS = documentedOf(RESULT_TABLE).flatMap(({ path, type }) => {
  const field = SENTENCES[type];
  return field === undefined ? [] : [{ steps: path.split("."), field }];
});

/**
 * The result without sentences about peers and tunnels; figures, causes and algorithms are kept.
 */
export function withoutSentences(result: RunResultJson): RunResultJson {
  const masked = { ...result, error: result.error === null ? null : LEFT_OUT };
  return LISTS.reduce((json, { steps, field }) => maskedAt(json, steps, field), masked);
}

/** A copy of `value` in which the list at a path has no sentences. What an earlier program did not write stays away. */
function maskedAt<T>(value: T, [step, ...rest]: readonly string[], field: string): T {
  if (value === null || value === undefined) return value;
  if (step === undefined) {
    const list = value as readonly Readonly<Record<string, unknown>>[];
    return list.map((one) => ({ ...one, [field]: LEFT_OUT })) as T;
  }
  return { ...value, [step]: maskedAt(value[step as keyof T], rest, field) };
}
