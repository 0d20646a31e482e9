/**
 * Kinds of option values: from the source text of a scalar to a typed value, and the words for what
 * is expected.
 * @module
 */
import { type IpAddress, type IpPrefix, parseAddress, parsePrefix } from "@/base/address.ts";
import { parseDuration } from "@/base/duration.ts";

/** How one kind of value is read. */
export interface Kind<T> {
  /** Completes "expected …". */
  readonly expects: string;
  /** The value, or `undefined` where the text is none. */
  parse(text: string): T | undefined;
  /** What to say of a text that is none, when more than `expects` helps. */
  hint?(text: string): string | undefined;
}

/** true, false, yes, no, on, off, in any case. */
export const bool: Kind<boolean> = {
  expects: "true or false (also yes, no, on, off)",
  parse(text) {
    if (/^(true|yes|on)$/i.test(text)) return true;
    return /^(false|no|off)$/i.test(text) ? false : undefined;
  },
};

/** A whole number from `min` to `max`. */
export function int(min: number, max = 2 ** 31 - 1): Kind<number> {
  const expects = max === 2 ** 31 - 1
    ? `a whole number from ${min} on`
    : `a whole number from ${min} to ${max}`;
  return {
    expects,
    parse(text) {
      const value = Number(text);
      return /^[+-]?\d+$/.test(text) && value >= min && value <= max ? value : undefined;
    },
  };
}

/** A number from `min` to `max`, fractions allowed. */
export function float(min: number, max: number): Kind<number> {
  return {
    expects: `a number from ${min} to ${max}`,
    parse(text) {
      const value = Number(text);
      const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text);
      return isNumber && value >= min && value <= max ? value : undefined;
    },
  };
}

/** A UDP or TCP port; 0, where allowed, takes a free one. */
export function port(zero: boolean): Kind<number> {
  return int(zero ? 0 : 1, 65_535);
}

/** Milliseconds of a duration. */
export const duration: Kind<number> = {
  expects: "a duration such as 1h2m3.5s, 500ms or 0",
  parse: parseDuration,
  hint: (text) => /^\d+(\.\d+)?$/.test(text) ? `a unit is missing: ${text}s?` : undefined,
};

/** Any text. */
export const text: Kind<string> = { expects: "a text", parse: (value) => value };

/** An IPv4 or IPv6 address; an empty text is none. */
export const address: Kind<IpAddress | null> = {
  expects: "an IPv4 or IPv6 address",
  parse: (value) => value === "" ? null : parseAddress(value),
};

/** An address with its prefix length; an empty text is none. */
export const prefix: Kind<IpPrefix | null> = {
  expects: "an address with a prefix length, such as 10.0.0.1/24",
  parse: (value) => value === "" ? null : value.includes("/") ? parsePrefix(value) : undefined,
};

/** One of some words. */
export function oneOf<const W extends string>(...words: readonly W[]): Kind<W> {
  return {
    expects: `one of ${words.join(", ")}`,
    parse: (value) => words.find((word) => word === value),
    hint: (value) => nearest(value, words, (word) => `did you mean ${word}?`),
  };
}

/** One of the keywords of a table. */
export function keyword<V>(table: Readonly<Record<string, V>>): Kind<V> {
  const words = Object.keys(table);
  return {
    expects: `one of ${words.join(", ")}`,
    parse: (value) => table[value.toLowerCase()],
    hint: (value) => nearest(value, words, (word) => `did you mean ${word}?`),
  };
}

function nearest(
  value: string,
  words: readonly string[],
  say: (word: string) => string,
): string | undefined {
  const word = nearestWord(value, words);
  return word === undefined ? undefined : say(word);
}

/** The word that a typing error may have meant; `undefined` where none is near. */
export function nearestWord(value: string, words: readonly string[]): string | undefined {
  let best: string | undefined, bestDistance = Math.max(2, Math.floor(value.length / 3)) + 1;
  for (const word of words) {
    const distance = editDistance(value.toLowerCase().slice(0, 64), word.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [word, distance];
  }
  return best;
}

/** Insertions, deletions and replacements between two words (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + same));
    }
    row = next;
  }
  return row[b.length]!;
}
