/**
 * The kinds of option values: each parses the text of a scalar into a typed value, and describes
 * what is expected.
 * @module
 */
import { type IpAddress, type IpPrefix, parseAddress, parsePrefix } from "@/base/address.ts";
import { ROUTE_COMMAND, routeCommand } from "@/base/route_command.ts";
import { parseDuration, showDuration } from "@/base/duration.ts";
import { parseThreshold, type Threshold, THRESHOLD_WORDS } from "@/setup/threshold.ts";

/** The most characters of a wrong value that an error message shows. */
const SHOWN_MAX = 80;
/** The longest duration: ten years. */
const DURATION_MAX_MS = 10 * 365 * 86_400_000;

/** The smallest whole number. */
export const INT_MIN = -(2 ** 31);
/** The largest whole number. */
const INT_MAX = 2 ** 31 - 1;

/** What a kind returns for a text that is none of its values; `undefined` is a value: that there is none. */
export const INVALID: unique symbol = Symbol("invalid");

/** A kind of values. */
export interface Kind<T> {
  /** Describes the values of this kind; completes the sentence "Expected …". */
  readonly expects: string;
  /** The value of a text. */
  parse(text: string): T | typeof INVALID;
  /** The interface that an address names; undefined if it names none. */
  zoneIn?(text: string): string | undefined;
  /** Additional help about an invalid text, if `expects` is not enough. */
  hint?(text: string): string | undefined;
}

/** A boolean: true, false, yes, no, on or off, in upper or lower case. */
export const bool: Kind<boolean> = {
  expects: "true or false (also yes, no, on, off)",
  parse(text) {
    if (/^(true|yes|on)$/i.test(text)) return true;
    return /^(false|no|off)$/i.test(text) ? false : INVALID;
  },
};

/** A boolean as {@linkcode bool}, or one keyword. */
export function boolOr<const W extends string>(word: W): Kind<boolean | W> {
  return {
    expects: `${bool.expects}, or ${word}`,
    parse: (value) => value === word ? word : bool.parse(value),
  };
}

/**
 * A text as error messages show it: quoted, shortened, and without characters that control a
 * terminal.
 */
export function shown(text: string): string {
  const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  // In addition to what JSON escapes, invisible characters are escaped: control characters, marks,
  // and spaces other than the plain one.
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
      // Adding 0 turns -0 into 0.
      return /^[+-]?\d+$/.test(text) && value >= min && value <= max ? value + 0 : INVALID;
    },
  };
}

/** A whole number from `min` to `max`, or a keyword that leaves the choice to the program. */
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

/** A number from `min` to `max`, which may have a fraction. */
export function float(min: number, max: number): Kind<number> {
  return {
    expects: `a number from ${min} to ${max}`,
    parse(text) {
      const value = Number(text);
      const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text);
      return isNumber && value >= min && value <= max ? value : INVALID;
    },
  };
}

/** A UDP or TCP port; 0, if it is allowed, stands for any free port. */
export function port(zero: boolean): Kind<number> {
  return int(zero ? 0 : 1, 65_535);
}

/** A duration in milliseconds, of at least `fromMs`. */
function durationFrom(fromMs: number): Kind<number> {
  const example = "a duration such as 1h2m3.5s or 500ms";
  return {
    expects: fromMs > 0 ? `${example}, at least ${showDuration(fromMs)}` : `${example}, or 0`,
    parse(text) {
      const ms = parseDuration(text);
      return ms !== undefined && ms >= fromMs && ms <= DURATION_MAX_MS ? ms : INVALID;
    },
    hint: (text) => durationHint(text, fromMs),
  };
}

function durationHint(text: string, fromMs: number): string | undefined {
  // A missing unit is no help for a number that would be too short with any unit.
  if (fromMs > 0 && /^[0.]+$/.test(text)) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return `a unit is missing: ${text.slice(0, 20)}s?`;
  if ((parseDuration(text) ?? 0) > DURATION_MAX_MS) return "the longest is ten years, 87600h";
  return text.startsWith("-") ? "no duration is negative" : undefined;
}

