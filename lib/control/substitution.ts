/**
 * Variables in the commands of a recipe: the names of `varlist`, wherever they stand, by their values.
 * @module
 */

/**
 * `text` with each variable replaced, once: what a value brings is not looked at again. Where several
 * names begin at the same place, the longest counts.
 */
export function substitute(text: string, variables: ReadonlyMap<string, string>): string {
  const names = [...variables.keys()].filter((name) => name !== "");
  if (names.length === 0) return text;
  const longestFirst = names.sort((a, b) => b.length - a.length);
  const pattern = longestFirst.map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  return text.replaceAll(new RegExp(pattern.join("|"), "g"), (name) => variables.get(name)!);
}
