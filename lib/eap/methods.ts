/**
 * The list of all EAP methods, which are found by EAP type and by their keyword in setups.
 * @module
 */
import type { EapMethod } from "@/eap/method.ts";
import { aka, akaPrime } from "@/eap/methods/aka.ts";
import { gtc } from "@/eap/methods/gtc.ts";
import { md5 } from "@/eap/methods/md5.ts";
import { mschapv2 } from "@/eap/methods/mschapv2.ts";
import { peap } from "@/eap/methods/peap.ts";
import { sim } from "@/eap/methods/sim.ts";
import { tls } from "@/eap/methods/tls.ts";
import { ttls } from "@/eap/methods/ttls.ts";

/** All methods, the strongest first. */
export const EAP_METHODS: readonly EapMethod[] = [
  tls,
  ttls,
  peap,
  akaPrime,
  aka,
  sim,
  mschapv2,
  gtc,
  md5,
];

const BY_TYPE = new Map(EAP_METHODS.map((method) => [method.type, method]));
const BY_WORD = new Map(EAP_METHODS.map((method) => [method.word, method]));

/** The method of an EAP type. */
export function methodOf(type: number): EapMethod | undefined {
  return BY_TYPE.get(type);
}

/** The method of a keyword in setups, such as `aka-prime`. */
export function methodByWord(word: string): EapMethod | undefined {
  return BY_WORD.get(word);
}
