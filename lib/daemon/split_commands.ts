/**
 * The command lists of the Daemon API: several shell commands in one text, separated by semicolons.
 * @module
 */
import { SetupError } from "@/base/errors.ts";

/**
 * Splits a list at each `;` that is neither quoted nor escaped, by the quoting rules of POSIX 2.2:
 * `'…'` quotes everything, `"…"` everything but `\`, and `\` quotes the character that follows it.
 * Empty commands are left out.
 * @throws {SetupError} where a quote is not closed.
 */
export function splitCommands(list: string): string[] {
  const commands: string[] = [];
  let from = 0;
  let quote = "";
  for (let at = 0; at < list.length; at++) {
    const character = list[at]!;
    if (character === "\\" && quote !== "'") at++;
    else if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if (character === ";") {
      commands.push(list.slice(from, at));
      from = at + 1;
    }
  }
  if (quote !== "") throw new SetupError(`Cannot split the commands: a ${quote} is not closed`);
  commands.push(list.slice(from));
  return commands.map((command) => command.trim()).filter((command) => command !== "");
}
