/**
 * Names of the API's close codes, for causes of failures and messages.
 * @module
 */
import { nameOfNotify } from "@/iana/notify_type.ts";
import { CloseCode } from "@/ike/records/failure.ts";

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(CloseCode).map(([name, code]) => [code, name]),
);

/** The name of a close code, such as `NO_ANSWER`, or of the error notify that ended the SA. */
export function nameOfCloseCode(code: number): string {
  return NAMES.get(code) ?? nameOfNotify(code);
}
