/**
 * Determines which of two SAs that were made at the same time must be kept: the lowest of the four nonces
 * belongs to the SA that is closed (RFC 7296 §2.8.1, §2.8.2). tshark reads nonces and SPIs in our capture.
 * @module
 */
import { OURS } from "./ends.ts";
import { expect, type RowRun } from "./row.ts";
import { decryptedFields } from "./tshark.ts";

/** A CREATE_CHILD_SA exchange that made an SA. All octets are lower-case hex. */
export interface Creation {
  /** The end that sent the request. */
  readonly by: "ours" | "theirs";
  /** The nonces of request and response. */
  readonly nonces: readonly string[];
  /** The SPIs of the new SA, in request and response. */
  readonly spis: readonly string[];
}

const FIELDS = [
  "ip.src",
  "isakmp.exchangetype",
  "isakmp.flag_r",
  "isakmp.messageid",
  "isakmp.ispi",
  "isakmp.nonce",
  "isakmp.spi",
];
const CREATE_CHILD_SA = "36";
const DIGITS = { child: 8, ike: 16 } as const;

/** All exchanges after IKE_AUTH that made SAs, in order. */
export async function exchangesThatCreate(
  run: RowRun,
  what: "child" | "ike",
): Promise<Creation[]> {
  const exchanges = new Map<string, [Message?, Message?]>();
  for (const frame of await decryptedFields(run, FIELDS)) {
    const [source, exchange, flag, id, ike, nonce, spis] = frame as Seven;
    if (exchange !== CREATE_CHILD_SA || nonce === "") continue;
    const isResponse = flag === "1" || flag === "True";
    const by = (source === OURS.address4) !== isResponse ? "ours" : "theirs";
    const key = `${by} ${ike} ${id}`;
    const both = exchanges.get(key) ?? [];
    // The notify REKEY_SA before the SA payload has an SPI too, that of the old SA.
    const made = plain(spis).split(",").findLast((spi) => spi.length === DIGITS[what]);
    if (made) both[isResponse ? 1 : 0] = { by, nonce: plain(nonce), spi: made };
    exchanges.set(key, both);
  }
  return [...exchanges.values()].flatMap(([request, response]) =>
    request && response
      ? [{
        by: request.by,
        nonces: [request.nonce, response.nonce],
        spis: [request.spi, response.spi],
      }]
      : []
  );
}

interface Message {
  readonly by: Creation["by"];
  readonly nonce: string;
  readonly spi: string;
}

type Seven = [string, string, string, string, string, string, string];

function plain(octets: string): string {
  return octets.replaceAll(":", "").toLowerCase();
}

/** The exchange without the lowest nonce. Hex digits have the same order as octets. */
export function survivorOf(exchanges: readonly Creation[]): Creation {
  const lowest = exchanges.flatMap(({ nonces }) => nonces).sort()[0]!;
  const kept = exchanges.find(({ nonces }) => !nonces.includes(lowest));
  expect(kept !== undefined, "Only one exchange: nothing to choose");
  return kept;
}
