/**
 * One login at a RADIUS server, from the side of the gateway: what an Access-Request says, and what a
 * response is worth (RFC 3579 §2). Who sends it, how often, and to which server, is not decided here.
 * @module
 */
import { WireError } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import { refuse } from "@/eap/failure.ts";
import { printable } from "@/eap/identity.ts";
import { methodOf } from "@/eap/methods.ts";
import { decodeEap, type EapPacket, encodeEap } from "@/eap/packet.ts";
import {
  decodeRadius,
  eapIn,
  eapMessages,
  fitRadius,
  type RadiusAttributeValue,
  type RadiusPacket,
  radiusValue,
} from "@/eap/radius/packet.ts";
import { isOurResponse, mskIn, sealRequest, verdictOfMac } from "@/eap/radius/secret.ts";
import { EapCode, EapType, nameOfEapCode, nameOfEapType } from "@/iana/eap_type.ts";
import {
  nameOfRadiusCode,
  NAS_PORT_TYPE_VIRTUAL,
  RadiusAttribute,
  RadiusCode,
  SERVICE_TYPE_FRAMED,
} from "@/iana/radius.ts";

/** Characters of a server's Reply-Message that users get to see. */
const REPLY_MAX = 253;
/** What EAP packets of a server may have in one piece; IKE carries what it says. */
const FRAMED_MTU = 1_400;
/** Types that stand for no method. */
const NO_METHODS: readonly number[] = [EapType.IDENTITY, EapType.NOTIFICATION, EapType.NAK];
const utf8 = new TextEncoder();

/** The causes by which bad servers are told apart. */
export type RadiusCause =
  /** No answer at all. */
  | "silent server"
  /** Answers that another secret was used for. */
  | "wrong secret"
  /** Answers that contradict themselves or the protocol. */
  | "lying server"
  /** Access-Reject. */
  | "rejected"
  /** Access-Accept without the MSK of a method that has one. */
  | "no MSK";

/** What a login is about. */
export interface RadiusLoginSettings {
  /** How users see the server, `10.0.0.1:1812`. */
  readonly server: string;
  readonly secret: Uint8Array;
  /** NAS-Identifier. */
  readonly nasIdentifier: string;
  /** What goes into every request, such as Calling-Station-Id. */
  readonly attributes: readonly RadiusAttributeValue[];
  readonly random: RandomOctets;
}

/** A login that is on its way. */
export interface RadiusLogin {
  readonly settings: RadiusLoginSettings;
  /** User-Name: the identity that the peer gave. */
  identity: string;
  /** State of the last challenge, which the next request carries. */
  state: Uint8Array | undefined;
  /** Type of the last EAP Request of a method. */
  method: number | undefined;
}

/** A request that waits for its response. */
export interface RadiusRequest {
  readonly octets: Uint8Array;
  /** 16 octets: Request Authenticator. */
  readonly authenticator: Uint8Array;
  /** Whether it is EAP-Start. */
  readonly isStart: boolean;
}

/** What a datagram is to a login: its answer, or nothing that counts. */
export type RadiusVerdict =
  | { readonly kind: "answer"; readonly answer: EapAnswer }
  /** Dropped as RFC 2865 §3 asks; the cause counts once the server is given up. */
  | { readonly kind: "dropped"; readonly cause: RadiusCause | undefined; readonly why: string };

/** A login that has not begun. */
export function newRadiusLogin(settings: RadiusLoginSettings, identity: string): RadiusLogin {
  return { settings, identity, state: undefined, method: undefined };
}

/**
 * The Access-Request that carries an EAP packet of the peer; an empty one is EAP-Start.
 * @throws {EapRefusal} where the packet or the identity is too long for RADIUS.
 */
export function accessRequest(
  login: RadiusLogin,
  identifier: number,
  eap: Uint8Array,
): RadiusRequest {
  const { settings: { nasIdentifier, attributes, random, secret }, identity, state } = login;
  const authenticator = random(16);
  const number = (type: number, value: number) => ({
    type,
    value: Uint8Array.of(0, 0, value >> 8, value),
  });
  const all = [
    ...(identity ? [{ type: RadiusAttribute.USER_NAME, value: utf8.encode(identity) }] : []),
    { type: RadiusAttribute.NAS_IDENTIFIER, value: utf8.encode(nasIdentifier) },
    number(RadiusAttribute.SERVICE_TYPE, SERVICE_TYPE_FRAMED),
    number(RadiusAttribute.NAS_PORT_TYPE, NAS_PORT_TYPE_VIRTUAL),
    number(RadiusAttribute.FRAMED_MTU, FRAMED_MTU),
    ...attributes,
    ...eapMessages(eap),
    ...(state ? [{ type: RadiusAttribute.STATE, value: state }] : []),
  ];
  if (!fitRadius(all)) {
    const what = `an EAP packet of ${eap.length} octets from "${printable(identity)}"`;
    refuse("malformed", `${what} does not fit a RADIUS packet`);
  }
  const code = RadiusCode.ACCESS_REQUEST;
  const octets = sealRequest({ code, identifier, authenticator, attributes: all }, secret);
  return { octets, authenticator, isStart: eap.length === 0 };
}