/** A duration, which may be 0. */
export const duration = durationFrom(0);

/** A duration that must not be 0, as something is done again after each such pause. */
export const pause = durationFrom(1);

/** Any text. */
export const text: Kind<string> = { expects: "a text", parse: (value) => value };

/** What a figure has to be for the test to pass. */
export const threshold: Kind<Threshold> = {
  expects: THRESHOLD_WORDS,
  parse: (value) => parseThreshold(value) ?? INVALID,
};

/** A rate of traffic. */
export interface RateConf {
  readonly perSecond: number;
  readonly unit: "packets" | "bits";
}

/** The highest rate: a packet each microsecond, or 100 Gbit/s. */
const RATE_MAX = { packets: 1e6, bits: 1e11 } as const;
const BITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** Packets or bits a second; an empty text stands for no rate. */
export const trafficRate: Kind<RateConf | undefined> = {
  expects: "packets or bits a second, such as 100/s, 64kbit/s or 10Mbit/s (at most 1000000/s)",
  parse(value) {
    if (value === "") return undefined;
    const [, digits, prefix] = /^(\d{1,12}(?:\.\d{1,6})?)\s*(?:([kmg]?)bit)?\/s$/i.exec(value) ??
      [];
    if (digits === undefined) return INVALID;
    const unit = prefix === undefined ? "packets" : "bits";
    const perSecond = Number(digits) * (prefix === undefined ? 1 : BITS[prefix.toLowerCase()]!);
    return perSecond > 0 && perSecond <= RATE_MAX[unit] ? { perSecond, unit } : INVALID;
  },
  hint: (value) => /^\d+(\.\d+)?$/.test(value) ? `a unit is missing: ${value}/s?` : undefined,
};

/** The octets of a packet of traffic, or a mix of packets. */
export function packetSize(min: number, max: number): Kind<number | "imix"> {
  return intOr("imix", min, max);
}

/** A command that changes one route or rule; an empty text stands for no command. */
export const routeChange: Kind<string> = {
  expects: ROUTE_COMMAND,
  parse: (value) => value === "" || routeCommand(value).words ? value : INVALID,
};

/** An IPv4 or IPv6 address; an empty text stands for no address. */
export const address: Kind<IpAddress | undefined> = {
  expects: "an IPv4 or IPv6 address",
  parse: (value) => value === "" ? undefined : parseAddress(value) ?? INVALID,
  hint: leadingZeroHint,
};

/** An address; a link-local address may name its interface: `fe80::1%eth0` (RFC 4007 §11). */
export const addressOnLink: Kind<IpAddress | undefined> = {
  expects: "an IPv4 or IPv6 address",
  parse: (value) => address.parse(value.replace(ZONE, "")),
  zoneIn: (value) => ZONE.exec(value)?.[1],
  hint: leadingZeroHint,
};
/** The end of an address with an interface: `%` and a name of at most 15 octets. */
const ZONE = /%([^\s/%]{1,15})$/;

/**
 * Explains that numbers must not begin with a zero, as some programs read `010` as 8 and others as
 * 10.
 */
function leadingZeroHint(value: string): string | undefined {
  return /^[\d.]+(\/\d+)?$/.test(value) && /(^|\.)0\d/.test(value)
    ? "none of its numbers may begin with a zero"
    : undefined;
}

/** An address of one family; an empty text stands for no address. */
export function addressOf(family: 4 | 6): Kind<IpAddress | undefined> {
  return {
    expects: `an IPv${family} address`,
    parse: (value) => ofFamily(address.parse(value), family, (found) => found),
  };
}

/** An address; an empty text stands for 127.0.0.1. */
export const listenAddress: Kind<IpAddress> = {
  expects: address.expects,
  parse: (value) => parseAddress(value === "" ? "127.0.0.1" : value) ?? INVALID,
};

