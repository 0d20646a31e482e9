/**
 * Times of certificates, lists and OCSP: UTCTime and GeneralizedTime of DER (RFC 5280 §4.1.2.5).
 * @module
 */
import { der, type DerReader, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import { latinText } from "@/pki/name.ts";

/** Reads the next element as a time, in milliseconds since 1970. @throws {WireError} if it is not one. */
export function parseTime(reader: DerReader, what: string): number {
  const isUtc = reader.tag === Tag.UTC_TIME;
  const text = latinText(reader.contents(isUtc ? Tag.UTC_TIME : Tag.GENERALIZED_TIME, what));
  const match = (isUtc ? UTC : GENERALIZED).exec(text);
  if (!match) throw new WireError(`Cannot read ${what}, it is not a time of DER`);
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  // RFC 5280 §4.1.2.5.1: years from 50 to 99 are 1950 to 1999.
  const fullYear = isUtc ? year! + (year! < 50 ? 2000 : 1900) : year!;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month! - 1, day!);
  date.setUTCHours(hour!, minute!, second!);
  const isReal = date.getUTCMonth() === month! - 1 && date.getUTCDate() === day! &&
    date.getUTCHours() === hour! && date.getUTCMinutes() === minute!;
  if (!isReal) throw new WireError(`Cannot read ${what}, there is no time ${text}`);
  return date.getTime();
}

/** Encodes a time: UTCTime until 2049, GeneralizedTime from then on; milliseconds are dropped. */
export function encodeTime(timeMs: number): Uint8Array {
  const digits = new Date(timeMs).toISOString().replaceAll(/\.\d+|[-:T]/g, "");
  const isUtc = digits < "2050" && digits >= "1950";
  const text = new TextEncoder().encode(isUtc ? digits.slice(2) : digits);
  return der(isUtc ? Tag.UTC_TIME : Tag.GENERALIZED_TIME, text);
}

/** Encodes a time as GeneralizedTime, as OCSP has all times (RFC 6960 §4.2.1); milliseconds are dropped. */
export function encodeGeneralizedTime(timeMs: number): Uint8Array {
  const digits = new Date(timeMs).toISOString().replaceAll(/\.\d+|[-:T]/g, "");
  return der(Tag.GENERALIZED_TIME, new TextEncoder().encode(digits));
}

/** A time in words for users: `2026-11-29 11:30:00 UTC`. */
export function showTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
}

const UTC = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const GENERALIZED = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
