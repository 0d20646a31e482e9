/**
 * Copies of records for another thread.
 * @module
 */

/**
 * A copy of plain data in which each array of octets has memory of its own. A message would otherwise copy the
 * whole memory of which an array is a view, with what else is in it.
 */
export function plainCopy<T>(value: T): T {
  return copied(value) as T;
}

function copied(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(copied);
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, copied(one)]));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copied(one)]));
}
