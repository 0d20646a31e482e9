/**
 * The features that options belong to, and those that are not implemented yet. An option, or one
 * of its values, names its feature. Whoever implements a feature removes its line from {@linkcode
 * NOT_YET}. Options of a feature that the setup does not use cause a warning, whether it is
 * implemented or not.
 * @module
 */

import { SetupError, type SetupPosition } from "@/base/errors.ts";
import { EapType } from "@/iana/eap_type.ts";

/** Features that are not implemented yet, with their description in error messages. */
export const NOT_YET = {} as const satisfies Readonly<Record<string, string>>;

/** A feature that is not implemented yet, or one that is and has options of its own. */
export type Feature =
  | keyof typeof NOT_YET
  | "certificates"
  | "eap"
  | "mobike"
  | "iptfs"
  | "ppk"
  | "puzzles"
  | "reauth"
  | "redirect"
  | "resume"
  | "secrets";

/** The options that decide which features a setup uses. */
export interface FeatureChoices {
  readonly mobike: boolean;
  readonly ikeconf: {
    readonly reauth: boolean;
    readonly authownmethod: string;
    readonly authpeermethod: string;
    readonly authown2: string;
    readonly authpeer2: string;
    readonly authownothers: readonly string[];
    readonly authpeerothers: readonly string[];
    readonly myid: string;
    readonly myid2: string;
    readonly eapmethod: readonly number[];
    readonly ppk: { readonly id: string };
    readonly puzzlethreshold: number;
    readonly childlist: readonly { readonly iptfs: string }[];
    readonly redirectto: readonly string[];
    readonly resume: "never" | "allow";
    readonly crashdetection: "never" | "make" | "take" | "both";
  };
}

/**
 * Whether a setup uses a feature, and why the options of the feature have no effect if it does not.
 */
interface FeatureUse {
  readonly isUsed: (choices: FeatureChoices) => boolean;
  /** Follows "has no effect: ". */
  readonly unused: string;
}

/**
 * Features that are switched on by other options. If such a feature is off, its options have no
 * effect, and are no reason to refuse a setup. Any other feature is used as soon as one of its
 * options is set.
 */
const SWITCHED: Readonly<Record<string, FeatureUse>> = {
  mobike: { isUsed: ({ mobike }) => mobike, unused: "mobike is false" },
  reauth: { isUsed: ({ ikeconf }) => ikeconf.reauth, unused: "reauth is false" },
  ppk: { isUsed: ({ ikeconf }) => ikeconf.ppk.id !== "", unused: "ppk.id is not set" },
  iptfs: {
    isUsed: ({ ikeconf }) => ikeconf.childlist.some(({ iptfs }) => iptfs !== "never"),
    unused: "iptfs is never",
  },
  puzzles: {
    isUsed: ({ ikeconf }) => ikeconf.puzzlethreshold >= 0,
    unused: "puzzlethreshold is below 0",
  },
  redirect: {
    isUsed: ({ ikeconf }) => ikeconf.redirectto.length > 0,
    unused: "redirectto is empty",
  },
  secrets: {
    isUsed: ({ ikeconf: { resume, crashdetection } }) =>
      resume !== "never" || crashdetection === "make" || crashdetection === "both",
    unused: "resume is never, and crashdetection makes no tokens",
  },
  resume: { isUsed: ({ ikeconf }) => ikeconf.resume !== "never", unused: "resume is never" },
  certificates: {
    isUsed: ({ ikeconf }) =>
      methodsOf(ikeconf).some((method) => !/^(psk|null-auth)$/.test(method) && !isEap(method)) ||
      hasTls(ikeconf) ||
      [ikeconf.myid, ikeconf.myid2].some((id) => /^cert-(dn|subject-cn)$/.test(id)),
    unused: "neither end authenticates by certificates",
  },
  eap: {
    isUsed: ({ ikeconf }) =>
      methodsOf(ikeconf).some(isEap) ||
      [ikeconf.myid, ikeconf.myid2].some((id) => /^eapol-test-conf$|^eapusepcap$/.test(id)),
    unused: "neither end authenticates by EAP",
  },
};

/**
 * Why the options of a feature have no effect in a setup; undefined if the setup uses the feature.
 */
export function whyUnused(feature: string, choices: FeatureChoices): string | undefined {
  const use = SWITCHED[feature];
  return use && !use.isUsed(choices) ? use.unused : undefined;
}

const BY_TLS: readonly number[] = [EapType.TLS, EapType.TTLS, EapType.PEAP];

function methodsOf(ikeconf: FeatureChoices["ikeconf"]): string[] {
  const { authownmethod, authpeermethod, authown2, authpeer2 } = ikeconf;
  const { authownothers, authpeerothers } = ikeconf;
  return [authownmethod, authpeermethod, authown2, authpeer2, ...authownothers, ...authpeerothers]
    .filter((method) => method !== "none");
}

/** Whether a method of EAP is used in which the ends show certificates. */
function hasTls(ikeconf: FeatureChoices["ikeconf"]): boolean {
  return methodsOf(ikeconf).some(isEap) &&
    ikeconf.eapmethod.some((type) => BY_TLS.includes(type));
}

function isEap(method: string): boolean {
  return method.startsWith("eap");
}

/** Whether a feature is named in {@linkcode NOT_YET}. */
export function isMissing(feature: Feature | undefined): feature is keyof typeof NOT_YET {
  return feature !== undefined && Object.hasOwn(NOT_YET, feature);
}

/** The error for a valid setup that needs a feature which is not implemented yet. */
export class NotThereYet extends SetupError {
  override name = "NotThereYet";
  /** `option` is the path of the option (`ikeconf.childlist[0].esn`), `shown` its value as text. */
  constructor(
    readonly option: string,
    shown: string,
    readonly feature: keyof typeof NOT_YET,
    position: SetupPosition,
  ) {
    super(`${option}: ${shown} needs ${NOT_YET[feature]}, which is not there yet`, position);
  }
}
