/**
 * The functions of MS-CHAP-V2 (RFC 2759 §8) and of its keys (RFC 3079 §3), with the names of the RFCs.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { desEncryptBlock, md4 } from "@/crypto/legacy.ts";
import { portableSha1 } from "@/crypto/portable_hash.ts";

/** Octets of each of the two challenges. */
export const CHALLENGE_OCTETS = 16;
/** Octets of the NT-Response. */
export const NT_RESPONSE_OCTETS = 24;

const ascii = new TextEncoder();

const MAGIC_1 = ascii.encode("Magic server to client signing constant");
const MAGIC_2 = ascii.encode("Pad to make it do more than one iteration");
/** RFC 3079 §3.4, Magic1 to Magic3. */
const KEY_MAGIC = ascii.encode("This is the MPPE Master Key");
const CLIENT_SENDS = ascii.encode(
  "On the client side, this is the send key; on the server side, it is the receive key.",
);
const SERVER_SENDS = ascii.encode(
  "On the client side, this is the receive key; on the server side, it is the send key.",
);
const PAD_1 = new Uint8Array(40);
const PAD_2 = new Uint8Array(40).fill(0xf2);

/** Both challenges of a login, and the user. */
export interface Challenges {
  /** 16 octets, of the server. */
  readonly authenticator: Uint8Array;
  /** 16 octets, of the peer. */
  readonly peer: Uint8Array;
  /** With or without its domain, which is ignored. */
  readonly userName: string;
}

/** NtPasswordHash(): MD4 of the password in UTF-16LE, 16 octets. */
export function ntPasswordHash(password: string): Uint8Array {
  const utf16 = new Uint8Array(2 * password.length);
  for (let i = 0; i < password.length; i++) {
    const unit = password.charCodeAt(i);
    utf16[2 * i] = unit;
    utf16[2 * i + 1] = unit >>> 8;
  }
  return md4(utf16);
}

/** ChallengeHash(): 8 octets. */
export function challengeHash({ authenticator, peer, userName }: Challenges): Uint8Array {
  return portableSha1(concat(peer, authenticator, ascii.encode(withoutDomain(userName))))
    .slice(0, 8);
}

/** GenerateNTResponse(): 24 octets. */
export function ntResponse(challenges: Challenges, passwordHash: Uint8Array): Uint8Array {
  return challengeResponse(challengeHash(challenges), passwordHash);
}

/** ChallengeResponse(): the challenge encrypted with three DES keys, which are parts of the hash; 24 octets. */
export function challengeResponse(challenge: Uint8Array, passwordHash: Uint8Array): Uint8Array {
  const padded = concat(passwordHash, new Uint8Array(5));
  const parts = [0, 7, 14].map((at) =>
    desEncryptBlock(desKey(padded.subarray(at, at + 7)), challenge)
  );
  return concat(...parts);
}

/** GenerateAuthenticatorResponse() without its `S=`: 20 octets. */
export function authenticatorResponse(
  challenges: Challenges,
  passwordHash: Uint8Array,
  response: Uint8Array,
): Uint8Array {
  const digest = portableSha1(concat(md4(passwordHash), response, MAGIC_1));
  return portableSha1(concat(digest, challengeHash(challenges), MAGIC_2));
}

/** GetMasterKey() of RFC 3079: 16 octets. */
export function masterKey(passwordHash: Uint8Array, response: Uint8Array): Uint8Array {
  return portableSha1(concat(md4(passwordHash), response, KEY_MAGIC)).slice(0, 16);
}

/** GetAsymmetricStartKey() of RFC 3079 for 128 bits: 16 octets, of the direction that is named. */
export function startKey(master: Uint8Array, direction: "peer sends" | "server sends"): Uint8Array {
  const magic = direction === "peer sends" ? CLIENT_SENDS : SERVER_SENDS;
  return portableSha1(concat(master, PAD_1, magic, PAD_2)).slice(0, 16);
}

/**
 * The MSK: the receiving key of the server, its sending key, and 32 octets of zeros
 * (draft-kamath-pppext-eap-mschapv2 §2.5; RFC 3748 demands a length of 64).
 */
export function mschapv2Msk(passwordHash: Uint8Array, response: Uint8Array): Uint8Array {
  const master = masterKey(passwordHash, response);
  return concat(
    startKey(master, "peer sends"),
    startKey(master, "server sends"),
    new Uint8Array(32),
  );
}

/** RFC 2759 §4: the hash covers the name without its domain. */
function withoutDomain(userName: string): string {
  return userName.slice(userName.lastIndexOf("\\") + 1);
}

/** Spreads 56 bits over 8 octets, each with a parity bit that DES ignores. */
function desKey(octets: Uint8Array): Uint8Array {
  const key = new Uint8Array(8);
  for (let i = 0; i < 8; i++) {
    const high = i === 0 ? 0 : octets[i - 1]! << 8 - i;
    const low = i === 7 ? 0 : octets[i]! >>> i;
    key[i] = high | low & 0xfe;
  }
  return key;
}
