/**
 * A post-quantum pre-shared key in IKE_AUTH (RFC 8784 §3): PPK_IDENTITY names it, SK_d, SK_pi and
 * SK_pr are mixed with it before AUTH is computed, and NO_PPK_AUTH proves the initiator to a
 * responder that does not have the key. With EAP the initiator sends all of that with its AUTH payload
 * after EAP Success; an earlier AUTH payload of the responder is computed with the unmixed keys.
 *
 * ```text
 * | PPK_ID Type (uint8) | PPK_ID |
 * ```
 * @module
 */
import { concat, sameOctets } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import { clipped } from "@/base/text.ts";
import { printableLine } from "@/base/printable.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { PpkIdType } from "@/iana/ppk_id_type.ts";
import { mixPpk } from "@/ike/negotiate/keymat.ts";
import type { Turn } from "@/ike/records/event.ts";
import { findNotify, notify } from "@/ike/records/notify.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { PpkProgress } from "@/ike/records/setup_state.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** The most characters of a PPK_ID that are shown, as an unauthenticated peer may send any. */
const SHOWN_MAX = 80;

/** A PPK_ID as text. */
export function showPpkId(id: Uint8Array): string {
  return clipped(printableLine(new TextDecoder().decode(id.subarray(0, 4 * SHOWN_MAX))), SHOWN_MAX);
}

/** The PPK_IDENTITY notify for a PPK. */
export function ppkIdentity(id: Uint8Array): NotifyPayload {
  return notify(NotifyType.PPK_IDENTITY, concat(Uint8Array.of(PpkIdType.PPK_ID_FIXED), id));
}

/** The PPK_ID in the data of a notify; undefined if it has another type. */
export function ppkIdIn(data: Uint8Array): Uint8Array | undefined {
  return data[0] === PpkIdType.PPK_ID_FIXED ? data.subarray(1) : undefined;
}

/** Mixes the PPK into SK_d, SK_pi and SK_pr. */
function mix({ sa, out }: Turn): void {
  const ppk = sa.setup!.ppk!;
  ppk.plainKeys = sa.keys;
  ppk.isMixed = true;
  const { broken } = sa.env;
  const forgets = sa.originalInitiator
    ? broken.has("forget_ppk")
    : isBehindEap(sa) && broken.has("forget_ppk_behind_eap");
  if (!forgets) sa.keys = mixPpk(sa.suite!, sa.keys!, sa.config.ppk!.key);
  out.push({ kind: "keyed" }, sa);
}

/** Lets an initiator begin IKE_AUTH. Returns a text that says why it cannot, or undefined. */
export function beginPpk(turn: Turn): string | undefined {
  const { sa } = turn;
  const { ppk } = sa.config;
  const agreed = sa.setup!.ppk;
  // IKE_INTERMEDIATE has already decided whether the PPK is used, or the ticket that is resumed by.
  if (!ppk || agreed?.inIntermediate || sa.setup!.resumed) return undefined;
  if (agreed) return isBehindEap(sa) ? undefined : void mix(turn);
  if (isPpkRequired(sa)) {
    return "it did not say USE_PPK, so it has no post-quantum pre-shared key, and ppkrequired is true";
  }
  return undefined;
}

/** Whether the initiator's AUTH, and with it PPK_IDENTITY, follows EAP Success. */
function isBehindEap({ config: { auth }, originalInitiator }: IkeSa): boolean {
  const { kind } = originalInitiator ? auth.own : auth.peer;
  return kind === "eap" || kind === "eap_only";
}

/**
 * The payloads that an initiator sends after EAP Success: AUTH, which `prove` computes with the present
 * keys of the IKE SA, and the payloads of the PPK if the ends have agreed to use one.
 */
export function authBehindEap(turn: Turn, prove: () => Payload): Payload[] {
  const { sa } = turn;
  const agreed = sa.setup!.ppk;
  if (!agreed || agreed.inIntermediate) return [prove()];
  const plain = prove();
  mix(turn);
  return [prove(), ...ppkPayloads(sa), ...(sa.config.ppk!.required ? [] : [noPpkAuth([plain])])];
}

/**
 * Whether the request is the one with the initiator's AUTH, for a responder to read its
 * PPK_IDENTITY.
 */
export function hasPpkAuth(sa: IkeSa, payloads: readonly Payload[], isFirst: boolean): boolean {
  if (!isBehindEap(sa)) return isFirst;
  return !isFirst && findPayload(payloads, PayloadType.AUTH) !== undefined;
}

