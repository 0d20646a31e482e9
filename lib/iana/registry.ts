/**
 * Names of registered numbers, for all files of this room.
 * @module
 */

/** The table turned round: each number with its name. */
export function namesOf(table: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(table)) names.set(value, name);
  return names;
}

/** The name of a number, or `unknown(1234)` if the registry has none. */
export function nameIn(names: ReadonlyMap<number, string>, value: number): string {
  return names.get(value) ?? `unknown(${value})`;
}
