/**
 * Tokens of quick crash detection (RFC 6290): HASH(secret ‖ SPIi ‖ SPIr). An end that has lost an IKE SA can
 * compute its token again from its secret and the SPIs in the header of a message (§5.1).
 * @module
 */
import { concat, sameOctets } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";
import type { Turn } from "@/ike/records/event.ts";
import { findNotify, notifies, notify } from "@/ike/records/notify.ts";
import type { IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import { type Payload, readablePayloads } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

const { INVALID_IKE_SPI, QUICK_CRASH_DETECTION } = NotifyType;
/** RFC 6290 §4.1: TOKEN_SECRET_DATA has 16 to 128 octets. */
const TOKEN_OCTETS_MIN = 16;
const TOKEN_OCTETS_MAX = 128;
/** Offsets in the header of the type of the first payload and of the flags, and the Response flag. */
const NEXT_PAYLOAD_AT = 16;
const FLAGS_AT = 19;
const RESPONSE_FLAG = 0x20;
/** The most tokens of one message that are compared; a peer with several secrets may send several (§4.5). */
const TOKENS_MAX = 4;

/** The token of an IKE SA, 32 octets, computed with a secret of this end. */
export function crashToken(
  { crypto }: Pick<IkeEnv, "crypto">,
  secret: Uint8Array,
  { spiI, spiR }: { readonly spiI: bigint; readonly spiR: bigint },
): Uint8Array {
  return crypto.sha256(concat(secret, spiOctets(spiI), spiOctets(spiR)));
}

/** The notify with the token of this end for an IKE SA; none if this end makes no tokens. */
export function ownCrashToken(sa: IkeSa): NotifyPayload[] {
  const secret = sa.config.crashDetection?.secret;
  return secret ? [notify(QUICK_CRASH_DETECTION, crashToken(sa.env, secret, sa))] : [];
}

/** Keeps the token that the peer has sent, which replaces an earlier one (RFC 6290 §4.4). */
export function keepCrashToken({ sa, out }: Turn, payloads: readonly Payload[]): void {
  const { data } = findNotify(payloads, QUICK_CRASH_DETECTION) ?? {};
  if (!data || !sa.config.crashDetection?.takes) return;
  if (data.length < TOKEN_OCTETS_MIN || data.length > TOKEN_OCTETS_MAX) {
    const text =
      `The peer's token of quick crash detection has ${data.length} octets, and not 16 to ` +
      "128: it is not kept";
    return out.push({ kind: "note", level: 3, text }, sa);
  }
  sa.crashToken = data.slice();
}

/**
 * Whether an unencrypted datagram proves that the peer has lost the IKE SA: a response with INVALID_IKE_SPI and
 * the peer's token for the SA (RFC 6290 §4.5). A text is the reason why the datagram is not believed;
 * undefined: it is not such a response.
 */
export function crashIn(
  { crashToken: token, env }: IkeSa,
  octets: Uint8Array,
): true | string | undefined {
  const first = octets[NEXT_PAYLOAD_AT];
  if (first !== PayloadType.NOTIFY || (octets[FLAGS_AT]! & RESPONSE_FLAG) === 0) return undefined;
  const payloads = readablePayloads(octets);
  if (!payloads || !findNotify(payloads, INVALID_IKE_SPI)) return undefined;
  const tokens = notifies(payloads).filter((n) => n.notify === QUICK_CRASH_DETECTION);
  if (tokens.length === 0) return undefined;
  if (!token) return "a token of quick crash detection, and the peer gave none before";
  const isRight = tokens.slice(0, TOKENS_MAX).some(({ data }) => sameOctets(data, token));
  return isRight || env.broken.has("believe_any_crash")
    ? true
    : "a token of quick crash detection that is not the peer's";
}
