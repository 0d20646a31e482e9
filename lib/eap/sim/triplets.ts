/**
 * GSM triplets of a subscriber from outside (RFC 4186 §1): RAND, and what its SIM answers to it. A server
 * that has no keys of a subscriber gets them from its home network; here they are read from a file.
 * @module
 */
import { fromHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";

/** A challenge and the answer of the SIM. */
export interface GsmTriplet {
  /** 16 octets. */
  readonly rand: Uint8Array;
  /** 4 octets. */
  readonly sres: Uint8Array;
  /** 8 octets. */
  readonly kc: Uint8Array;
}

/** The triplets of a subscriber, and which of them is used next; one record for each subscriber. */
export interface SimTriplets {
  readonly all: readonly GsmTriplet[];
  next: number;
}

/** The fewest triplets of a subscriber, as the RANDs of one challenge must differ (RFC 4186 §9.3). */
const TRIPLETS_MIN = 3;
/** The most triplets of a subscriber. */
const TRIPLETS_MAX = 100_000;

/**
 * Reads the triplets of one subscriber: lines `RAND,SRES,Kc` in hex, or `IDENTITY,RAND,SRES,Kc`, of which
 * those of other identities are passed over. Empty lines and lines that begin with # are as well.
 * @throws {WireError} naming the line that is no triplet, and where there are fewer than three.
 */
export function parseTriplets(text: string, identity: string): SimTriplets {
  const all: GsmTriplet[] = [];
  const seen = new Set<string>();
  for (const [i, line] of text.split("\n").entries()) {
    const fields = line.trim().split(",").map((field) => field.trim());
    if (fields[0] === "" || fields[0]!.startsWith("#")) continue;
    if (fields.length === 4 && fields.shift() !== identity) continue;
    const [rand, sres, kc] = [octets(fields[0], 16), octets(fields[1], 4), octets(fields[2], 8)];
    if (fields.length !== 3 || !rand || !sres || !kc) {
      throw new WireError(
        `Cannot read line ${
          i + 1
        } as a triplet: expected RAND,SRES,Kc with 32, 8 and 16 hex digits`,
      );
    }
    const key = fields[0]!.toLowerCase();
    if (seen.has(key)) throw new WireError(`Cannot use the RAND of line ${i + 1} twice`);
    seen.add(key);
    all.push({ rand, sres, kc });
    if (all.length > TRIPLETS_MAX) {
      throw new WireError(`Cannot use more than ${TRIPLETS_MAX} triplets of one identity`);
    }
  }
  if (all.length >= TRIPLETS_MIN) return { all, next: 0 };
  throw new WireError(
    `Cannot authenticate ${identity} by ${all.length} triplets: expected at least ${TRIPLETS_MIN}`,
  );
}

/** The next triplets in turn, of which no two are the same; the first follows the last. */
export function takeTriplets(triplets: SimTriplets, count: number): GsmTriplet[] {
  const { all } = triplets;
  const taken = Array.from({ length: count }, (_, i) => all[(triplets.next + i) % all.length]!);
  triplets.next = (triplets.next + count) % all.length;
  return taken;
}

function octets(field: string | undefined, length: number): Uint8Array | undefined {
  const found = field === undefined ? undefined : fromHex(field);
  return found?.length === length ? found : undefined;
}
