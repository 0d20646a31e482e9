/**
 * PEM (RFC 7468): base64 between lines with a label. Files of certificates, keys and revocation lists are
 * read as PEM, or as DER if they contain no PEM.
 * @module
 */
import { WireError } from "@/base/errors.ts";

/** One block of a PEM text. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string;
  readonly der: Uint8Array;
}

/** The most octets of a file that is read. */
const FILE_OCTETS_MAX = 16 * 2 ** 20;
const BEGIN = /-----BEGIN ([A-Z0-9 #]{1,64})-----/g;

/**
 * The blocks of a PEM text, in its order. Text between blocks is skipped.
 * @throws {WireError} if a block does not end, is not base64, or is encrypted.
 */
export function parsePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  for (const begin of text.matchAll(BEGIN)) {
    const label = begin[1]!;
    const from = begin.index + begin[0].length;
    const to = text.indexOf(`-----END ${label}-----`, from);
    if (to < 0) throw new WireError(`Cannot read a PEM block ${label}, it does not end`);
    const body = text.slice(from, to);
    if (label.startsWith("ENCRYPTED") || /^\s*Proc-Type:.*ENCRYPTED/m.test(body)) {
      throw new WireError("Cannot use an encrypted private key, decrypt it first");
    }
    blocks.push({ label, der: fromBase64(body, label) });
  }
  return blocks;
}

/**
 * The contents of a file: its blocks if it is PEM, or the whole DER as one block with the given label.
 * @throws {WireError} if the file is too large, and as {@linkcode parsePem} does.
 */
export function pemOrDer(file: Uint8Array, label: string): PemBlock[] {
  if (file.length > FILE_OCTETS_MAX) {
    throw new WireError(`Cannot read ${file.length} octets, at most ${FILE_OCTETS_MAX}`);
  }
  // All DER that is read here is a SEQUENCE, whose first octet is that of "0", which begins no line of PEM.
  if (file[0] === 0x30) return [{ label, der: file }];
  return parsePem(new TextDecoder().decode(file));
}

/** A PEM block with lines of 64 characters, whose last line is terminated as well. */
export function encodePem({ label, der }: PemBlock): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function toBase64(octets: Uint8Array): string {
  let text = "";
  for (let i = 0; i < octets.length; i += 4096) {
    text += String.fromCharCode(...octets.subarray(i, i + 4096));
  }
  return btoa(text);
}

function fromBase64(body: string, label: string): Uint8Array {
  try {
    return Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  } catch {
    throw new WireError(`Cannot read a PEM block ${label}, it is not base64`);
  }
}
