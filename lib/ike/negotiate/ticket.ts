/**
 * Tickets by value (RFC 5723 §6): a ticket contains all that a gateway needs to resume an IKE SA, encrypted so
 * that only the gateway can read it; for a client it is opaque. Each ticket has a key of its own, derived from
 * the gateway's key and a random identifier, so that no key is used with the same IV twice, however many
 * tickets are issued.
 *
 * ```text
 * | key identifier (8) | ticket identifier (16) | AES-GCM-256 ciphertext | ICV (16) |
 *
 * version (1) | flags (1) | expiry, s since 1970 (8) | authentication, s since 1970 (8) | SPIr (8) |
 * AUTH methods i, r (1 + 1) | ENCR (2) | key bits (2) | INTEG (2) | PRF (2) | KE (2) | n (1) | ADDKE (2 n) |
 * length (1) | SK_d | ID type (1) | length (2) | IDi | ID type (1) | length (2) | IDr
 * ```
 * @module
 */
import { concat, octetsKey, Reader, sameOctets, Writer } from "@/base/bytes.ts";
import { must, WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { Encr } from "@/iana/encr.ts";
import { Prf } from "@/iana/prf.ts";
import type { Identity } from "@/ike/records/config.ts";
import type { OpenedTicket, ResumedSession, TicketRefusal } from "@/ike/records/resumption.ts";
import type { TicketIssuing } from "@/ike/records/ticket_issuing.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";
import { suiteByIds } from "@/ike/negotiate/suite.ts";

const VERSION = 2;
const KEY_ID_OCTETS = 8;
/** The length of the random identifier of a ticket, in octets. */
export const TICKET_ID_OCTETS = 16;
const CLEAR_OCTETS = KEY_ID_OCTETS + TICKET_ID_OCTETS;
const LABEL = new TextEncoder().encode("IKEv2 ticket");
/** The flag of a ticket whose SK_d includes a post-quantum pre-shared key. */
const PPK = 1;
/** The flag of a ticket with the identity that the peer has proved by EAP. */
const EAP = 2;

/** The content of a ticket. In `session`, this end is the gateway. */
export interface TicketContent {
  readonly session: ResumedSession;
  /** uint64: the gateway's SPI of the IKE SA. */
  readonly spi: bigint;
  /** Milliseconds since 1970; the ticket holds whole seconds. */
  readonly expiresEpochMs: number;
  /** When the peer has authenticated as a whole, in milliseconds since 1970; the ticket holds whole seconds. */
  readonly authenticatedEpochMs: number;
}

/** Encrypts a ticket, and returns the content of TICKET_OPAQUE. `id` is 16 random octets. */
export function sealTicket(
  crypto: CryptoBackend,
  { keyId, key }: TicketIssuing,
  { content, id }: { readonly content: TicketContent; readonly id: Uint8Array },
): Uint8Array {
  const clear = concat(keyId, id);
  const { cipher, cipherKey, iv } = protectionOf(crypto, key, id);
  return concat(clear, cipher.seal(cipherKey, iv, clear, encode(content)));
}

/** The identifier of a ticket in the form of {@linkcode OpenedTicket}. */
export function ticketIdOf(opaque: Uint8Array): string {
  return octetsKey(opaque.subarray(KEY_ID_OCTETS, CLEAR_OCTETS));
}

/** Decrypts and reads a ticket. A text is the reason why that is not possible. */
export function openTicket(
  crypto: CryptoBackend,
  { keyId, key }: TicketIssuing,
  opaque: Uint8Array,
): OpenedTicket | TicketRefusal {
  if (opaque.length <= CLEAR_OCTETS) return "TICKET_UNKNOWN";
  if (!sameOctets(opaque.subarray(0, KEY_ID_OCTETS), keyId)) return "TICKET_UNKNOWN";
  const clear = opaque.subarray(0, CLEAR_OCTETS);
  const { cipher, cipherKey, iv } = protectionOf(crypto, key, clear.subarray(KEY_ID_OCTETS));
  const content = cipher.open(cipherKey, iv, clear, opaque.subarray(CLEAR_OCTETS));
  if (!content) return "TICKET_UNKNOWN";
  return decode(crypto, content, ticketIdOf(opaque));
}

/**
 * The cipher of a ticket, the key followed by the salt, and the IV. The IV may be zero, as the key encrypts
 * this ticket only.
 */
function protectionOf(crypto: CryptoBackend, key: Uint8Array, id: Uint8Array) {
  const cipher = crypto.cipher(Encr.ENCR_AES_GCM_16, 256);
  const prf = crypto.prf(Prf.PRF_HMAC_SHA2_256);
  must(cipher !== undefined && prf !== undefined, "every backend has AES-GCM and HMAC-SHA2-256");
  const cipherKey = prf.plus(key, concat(LABEL, id), cipher.keyOctets);
  return { cipher, cipherKey, iv: new Uint8Array(cipher.ivOctets) };
}

function encode({ session, spi, ...times }: TicketContent): Uint8Array {
  const { expiresEpochMs, authenticatedEpochMs } = times;
  const { suite, skD, ownId, peerId, ownAuth, peerAuth, eapIdentity, ppk } = session;
  const flags = (ppk ? PPK : 0) | (eapIdentity === undefined ? 0 : EAP);
  const out = new Writer().u8(VERSION).u8(flags)
    .u64(BigInt(Math.floor(expiresEpochMs / 1_000)))
    .u64(BigInt(Math.floor(authenticatedEpochMs / 1_000))).u64(spi).u8(peerAuth).u8(ownAuth)
    .u16(suite.cipher.id).u16(suite.cipher.keyBits).u16(suite.integrity?.id ?? 0)
    .u16(suite.prf.id).u16(suite.group).u8(suite.additional.length);
  for (const method of suite.additional) out.u16(method);
  out.u8(skD.length).put(skD);
  for (const { idType, data } of [peerId, ownId]) out.u8(idType).u16(data.length).put(data);
  if (eapIdentity !== undefined) {
    const data = new TextEncoder().encode(eapIdentity);
    out.u16(data.length).put(data);
  }
  return out.done();
}

function decode(
  crypto: CryptoBackend,
  content: Uint8Array,
  id: string,
): OpenedTicket | TicketRefusal {
  try {
    const from = new Reader(content);
    if (from.u8() !== VERSION) return "TICKET_UNKNOWN";
    const flags = from.u8();
    const expiresEpochMs = Number(from.u64()) * 1_000;
    const authenticatedEpochMs = Number(from.u64()) * 1_000;
    const oldSpi = from.u64();
    const peerAuth = from.u8();
    const ownAuth = from.u8();
    const suite = readSuite(crypto, from);
    const skD = from.take(from.u8()).slice();
    const peerId = readIdentity(from);
    const ownId = readIdentity(from);
    const isByEap = (flags & EAP) !== 0;
    const eapIdentity = isByEap ? new TextDecoder().decode(from.take(from.u16())) : undefined;
    from.end();
    if (!suite) return "TICKET_POLICY";
    const ppk = (flags & PPK) !== 0;
    const authenticated = { ownId, peerId, ownAuth, peerAuth, eapIdentity };
    return { id, expiresEpochMs, authenticatedEpochMs, oldSpi, suite, skD, ppk, ...authenticated };
  } catch (e) {
    if (e instanceof WireError) return "TICKET_UNKNOWN";
    throw e;
  }
}

/** The suite of a ticket; undefined if the backend lacks one of its algorithms. */
function readSuite(crypto: CryptoBackend, from: Reader): IkeSuite | undefined {
  const ids = {
    encryption: from.u16(),
    keyBits: from.u16(),
    integrity: from.u16(),
    prf: from.u16(),
    group: from.u16(),
  };
  const additional = Array.from({ length: from.u8() }, () => from.u16());
  return suiteByIds(crypto, { ...ids, additional });
}

function readIdentity(from: Reader): Identity {
  const idType = from.u8();
  return { idType, data: from.take(from.u16()).slice() };
}