/** What a datagram says to a request. */
export function judgeResponse(
  login: RadiusLogin,
  { authenticator, isStart }: RadiusRequest,
  datagram: Uint8Array,
): RadiusVerdict {
  const { secret } = login.settings;
  let packet: RadiusPacket;
  try {
    packet = decodeRadius(datagram);
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return { kind: "dropped", cause: "lying server", why: e.message };
  }
  const name = nameOfRadiusCode(packet.code);
  if (!WANTED_CODES.has(packet.code)) {
    return { kind: "dropped", cause: "lying server", why: `it answers by code ${name}` };
  }
  if (!isOurResponse(datagram, authenticator, secret)) {
    return {
      kind: "dropped",
      cause: "wrong secret",
      why: `the authenticator of its ${name} is wrong`,
    };
  }
  const mac = verdictOfMac(packet, authenticator, secret);
  if (mac === "wrong") {
    const why = `Message-Authenticator of its ${name} is wrong`;
    return { kind: "dropped", cause: "wrong secret", why };
  }
  // RFC 3579 §3.2: what has EAP-Message has Message-Authenticator, or is dropped.
  if (mac === "missing" && eapIn(packet) && !(isStart && asksIdentity(packet))) {
    const why = `its ${name} has EAP-Message without Message-Authenticator`;
    return { kind: "dropped", cause: "lying server", why };
  }
  return { kind: "answer", answer: answerIn(login, packet, authenticator) };
}

/**
 * FreeRADIUS 3.2.1 answers EAP-Start by an Identity Request without Message-Authenticator. It is
 * believed by its Response Authenticator: who forges it has only asked for what is said to anybody.
 */
function asksIdentity(packet: RadiusPacket): boolean {
  const eap = eapIn(packet)!;
  const { REQUEST } = EapCode;
  const isIdentity = eap.length === 5 && eap[0] === REQUEST && eap[4] === EapType.IDENTITY;
  return packet.code === RadiusCode.ACCESS_CHALLENGE && isIdentity;
}

/** What failed for a reason of RADIUS, with the server's name in the sentence. */
export function radiusFailure(
  { settings: { server } }: RadiusLogin,
  cause: RadiusCause,
  { why, octets }: { readonly why: string; readonly octets?: Uint8Array | undefined },
): EapAnswer {
  return {
    kind: "failed",
    octets,
    cause,
    why: `RADIUS server ${server} fails (${cause}): ${why}`,
    notes: [],
  };
}

function answerIn(
  login: RadiusLogin,
  packet: RadiusPacket,
  authenticator: Uint8Array,
): EapAnswer {
  const eap = eapIn(packet);
  const name = nameOfRadiusCode(packet.code);
  const lies = (why: string) => radiusFailure(login, "lying server", { why });
  let inner: EapPacket | undefined;
  try {
    inner = eap && decodeEap(eap);
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return lies(`the EAP packet of its ${name} is malformed: ${e.message}`);
  }
  const wanted = WANTED_CODES.get(packet.code)!;
  if (inner && inner.code !== wanted) {
    return lies(`its ${name} carries EAP ${nameOfEapCode(inner.code)}`);
  }
  switch (packet.code) {
    case RadiusCode.ACCESS_CHALLENGE: {
      if (!inner || !("type" in inner)) return lies("its ACCESS_CHALLENGE carries no EAP packet");
      login.state = radiusValue(packet, RadiusAttribute.STATE)?.slice();
      if (!NO_METHODS.includes(inner.type)) login.method = inner.type;
      return { kind: "send", octets: eap!.slice() };
    }
    case RadiusCode.ACCESS_REJECT: {
      const octets = eap?.slice() ?? closing(EapCode.FAILURE);
      return radiusFailure(login, "rejected", { why: rejection(packet), octets });
    }
    default:
      return accepted(login, packet, { authenticator, eap });
  }
}

/** The EAP code that goes with each RADIUS code (RFC 3579 §2.6.3). */
const WANTED_CODES: ReadonlyMap<number, number> = new Map([
  [RadiusCode.ACCESS_CHALLENGE, EapCode.REQUEST],
  [RadiusCode.ACCESS_ACCEPT, EapCode.SUCCESS],
  [RadiusCode.ACCESS_REJECT, EapCode.FAILURE],
]);

function accepted(
  login: RadiusLogin,
  packet: RadiusPacket,
  { authenticator, eap }: {
    readonly authenticator: Uint8Array;
    readonly eap: Uint8Array | undefined;
  },
): EapAnswer {
  const lies = (why: string) => radiusFailure(login, "lying server", { why });
  const { method: type, settings: { secret } } = login;
  if (type === undefined) return lies("it accepts before any method has run");
  if (!eap) return lies("its ACCESS_ACCEPT carries no EAP Success");
  let msk: Uint8Array | undefined;
  try {
    msk = mskIn(packet, authenticator, secret);
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    return lies(e.message);
  }
  const method = methodOf(type);
  const methodName = method?.name ?? nameOfEapType(type);
  if (!msk && method?.derivesKeys) {
    const why = `its ACCESS_ACCEPT has no MS-MPPE keys, and ${methodName} has an MSK`;
    return radiusFailure(login, "no MSK", { why });
  }
  const name = radiusValue(packet, RadiusAttribute.USER_NAME);
  const identity = name ? new TextDecoder().decode(name) : login.identity;
  return {
    kind: "succeeded",
    octets: eap.slice(),
    outcome: { method: type, methodName, identity, msk, notes: [] },
  };
}

function rejection(packet: RadiusPacket): string {
  const reply = radiusValue(packet, RadiusAttribute.REPLY_MESSAGE);
  if (!reply) return "it rejects the login";
  return `it rejects the login: ${printable(new TextDecoder().decode(reply)).slice(0, REPLY_MAX)}`;
}

function closing(code: typeof EapCode.FAILURE): Uint8Array {
  return encodeEap({ code, identifier: 0 });
}