/** An address with its prefix length; an empty text stands for none. */
export const prefix: Kind<IpPrefix | undefined> = {
  expects: "an address with a prefix length, such as 10.0.0.1/24",
  parse(value) {
    if (value === "") return undefined;
    return value.includes("/") ? parsePrefix(value) ?? INVALID : INVALID;
  },
  hint: leadingZeroHint,
};

/** An address of one family with its prefix length; an empty text stands for none. */
export function prefixOf(family: 4 | 6): Kind<IpPrefix | undefined> {
  const example = family === 4 ? "10.0.0.1/24" : "2001:db8::1/64";
  return {
    expects: `an IPv${family} address with a prefix length, such as ${example}`,
    parse: (value) => ofFamily(prefix.parse(value), family, (found) => found.address),
  };
}

/** A value if there is none or its address belongs to the family, otherwise invalid. */
function ofFamily<T>(
  found: T | undefined | typeof INVALID,
  family: 4 | 6,
  addressIn: (found: T) => IpAddress,
): T | undefined | typeof INVALID {
  if (found === undefined || found === INVALID) return found;
  return addressIn(found).length === (family === 4 ? 4 : 16) ? found : INVALID;
}

/** An address and a port: `192.0.2.1:1812`, `[2001:db8::1]:1812`; an empty text stands for none. */
export const endpoint: Kind<{ readonly address: IpAddress; readonly port: number } | undefined> = {
  expects: "an address with a port, such as 192.0.2.1:1812 or [2001:db8::1]:1812",
  parse(value) {
    if (value === "") return undefined;
    const parts = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(value);
    if (!parts) return INVALID;
    const [, v6, v4, digits] = parts;
    const address = parseAddress(v6 ?? v4!);
    const port = Number(digits);
    const isV6 = address?.length === 16;
    return address && isV6 === (v6 !== undefined) && port >= 1 && port <= 65_535
      ? { address, port }
      : INVALID;
  },
};

/** The name of a network interface, as Linux allows it; an empty text stands for none. */
export const interfaceName: Kind<string> = {
  expects: "the name of a network interface: at most 15 characters, no space, / or :",
  parse: (value) => /^[^\s/:]{0,15}$/.test(value) && !/^\.\.?$/.test(value) ? value : INVALID,
};

/** One of several keywords. */
export function oneOf<const W extends string>(...words: readonly W[]): Kind<W> {
  return {
    expects: `one of ${words.filter((word) => word !== "").join(", ")}`,
    parse: (value) => words.find((word) => word === value) ?? INVALID,
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
      return Object.hasOwn(table, word) ? table[word]! : INVALID;
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

/**
 * The keyword that extends a text or is extended by it, such as `sha1-96` for `sha1` and
 * `aes-gcm-16:128` for `aes-gcm:128`.
 */
function longerOrShorter(value: string, words: readonly string[]): string | undefined {
  const [name, bits] = value.split(":") as [string, string?];
  return words.find((word) => {
    const [wordName, wordBits] = word.split(":") as [string, string?];
    if (bits !== undefined && bits !== wordBits) return false;
    return wordName.startsWith(`${name}-`) || name.startsWith(`${wordName}-`);
  });
}

/** Joins keywords that differ in the key length only: `aes-cbc:128/192/256`. */
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
  // A number that differs from an allowed one is not a typing error.
  const word = /^\d+$/.test(value) ? undefined : nearestWord(value, words);
  return word === undefined ? undefined : say(word);
}

/** The keyword that is meant by a text with a typing error; `undefined` if none is similar. */
export function nearestWord(value: string, words: readonly string[]): string | undefined {
  // A word of one letter has nothing in common with another letter.
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

/**
 * The number of insertions, deletions and replacements between two words (Levenshtein distance).
 */
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
