/**
 * Replaces variables in the commands of a recipe: every occurrence of a name of `varlist` by its value.
 * @module
 */

/**
 * Replaces each variable of `text` once; the values are not searched again. Where several names begin at the
 * same place, the longest is taken.
 */
export function substitute(text: string, variables: ReadonlyMap<string, string>): string {
  const names = [...variables.keys()].filter((name) => name !== "");
  if (names.length === 0) return text;
  const longestFirst = names.sort((a, b) => b.length - a.length);
  const pattern = longestFirst.map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  return text.replaceAll(new RegExp(pattern.join("|"), "g"), (name) => variables.get(name)!);
}