/** Whether the PPK is required. */
export function isPpkRequired({ config, env }: IkeSa): boolean {
  return config.ppk!.required && !env.broken.has("waive_ppk");
}

/**
 * Whether the initiator's AUTH is also computed without the PPK, as the peer may not know the PPK.
 */
export function wantsNoPpkAuth({ setup, config }: IkeSa): boolean {
  return isInAuth(setup!.ppk) && !config.ppk!.required;
}

/** Whether IKE_AUTH mixes the PPK in, and must name it. */
function isInAuth(ppk: PpkProgress | undefined): boolean {
  return ppk !== undefined && ppk.isMixed && !ppk.inIntermediate;
}

/** The NO_PPK_AUTH notify, with the AUTH data that was computed without the PPK. */
export function noPpkAuth(payloads: readonly Payload[]): Payload {
  const auth = findPayload(payloads, PayloadType.AUTH);
  must(auth !== undefined, "a method that ends with its first message says AUTH");
  return notify(NotifyType.NO_PPK_AUTH, auth.data);
}

/** The payloads about the PPK that an end adds to its message with AUTH. */
export function ppkPayloads({ setup, config, originalInitiator }: IkeSa): Payload[] {
  if (!isInAuth(setup!.ppk)) return [];
  return [originalInitiator ? ppkIdentity(config.ppk!.id) : notify(NotifyType.PPK_IDENTITY)];
}

/**
 * Lets an initiator read the response to its AUTH. Returns a text that says why this end cannot
 * continue, or undefined.
 */
export function hearPpkAnswer(turn: Turn, payloads: readonly Payload[]): string | undefined {
  const { sa, out } = turn;
  const ppk = sa.setup!.ppk;
  if (ppk?.inIntermediate) return undefined;
  const isTaken = findNotify(payloads, NotifyType.PPK_IDENTITY) !== undefined;
  if (!ppk?.isMixed) {
    return isTaken ? "it took a post-quantum pre-shared key that it was not offered" : undefined;
  }
  if (isTaken) {
    sa.peer.ppk = true;
    return undefined;
  }
  const id = showPpkId(sa.config.ppk!.id);
  if (isPpkRequired(sa)) {
    return `it does not know the post-quantum pre-shared key ${id}, and ppkrequired is true`;
  }
  out.push(
    { kind: "note", level: 3, text: `Peer does not know ppk.id ${id}: it goes without` },
    sa,
  );
  sa.keys = ppk.plainKeys;
  ppk.isMixed = false;
  out.push({ kind: "keyed" }, sa);
  return undefined;
}

/**
 * Lets a responder read the request with AUTH. Returns the payloads for the authentication, in
 * which AUTH is that of NO_PPK_AUTH if the PPK is unknown, or a text that says why there is no IKE
 * SA (RFC 8784 §3 table 1).
 */
export function takePpk(turn: Turn, payloads: readonly Payload[]): readonly Payload[] | string {
  const { sa } = turn;
  const { ppk } = sa.config;
  if (!ppk || sa.setup!.ppk?.inIntermediate || sa.setup!.resumed) return payloads;
  const said = findNotify(payloads, NotifyType.PPK_IDENTITY)?.data;
  const id = said && ppkIdIn(said);
  const own = `ppk.id is ${showPpkId(ppk.id)} here`;
  if (sa.setup!.ppk && id && sameOctets(id, ppk.id)) {
    mix(turn);
    sa.peer.ppk = true;
    return payloads;
  }
  const what = !sa.setup!.ppk
    ? "it did not say USE_PPK"
    : !said
    ? "it named no post-quantum pre-shared key"
    : `it named the post-quantum pre-shared key ${
      id ? showPpkId(id) : "of an unknown type"
    }, ${own}`;
  if (isPpkRequired(sa)) return `${what}, and ppkrequired is true`;
  if (!sa.setup!.ppk || !said) return payloads;
  const plain = findNotify(payloads, NotifyType.NO_PPK_AUTH);
  if (!plain) return `${what}, and sent no NO_PPK_AUTH: it does without none`;
  turn.out.push({ kind: "note", level: 4, text: `Peer goes without a PPK: ${what}` }, sa);
  return payloads.map((payload) =>
    payload.type === PayloadType.AUTH && !("raw" in payload)
      ? { ...payload, data: plain.data }
      : payload
  );
}

/** A hint for the error about a wrong AUTH if a PPK is mixed in; otherwise empty. */
export function ppkHint({ setup, config }: IkeSa): string {
  return setup?.ppk?.isMixed ? `; is ppk.value of ${showPpkId(config.ppk!.id)} the same?` : "";
}
