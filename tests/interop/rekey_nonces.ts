/**
 * Which of two SAs that were made at the same time is kept: of the four nonces the lowest belongs to
 * the one that goes (RFC 7296 §2.8.1, §2.8.2). Nonces and SPIs are what tshark reads in our capture.
 * @module
 */
import { OURS } from "./ends.ts";
import { expect, type RowRun } from "./row.ts";
import { decryptedFields } from "./tshark.ts";

/** A CREATE_CHILD_SA exchange that was answered with an SA. All octets in lower-case hex. */
export interface Creation {
  /** Whose request it was. */
  readonly by: "ours" | "theirs";
  /** Of request and response. */
  readonly nonces: readonly string[];
  /** Of the new SA, as request and response give them. */
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

/** All exchanges that made SAs behind IKE_AUTH, in their order. */
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
    const key = `${by} ${ike} ${id}`, both = exchanges.get(key) ?? [];
    // The notify REKEY_SA in front of the SA payload has an SPI as well, the old one.
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

/** The one without the lowest nonce; hex digits order as octets do. */
export function survivorOf(exchanges: readonly Creation[]): Creation {
  const lowest = exchanges.flatMap(({ nonces }) => nonces).sort()[0]!;
  const kept = exchanges.find(({ nonces }) => !nonces.includes(lowest));
  expect(kept !== undefined, "Only one exchange: nothing to choose");
  return kept;
}
