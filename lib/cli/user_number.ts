/**
 * Finds the users of this host whom `--allow-user` names.
 * @module
 */
import { SetupError } from "@/base/errors.ts";

/** The number of a user who is given by name or number. @throws {SetupError} if there is none. */
export function userNumber(name: string): number {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const { success, stdout } = new Deno.Command("id", {
    args: ["-u", "--", name],
    stdin: "null",
    stderr: "null",
  }).outputSync();
  const text = new TextDecoder().decode(stdout).trim();
  if (success && /^\d+$/.test(text)) return Number(text);
  throw new SetupError(`Cannot use --allow-user ${name}: this host has no such user`);
}
