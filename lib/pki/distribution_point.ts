/**
 * Distribution points of revocation lists (RFC 5280 §4.2.1.13), in certificates, and the
 * DistributionPointName that a list's issuingDistributionPoint has as well (§5.2.5).
 * @module
 */
import { contextTag, type DerReader, derSequence, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { type GeneralName, parseGeneralNames } from "@/pki/general_name.ts";

/** The name of a point: a full name, or one relative to the issuer of the list. */
export type DistributionPointName =
  | { readonly form: "full"; readonly names: readonly GeneralName[] }
  | {
    readonly form: "relative";
    /** The RelativeDistinguishedName as a SET of its own. */
    readonly rdn: Uint8Array;
  };

/** A place of revocation lists for a certificate. */
export interface DistributionPoint {
  readonly name: DistributionPointName | undefined;
  /** Bits of ReasonFlags; undefined for all reasons. */
  readonly reasons: number | undefined;
  /** The signers of the list, if it is not signed by the certificate's issuer. */
  readonly crlIssuer: readonly GeneralName[];
}

const WHAT = "a distribution point";
/** The most points of one certificate. */
const POINTS_MAX = 64;

/** The points of a CRLDistributionPoints value. @throws {WireError} if it is not valid DER. */
export function parseDistributionPoints(value: Uint8Array): DistributionPoint[] {
  const reader = derSequence(value, WHAT);
  const points: DistributionPoint[] = [];
  while (reader.left > 0) {
    if (points.length >= POINTS_MAX) {
      throw new WireError(`Cannot read ${WHAT}, there are more than ${POINTS_MAX}`);
    }
    const point = reader.within(Tag.SEQUENCE, WHAT);
    const name = parseDistributionPointName(point);
    const bits = contextTag(1, "primitive");
    const reasons = point.tag === bits ? point.namedBits(WHAT, bits) : undefined;
    const issuer = point.maybeWithin(contextTag(2, "constructed"), WHAT);
    const crlIssuer = issuer ? parseGeneralNames(issuer, WHAT) : [];
    point.end(WHAT);
    points.push({ name, reasons, crlIssuer });
  }
  return points;
}

/** Reads `[0] DistributionPointName OPTIONAL`. @throws {WireError} if it is not valid DER. */
export function parseDistributionPointName(reader: DerReader): DistributionPointName | undefined {
  const outer = reader.maybeWithin(contextTag(0, "constructed"), WHAT);
  if (!outer) return undefined;
  const full = outer.maybeWithin(contextTag(0, "constructed"), WHAT);
  if (full) {
    outer.end(WHAT);
    return { form: "full", names: parseGeneralNames(full, WHAT) };
  }
  const whole = outer.whole(WHAT, contextTag(1, "constructed"));
  const rdn = whole.slice();
  outer.end(WHAT);
  rdn[0] = Tag.SET;
  return { form: "relative", rdn };
}
