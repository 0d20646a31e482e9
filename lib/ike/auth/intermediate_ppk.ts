/**
 * A post-quantum pre-shared key in IKE_INTERMEDIATE (RFC 9867 §3.1), with the last exchange: the
 * initiator names it and shows by PPK_IDENTITY_KEY that it has it, the responder takes it by
 * PPK_IDENTITY. IKE_AUTH, identities included, goes under keys with the PPK then.
 *
 * ```text
 * | PPK_ID Type (uint8) | PPK_ID | PPK Confirmation (8 octets) |
 * ```
 * @module
 */
import { concat, sameOctets } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { isPpkRequired, ppkIdentity, ppkIdIn, showPpkId } from "@/ike/auth/ppk.ts";
import { ppkIkeKeys, spiOctets } from "@/ike/negotiate/keymat.ts";
import type { PpkConfig } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import { findNotify, notifies, notify } from "@/ike/records/notify.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Payload } from "@/wire/message.ts";

/** Octets of prf(PPK, Ni ‖ Nr ‖ SPIi ‖ SPIr) that show that an end has the PPK. */
const CONFIRMATION_OCTETS = 8;

/** The most PPK_IDs of a peer that a message names. */
const NAMED_MAX = 3;

/** Whether the present exchange is the one that mixes a PPK in. */
export function mixesPpk({ setup }: IkeSa): boolean {
  const { ppk, methods, done } = setup!.intermediate!;
  return ppk && done >= methods.length - 1;
}

function confirmation({ suite, setup, spiI, spiR }: IkeSa, { key }: PpkConfig): Uint8Array {
  const { nonceI, nonceR } = setup!;
  const seed = concat(nonceI!, nonceR!, spiOctets(spiI), spiOctets(spiR));
  return suite!.prf.compute(key, seed).subarray(0, CONFIRMATION_OCTETS);
}

/** The PPK_IDENTITY_KEY notifies of an initiator's last request; none in the other requests. */
export function ppkIdentityKey(sa: IkeSa): Payload[] {
  if (!mixesPpk(sa)) return [];
  const ppk = sa.config.ppk!;
  const { data } = ppkIdentity(ppk.id);
  return [notify(NotifyType.PPK_IDENTITY_KEY, concat(data, confirmation(sa, ppk)))];
}

/**
 * Lets a responder read the last request. Returns the payloads of its response, by which it accepts
 * the PPK, or a text that says why there is no IKE SA.
 */
export function takePpkIdentityKey(
  { sa, out }: Turn,
  request: readonly Payload[],
): readonly Payload[] | string {
  if (!mixesPpk(sa)) return [];
  const ppk = sa.config.ppk!;
  const wanted = concat(ppkIdentity(ppk.id).data, confirmation(sa, ppk));
  const offered = notifies(request).filter(({ notify }) => notify === NotifyType.PPK_IDENTITY_KEY);
  if (offered.some(({ data }) => sameOctets(data, wanted))) {
    sa.setup!.ppk!.isMixed = true;
    return [ppkIdentity(ppk.id)];
  }
  const names = offered.slice(0, NAMED_MAX).map(({ data }) =>
    showPpkId(data.subarray(1, -CONFIRMATION_OCTETS))
  );
  const why = names.length === 0
    ? "it named no post-quantum pre-shared key in IKE_INTERMEDIATE"
    : `it named the post-quantum pre-shared key ${names.join(", ")}, and ppk.id is ` +
      `${showPpkId(ppk.id)} here, or ppk.value is another`;
  if (isPpkRequired(sa)) return `${why}; ppkrequired is true`;
  out.push({ kind: "note", level: 4, text: `Peer goes without a PPK: ${why}` }, sa);
  return [];
}

/**
 * Lets an initiator read the response. Returns a text that says why there is no IKE SA, or
 * undefined.
 */
export function hearPpkIdentity({ sa, out }: Turn, answer: readonly Payload[]): string | undefined {
  if (!mixesPpk(sa)) return undefined;
  const ppk = sa.config.ppk!;
  const own = showPpkId(ppk.id);
  const said = findNotify(answer, NotifyType.PPK_IDENTITY)?.data;
  if (said) {
    const id = ppkIdIn(said);
    if (!id || !sameOctets(id, ppk.id)) {
      return "it took a post-quantum pre-shared key that we did not name";
    }
    sa.setup!.ppk!.isMixed = true;
    return undefined;
  }
  if (isPpkRequired(sa)) {
    return `it does not know the post-quantum pre-shared key ${own}, or has another ppk.value, and ` +
      "ppkrequired is true";
  }
  out.push(
    { kind: "note", level: 3, text: `Peer does not know ppk.id ${own}: it goes without` },
    sa,
  );
  return undefined;
}

/** Mixes the PPK into the keys after the exchange, if it was accepted. */
export function mixIntermediatePpk(sa: IkeSa): void {
  const { setup, config, spiI, spiR } = sa;
  if (!setup!.ppk?.inIntermediate || !setup!.ppk.isMixed || sa.peer.ppk) return;
  sa.peer.ppk = true;
  if (sa.originalInitiator && sa.env.broken.has("forget_ppk")) return;
  const nonceI = setup!.nonceI!;
  const nonceR = setup!.nonceR!;
  const ppk = config.ppk!.key;
  sa.keys = ppkIkeKeys(sa.suite!, sa.keys!, { nonceI, nonceR, spiI, spiR, ppk });
}
