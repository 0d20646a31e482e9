/**
 * A login in a capture: what the NAS of somebody asked by RADIUS, and what was answered, up to the
 * Access-Accept with its keys.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { CaptureError } from "@/base/capture_error.ts";
import type { UdpDatagram } from "@/base/capture_reader.ts";
import { WireError } from "@/base/errors.ts";
import { identityText } from "@/eap/identity.ts";
import { decodeEap } from "@/eap/packet.ts";
import { decodeRadius, eapIn, type RadiusPacket, radiusValue } from "@/eap/radius/packet.ts";
import { isOurResponse, mskIn } from "@/eap/radius/secret.ts";
import { EapType } from "@/iana/eap_type.ts";
import { RadiusAttribute, RadiusCode } from "@/iana/radius.ts";

/** A request and its answer. */
export interface CapturedStep {
  /** EAP packet of the Access-Request, empty for EAP-Start. */
  readonly eap: Uint8Array;
  /** What was answered; its Message-Authenticator and keys are those of the capture. */
  readonly answer: RadiusPacket;
}

/** A whole login that succeeded. */
export interface CapturedLogin {
  /** User-Name of the first Access-Request. */
  readonly userName: string;
  readonly steps: readonly CapturedStep[];
  /** EAP type of the last request of a method. */
  readonly method: number;
  /** 64 octets; `undefined` where the method has none. */
  readonly msk: Uint8Array | undefined;
}

/** A packet with its ends. */
interface Seen {
  readonly packet: RadiusPacket;
  readonly octets: Uint8Array;
  readonly from: string;
  readonly to: string;
}

const NO_METHODS: readonly number[] = [EapType.IDENTITY, EapType.NOTIFICATION, EapType.NAK];
const CODES: readonly number[] = Object.values(RadiusCode);

/**
 * The one login among the datagrams of a capture.
 * @throws {CaptureError} where there is none or more than one, it did not succeed, or the secret is
 * not that of the capture.
 */
export function capturedLogin(
  datagrams: readonly UdpDatagram[],
  secret: Uint8Array,
): CapturedLogin {
  const seen = datagrams.flatMap(radiusIn);
  const steps: CapturedStep[] = [];
  let first: RadiusPacket | undefined;
  let msk: Uint8Array | undefined;
  let accepted = false;
  for (const { request, response } of exchangesIn(seen)) {
    const eap = eapIn(request.packet);
    if (!eap) continue;
    if (accepted) throw new CaptureError("Cannot use a capture of more than one login");
    const { authenticator } = request.packet;
    const { packet: answer } = response;
    if (!isOurResponse(response.octets, authenticator, secret)) {
      const which = `RADIUS response ${steps.length + 1}`;
      throw new CaptureError(`Cannot believe ${which} of the capture: is its secret another?`);
    }
    if (answer.code === RadiusCode.ACCESS_REJECT) {
      throw new CaptureError("Cannot use a capture of a login that was rejected");
    }
    first ??= request.packet;
    steps.push({ eap: eap.slice(), answer });
    accepted = answer.code === RadiusCode.ACCESS_ACCEPT;
    if (accepted) msk = keysIn(answer, authenticator, secret);
  }
  if (!first) throw new CaptureError("Cannot find a RADIUS login with EAP in the capture");
  if (!accepted) {
    throw new CaptureError("Cannot find the Access-Accept of the login in the capture");
  }
  return { userName: userNameOf(first), steps, method: methodOf(steps), msk };
}

/** Requests with their answers, in order of the answers; repeated requests count once. */
function exchangesIn(
  seen: readonly Seen[],
): { readonly request: Seen; readonly response: Seen }[] {
  const open = new Map<string, Seen>();
  const exchanges: { request: Seen; response: Seen }[] = [];
  for (const one of seen) {
    const { packet: { code, identifier }, from, to } = one;
    if (code === RadiusCode.ACCESS_REQUEST) {
      open.set(`${from} ${to} ${identifier}`, one);
      continue;
    }
    const key = `${to} ${from} ${identifier}`;
    const request = open.get(key);
    if (!request) continue;
    open.delete(key);
    exchanges.push({ request, response: one });
  }
  return exchanges;
}

/** What is no whole RADIUS packet is another protocol. */
function radiusIn(
  { payload, source, sourcePort, destination, destinationPort }: UdpDatagram,
): Seen[] {
  try {
    const packet = decodeRadius(payload);
    const length = payload[2]! << 8 | payload[3]!;
    if (!CODES.includes(packet.code) || length !== payload.length) return [];
    const from = `${source} ${sourcePort}`;
    const to = `${destination} ${destinationPort}`;
    return [{ packet, octets: payload, from, to }];
  } catch (e) {
    if (e instanceof WireError) return [];
    throw e;
  }
}

function keysIn(
  answer: RadiusPacket,
  authenticator: Uint8Array,
  secret: Uint8Array,
): Uint8Array | undefined {
  try {
    return mskIn(answer, authenticator, secret);
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    throw new CaptureError(`Cannot read the keys of the capture's Access-Accept: ${e.message}`);
  }
}

function userNameOf(request: RadiusPacket): string {
  const name = radiusValue(request, RadiusAttribute.USER_NAME);
  if (!name) throw new CaptureError("Cannot find User-Name in the capture's first Access-Request");
  return identityText(name);
}

function methodOf(steps: readonly CapturedStep[]): number {
  let method: number | undefined;
  for (const { answer } of steps) {
    const eap = eapIn(answer);
    const packet = eap && decodeEap(eap);
    if (packet && "type" in packet && !NO_METHODS.includes(packet.type)) method = packet.type;
  }
  if (method === undefined) throw new CaptureError("Cannot find an EAP method in the capture");
  return method;
}

/** Whether two EAP packets are the same but for their Identifier, which an Identity may have anew. */
export function sameIdentity(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length || a.length < 5 || a[4] !== EapType.IDENTITY) return false;
  const other = b.slice();
  other[1] = a[1]!;
  return sameOctets(a, other);
}
