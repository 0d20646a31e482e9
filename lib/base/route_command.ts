/**
 * Commands of iproute2 that change one route or rule and do nothing else. `ip` can also run programs
 * (`ip netns exec`), read command files (`-batch`), switch to another namespace (`-n`) and load programs for
 * packets (`encap bpf`).
 * @module
 */

/** Completes "expected …". */
export const ROUTE_COMMAND =
  "`ip route …` or `ip rule …` that adds, replaces, changes or deletes one";

/** Matches `-4` or `-6`, and the abbreviations of `route` and `rule` that iproute2 accepts. */
const FAMILY = /^-[46]$/;
const OBJECT = /^(?:ro(?:u(?:te?)?)?|r|ru(?:le?)?)$/;
const VERB = /^(?:add|append|prepend|replace|change|chg|del|delete)$/;
/** Matches names, addresses and numbers, which cannot be the name of a program or an option. */
const WORD = /^[A-Za-z0-9_.:/@%+][A-Za-z0-9_.:/@%+-]*$/;

/** The words of a command after `ip`, or else what was found in place of what is expected. */
export type RouteCommand =
  | { readonly words: readonly string[]; readonly found?: undefined }
  | { readonly words?: undefined; readonly found: string };

/** Reads a command that is to change one route or rule. */
export function routeCommand(command: string): RouteCommand {
  const [program, ...words] = command.trim().split(/\s+/);
  if (program !== "ip") return { found: program || "nothing" };
  const behindFamily = FAMILY.test(words[0] ?? "") ? words.slice(1) : words;
  const [object = "nothing", verb = "nothing", ...rest] = behindFamily;
  if (!OBJECT.test(object)) return { found: `ip ${object}` };
  if (!VERB.test(verb)) return { found: `ip ${object} ${verb}` };
  const strange = rest.find((word) => !WORD.test(word) || word === "bpf");
  return strange === undefined ? { words } : { found: strange };
}
