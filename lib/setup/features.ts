/**
 * What is there, and what is not there yet. An option, or a value of it, names its feature; to land a
 * feature is to take its line out of {@linkcode NOT_YET}.
 * @module
 */

import { SetupError, type SetupPosition } from "@/base/errors.ts";

/** Features that are not there yet, with the words that refuse them. */
export const NOT_YET = {
  reauth: "reauthentication",
  mobike: "MOBIKE",
  certificates: "authentication by certificates",
  eap: "EAP",
  ppk: "post-quantum pre-shared keys (RFC 8784)",
} as const;

/** A feature that may be missing. */
export type Feature = keyof typeof NOT_YET;

/** Whether it is named in {@linkcode NOT_YET}. */
export function isMissing(feature: Feature | undefined): feature is Feature {
  return feature !== undefined && Object.hasOwn(NOT_YET, feature);
}

/** A setup wants a feature that is not there yet: nothing is wrong with the setup. */
export class NotThereYet extends SetupError {
  override name = "NotThereYet";
  /** `option` is the path of the option (`ikeconf.childlist[0].esn`), `shown` its value in words. */
  constructor(
    readonly option: string,
    shown: string,
    readonly feature: Feature,
    position: SetupPosition,
  ) {
    super(`${option}: ${shown} needs ${NOT_YET[feature]}, which is not there yet`, position);
  }
}
