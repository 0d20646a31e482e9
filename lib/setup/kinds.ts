/**
 * Kinds of option values: from the source text of a scalar to a typed value, and the words for what
 * is expected.
 * @module
 */
import { type IpAddress, type IpPrefix, parseAddress, parsePrefix } from "@/base/address.ts";
import { ROUTE_COMMAND, routeCommand } from "@/base/route_command.ts";
import { parseDuration, showDuration } from "@/base/duration.ts";
import { parseThreshold, type Threshold, THRESHOLD_WORDS } from "@/setup/threshold.ts";

/** Characters of a wrong value that a message repeats. */
const SHOWN_MAX = 80;
/** No duration of a test is longer: ten years. */
const DURATION_MAX_MS = 10 * 365 * 86_400_000;

/** Whole numbers lie from here … */
export const INT_MIN = -(2 ** 31);
/** … to here. */
const INT_MAX = 2 ** 31 - 1;

/** How one kind of value is read. */
export interface Kind<T> {
  /** Completes "expected …". */
  readonly expects: string;
  /** The value, or `undefined` where the text is none. */
  parse(text: string): T | undefined;
  /** The interface that an address names; undefined: it names none. */
  zoneIn?(text: string): string | undefined;
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

/** As {@linkcode bool}, or a word for a third thing. */
export function boolOr<const W extends string>(word: W): Kind<boolean | W> {
  return {
    expects: `${bool.expects}, or ${word}`,
    parse: (value) => value === word ? word : bool.parse(value),
  };
}

/** What was typed, as messages show it: quoted, bounded, with nothing that could steer a terminal. */
export function shown(text: string): string {
  const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  // Beyond what JSON escapes: all that cannot be seen, such as controls, marks, other spaces.
  return JSON.stringify(cut).replace(/(?! )[\p{C}\p{Z}]/gu, (c) => {
    const code = c.codePointAt(0)!.toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
  });
}

/** A whole number from `min` to `max`. */
export function int(min: number, max = INT_MAX): Kind<number> {
  const from = min === INT_MIN ? "a whole number, negative ones too" : `a whole number from ${min}`;
  const to = max === INT_MAX ? (min === INT_MIN ? "" : " on") : ` to ${max}`;
  const expects = from + to;
  return {
    expects,
    parse(text) {
      const value = Number(text);
      // The sum makes a zero of minus zero.
      return /^[+-]?\d+$/.test(text) && value >= min && value <= max ? value + 0 : undefined;
    },
  };
}

/** A whole number from `min` to `max`, or a word for a choice that is ours. */
export function intOr<const W extends string>(
  word: W,
  min: number,
  max = INT_MAX,
): Kind<number | W> {
  const number = int(min, max);
  return {
    expects: `${word}, or ${number.expects}`,
    parse: (text) => text === word ? word : number.parse(text),
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

/** Milliseconds of a duration; 0 where `fromMs` allows it. */
function durationFrom(fromMs: number): Kind<number> {
  const example = "a duration such as 1h2m3.5s or 500ms";
  return {
    expects: fromMs > 0 ? `${example}, at least ${showDuration(fromMs)}` : `${example}, or 0`,
    parse(text) {
      const ms = parseDuration(text);
      return ms !== undefined && ms >= fromMs && ms <= DURATION_MAX_MS ? ms : undefined;
    },
    hint: (text) => durationHint(text, fromMs),
  };
}

function durationHint(text: string, fromMs: number): string | undefined {
  // What would be too short with a unit, too, lacks more than that.
  if (fromMs > 0 && /^[0.]+$/.test(text)) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return `a unit is missing: ${text.slice(0, 20)}s?`;
  if ((parseDuration(text) ?? 0) > DURATION_MAX_MS) return "the longest is ten years, 87600h";
  return text.startsWith("-") ? "no duration is negative" : undefined;
}

/** A duration, 0 too. */
export const duration = durationFrom(0);

/** A pause that may not be nothing, since something is done after each. */
export const pause = durationFrom(1);

/** Any text. */
export const text: Kind<string> = { expects: "a text", parse: (value) => value };

/** What a figure has to be for the test to pass. */
export const threshold: Kind<Threshold> = { expects: THRESHOLD_WORDS, parse: parseThreshold };

/** A command that changes one route or rule; an empty text is none. */
export const routeChange: Kind<string> = {
  expects: ROUTE_COMMAND,
  parse: (value) => value === "" || routeCommand(value).words ? value : undefined,
};

/** An IPv4 or IPv6 address; an empty text is none. */
export const address: Kind<IpAddress | null> = {
  expects: "an IPv4 or IPv6 address",
  parse: (value) => value === "" ? null : parseAddress(value),
  hint: leadingZeroHint,
};

/** An address, where a link-local one may name its interface as well: `fe80::1%eth0` (RFC 4007 §11). */
export const addressOnLink: Kind<IpAddress | null> = {
  expects: "an IPv4 or IPv6 address",
  parse: (value) => address.parse(value.replace(ZONE, "")),
  zoneIn: (value) => ZONE.exec(value)?.[1],
  hint: leadingZeroHint,
};
/** What stands behind an address: `%` and the name of an interface, of 15 octets at most. */
const ZONE = /%([^\s/%]{1,15})$/;

/** `010` is eight to some programs, and ten to others. */
function leadingZeroHint(value: string): string | undefined {
  return /^[\d.]+(\/\d+)?$/.test(value) && /(^|\.)0\d/.test(value)
    ? "none of its numbers may begin with a zero"
    : undefined;
}

/** An address of one family; an empty text is none. */
export function addressOf(family: 4 | 6): Kind<IpAddress | null> {
  return {
    expects: `an IPv${family} address`,
    parse: (value) => ofFamily(address.parse(value), family, (found) => found),
  };
}

/** An address; an empty text is loopback. */
export const listenAddress: Kind<IpAddress> = {
  expects: address.expects,
  parse: (value) => parseAddress(value === "" ? "127.0.0.1" : value),
};

/** An address with its prefix length; an empty text is none. */
export const prefix: Kind<IpPrefix | null> = {
  expects: "an address with a prefix length, such as 10.0.0.1/24",
  parse: (value) => value === "" ? null : value.includes("/") ? parsePrefix(value) : undefined,
  hint: leadingZeroHint,
};

/** An address of one family with its prefix length; an empty text is none. */
export function prefixOf(family: 4 | 6): Kind<IpPrefix | null> {
  const example = family === 4 ? "10.0.0.1/24" : "2001:db8::1/64";
  return {
    expects: `an IPv${family} address with a prefix length, such as ${example}`,
    parse: (value) => ofFamily(prefix.parse(value), family, (found) => found.address),
  };
}

/** What was read, where its address is of the family; none stays none. */
function ofFamily<T>(
  found: T | null | undefined,
  family: 4 | 6,
  addressIn: (found: T) => IpAddress,
): T | null | undefined {
  if (!found) return found;
  return addressIn(found).length === (family === 4 ? 4 : 16) ? found : undefined;
}

/** An address and a port: `192.0.2.1:1812`, `[2001:db8::1]:1812`; an empty text is none. */
export const endpoint: Kind<{ readonly address: IpAddress; readonly port: number } | null> = {
  expects: "an address with a port, such as 192.0.2.1:1812 or [2001:db8::1]:1812",
  parse(value) {
    if (value === "") return null;
    const parts = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(value);
    if (!parts) return undefined;
    const [, v6, v4, digits] = parts;
    const address = parseAddress(v6 ?? v4!);
    const port = Number(digits);
    const isV6 = address?.length === 16;
    return address && isV6 === (v6 !== undefined) && port >= 1 && port <= 65_535
      ? { address, port }
      : undefined;
  },
};

/** The name of a network interface, as Linux allows it; an empty text is none. */
export const interfaceName: Kind<string> = {
  expects: "the name of a network interface: at most 15 characters, no space, / or :",
  parse: (value) => /^[^\s/:]{0,15}$/.test(value) && !/^\.\.?$/.test(value) ? value : undefined,
};

/** One of some words. */
export function oneOf<const W extends string>(...words: readonly W[]): Kind<W> {
  return {
    expects: `one of ${words.filter((word) => word !== "").join(", ")}`,
    parse: (value) => words.find((word) => word === value),
    hint: (value) => nearest(value, words, (word) => `did you mean ${word}?`),
  };
}

/** One of the keywords of a table. */
export function keyword<V>(table: Readonly<Record<string, V>>): Kind<V> {
  const words = Object.keys(table);
  return {
    expects: `one of ${grouped(words).join(", ")}`,
    parse(value) {
      const word = value.toLowerCase();
      return Object.hasOwn(table, word) ? table[word] : undefined;
    },
    hint(value) {
      const sized = words.find((word) => word.startsWith(`${value.toLowerCase()}:`));
      if (sized) return `the key's bits are missing: ${sized}?`;
      const longer = longerOrShorter(value.toLowerCase(), words);
      if (longer) return `did you mean ${longer}?`;
      return nearest(value, words, (word) => `did you mean ${word}?`);
    },
  };
}

/** `sha1-96` for sha1, `aes-gcm-16:128` for aes-gcm:128, and the other way round. */
function longerOrShorter(value: string, words: readonly string[]): string | undefined {
  const [name, bits] = value.split(":") as [string, string?];
  return words.find((word) => {
    const [wordName, wordBits] = word.split(":") as [string, string?];
    if (bits !== undefined && bits !== wordBits) return false;
    return wordName.startsWith(`${name}-`) || name.startsWith(`${wordName}-`);
  });
}

/** `aes-cbc:128/192/256` of three words. */
function grouped(words: readonly string[]): string[] {
  const sizes = new Map<string, string[]>();
  for (const word of words) {
    const [name, bits] = word.split(":") as [string, string?];
    sizes.set(name, [...sizes.get(name) ?? [], ...bits ? [bits] : []]);
  }
  return [...sizes].map(([name, bits]) => bits.length > 0 ? `${name}:${bits.join("/")}` : name);
}

function nearest(
  value: string,
  words: readonly string[],
  say: (word: string) => string,
): string | undefined {
  // Another number is no typing error.
  const word = /^\d+$/.test(value) ? undefined : nearestWord(value, words);
  return word === undefined ? undefined : say(word);
}

/** The word that a typing error may have meant; `undefined` where none is near. */
export function nearestWord(value: string, words: readonly string[]): string | undefined {
  // Of one letter, nothing is left when it is another.
  const farthest = value.length < 4
    ? Math.min(1, value.length - 1)
    : Math.min(4, Math.max(2, Math.floor(value.length / 3)));
  let best: string | undefined;
  let bestDistance = farthest + 1;
  for (const word of words) {
    if (Math.abs(word.length - value.length) > farthest) continue;
    const distance = editDistance(value.toLowerCase(), word.toLowerCase());
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
