/**
 * The captures of tests/vectors/captures, opened: every IKE message with what its SK payload holds.
 * @module
 */
import { fromHex } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { decodeMessage, findPayload, type Message, type Payload } from "@/wire/message.ts";
import { type Opened, openFragment, openMessage, type Protection } from "@/wire/protected.ts";
import { readDatagrams } from "@/base/capture_reader.ts";

/** Keys of both directions of an IKE SA, a line of the decryption table. */
export interface KeyLine {
  readonly spiI: bigint;
  readonly spiR: bigint;
  readonly initiator: Protection;
  readonly responder: Protection;
}

/** What UDP carried in one capture. */
export interface Capture {
  readonly name: string;
  /** IKE messages, without non-ESP marker, in order. */
  readonly messages: readonly Uint8Array[];
  /** ESP packets in UDP (RFC 3948). */
  readonly espPackets: number;
  /** NAT-keepalives (RFC 3948 §2.3). */
  readonly keepalives: number;
  readonly keys: readonly KeyLine[];
}

/** An IKE message of a capture. */
export interface OpenedCapture {
  readonly octets: Uint8Array;
  readonly message: Message;
  /** Encrypted, and the capture came without any keys. */
  readonly locked?: true;
  /** What SK or SKF held, and the keys that opened it; absent for a message in clear. */
  readonly sealed?: Opened & {
    readonly protection: Protection;
    /** Of an SK payload; a fragment's `content` is a part only. */
    readonly payloads?: readonly Payload[];
  };
}

const DIRECTORY = new URL("vectors/captures/", import.meta.url);
const IKE_PORT = 500;
const NATT_PORT = 4500;

/** All captures by name. */
export function captureNames(): string[] {
  const entries = [...Deno.readDirSync(DIRECTORY)];
  return entries.filter((e) => e.isDirectory).map((e) => e.name).sort();
}

/** Reads one capture; the backend supplies the algorithms of its keys. */
export function readCapture(name: string, crypto: CryptoBackend): Capture {
  const messages: Uint8Array[] = [];
  let espPackets = 0;
  let keepalives = 0;
  for (const datagram of readDatagrams(Deno.readFileSync(new URL(`${name}/cap.pcap`, DIRECTORY)))) {
    const { payload, sourcePort, destinationPort } = datagram;
    if (sourcePort === IKE_PORT && destinationPort === IKE_PORT) messages.push(payload);
    else if (sourcePort !== NATT_PORT && destinationPort !== NATT_PORT) {
      throw new Error(`Cannot place a datagram from port ${sourcePort} to ${destinationPort}`);
    } else if (payload.length === 1) keepalives++;
    else if (payload.subarray(0, 4).every((o) => o === 0)) messages.push(payload.subarray(4));
    else espPackets++;
  }
  const table = Deno.readTextFileSync(new URL(`${name}/ikev2_decryption_table`, DIRECTORY));
  const lines = table.split("\n").filter((line) => line !== "");
  const keys = lines.map((line) => keyLine(line, crypto));
  return { name, messages, espPackets, keepalives, keys };
}

/**
 * Opens all messages of a capture, each by the first line with its SPIs that verifies it: there are
 * several where an SA's keys have stages.
 */
export function openCapture(capture: Capture): OpenedCapture[] {
  const stages = new Map<string, KeyLine[]>();
  for (const line of capture.keys) {
    const key = `${line.spiI} ${line.spiR}`;
    stages.set(key, [...stages.get(key) ?? [], line]);
  }
  return capture.messages.map((octets) => {
    const message = decodeMessage(octets);
    const { header, payloads } = message;
    const sk = findPayload(payloads, PayloadType.SK);
    const skf = findPayload(payloads, PayloadType.SKF);
    if (!sk && !skf) return { octets, message };
    if (capture.keys.length === 0) return { octets, message, locked: true };
    for (const line of stages.get(`${header.spiI} ${header.spiR}`) ?? []) {
      const protection = header.initiator ? line.initiator : line.responder;
      const opened = sk
        ? openMessage(octets, sk, protection)
        : openFragment(octets, skf!, protection);
      if (opened) return { octets, message, sealed: { ...opened, protection } };
    }
    throw new Error(`Cannot open message ${header.messageId} of ${capture.name}`);
  });
}

function keyLine(line: string, crypto: CryptoBackend): KeyLine {
  const [spiI, spiR, ei, er, encryption, ai, ar, integrity] = line.split(",")
    .map((field) => field.replaceAll('"', ""));
  const [, mode, keyBits] = /^AES-(GCM|CBC)-(\d+) /.exec(encryption!)!;
  const id = mode === "GCM" ? Encr.ENCR_AES_GCM_16 : Encr.ENCR_AES_CBC;
  const cipher = crypto.cipher(id, Number(keyBits))!;
  const algorithm = INTEGRITIES[integrity!];
  if (algorithm === undefined) throw new Error(`Cannot verify ${integrity}`);
  const protection = (encryptionKey: string, integrityKey: string): Protection => ({
    cipher,
    encryptionKey: fromHex(encryptionKey)!,
    integrity: algorithm === Integ.NONE ? undefined : crypto.integrity(algorithm)!,
    integrityKey: fromHex(integrityKey)!,
  });
  return {
    spiI: BigInt(`0x${spiI}`),
    spiR: BigInt(`0x${spiR}`),
    initiator: protection(ei!, ai!),
    responder: protection(er!, ar!),
  };
}

const INTEGRITIES: Readonly<Record<string, number>> = {
  "NONE [RFC4306]": Integ.NONE,
  "HMAC_SHA2_256_128 [RFC4868]": Integ.AUTH_HMAC_SHA2_256_128,
  "HMAC_SHA2_512_256 [RFC4868]": Integ.AUTH_HMAC_SHA2_512_256,
};
