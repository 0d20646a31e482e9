/**
 * Name constraints along a path (RFC 5280 §4.2.1.10, §6.1.3 (b)(c), §6.1.4 (g)): permitted subtrees
 * of several authorities intersect, excluded ones add up.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { Certificate } from "@/pki/certificate.ts";
import type { NameConstraints } from "@/pki/extension.ts";
import { type GeneralName, showGeneralName } from "@/pki/general_name.ts";
import { attributesOf, isWithin } from "@/pki/name.ts";
import { AttributeType } from "@/pki/oid.ts";

/** The most comparisons of one path; a certificate that needs more is refused, as they would take seconds. */
const COMPARISONS_MAX = 100_000;

/** The names that the authorities of a path permit; the path is walked from its anchor down. */
export class NameConstraintState {
  readonly #permitted: (readonly GeneralName[])[] = [];
  readonly #excluded: (readonly GeneralName[])[] = [];
  #comparisons = 0;

  /** Adds the constraints of an authority. */
  add({ permitted, excluded }: NameConstraints): void {
    if (permitted.length > 0) this.#permitted.push(permitted);
    if (excluded.length > 0) this.#excluded.push(excluded);
  }

  /** The fault in the names of a certificate; undefined if there is none. */
  check(certificate: Certificate): string | undefined {
    if (this.#permitted.length === 0 && this.#excluded.length === 0) return undefined;
    for (const name of namesOf(certificate)) {
      const why = this.#checkName(name);
      if (why) return why;
    }
    return undefined;
  }

  #checkName(name: GeneralName): string | undefined {
    for (const subtrees of this.#excluded) {
      for (const base of subtrees) {
        if (!isSameForm(base, name)) continue;
        const result = this.#compare(base, name);
        if (typeof result === "string") return result;
        if (result) return `${showGeneralName(name)} is excluded by ${showGeneralName(base)}`;
      }
    }
    for (const subtrees of this.#permitted) {
      let seen = false;
      let within = false;
      for (const base of subtrees) {
        if (within || !isSameForm(base, name)) continue;
        seen = true;
        const result = this.#compare(base, name);
        if (typeof result === "string") return result;
        within = result;
      }
      if (seen && !within) return `${showGeneralName(name)} is not permitted`;
    }
    return undefined;
  }

  /** Whether a name is below a base of its form; a text if that cannot be decided. */
  #compare(base: GeneralName, name: GeneralName): boolean | string {
    if (++this.#comparisons > COMPARISONS_MAX) return "there are too many names to compare";
    return isBelow(base, name);
  }
}

/** The names of a certificate to which constraints apply. */
function* namesOf({ subject, extensions }: Certificate): Generator<GeneralName> {
  if (subject.rdns.length > 0) yield { form: "directory", name: subject };
  yield* extensions.subjectAltNames;
  // RFC 5280 §4.2.1.10: an e-mail address in the subject counts if subjectAltName has none.
  if (extensions.subjectAltNames.some(({ form }) => form === "email")) return;
  for (const text of attributesOf(subject, AttributeType.EMAIL_ADDRESS)) {
    yield { form: "email", text };
  }
}

function isSameForm(base: GeneralName, name: GeneralName): boolean {
  if (base.form !== name.form) return false;
  return base.form !== "other" || name.form === "other" && base.tag === name.tag;
}

/** Compares as `#compare` does, but two names of one form. */
function isBelow(base: GeneralName, name: GeneralName): boolean | string {
  switch (base.form) {
    case "directory":
      must(name.form === "directory", "one form");
      return isWithin(name.name, base.name);
    case "dns":
      must(name.form === "dns", "one form");
      return isHostBelow(base.text, name.text);
    case "email":
      must(name.form === "email", "one form");
      return isMailboxBelow(base.text, name.text);
    case "uri":
      must(name.form === "uri", "one form");
      return isUriBelow(base.text, name.text);
    case "ip":
      must(name.form === "ip", "one form");
      return isAddressBelow(base.octets, name.octets);
    case "other":
      // RFC 5280 §6.1.4 (g): a name that cannot be compared must be refused.
      return `a constraint on ${showGeneralName(base)} cannot be compared`;
  }
}

/** Whether a host is the base or below it; an empty base contains all hosts. */
function isHostBelow(base: string, name: string): boolean {
  const below = base.toLowerCase();
  const host = withoutLastDot(name.toLowerCase());
  if (below === "") return true;
  if (below.startsWith(".")) return host.endsWith(below);
  return host === below || host.endsWith(`.${below}`);
}

/** `user@host` is one mailbox, `host` all mailboxes of the host, `.domain` those of all hosts below it. */
function isMailboxBelow(base: string, name: string): boolean | string {
  const at = name.lastIndexOf("@");
  const host = name.slice(at + 1).toLowerCase();
  if (at < 0) return `the mailbox ${showText(name)} cannot be compared`;
  const split = base.lastIndexOf("@");
  if (split >= 0) {
    // RFC 5280 §7.5: case counts in the local part.
    return base.slice(0, split) === name.slice(0, at) &&
      base.slice(split + 1).toLowerCase() === host;
  }
  const below = base.toLowerCase();
  return below.startsWith(".") ? host.endsWith(below) : below === "" || host === below;
}

/** Compares the host of a URI. It cannot be compared if it is missing, or an address (RFC 5280 §4.2.1.10). */
function isUriBelow(base: string, name: string): boolean | string {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(name)?.[1];
  const host = authority?.replace(/^.*@/, "").replace(/:\d*$/, "").toLowerCase();
  if (!host || host.startsWith("[") || /^[\d.]+$/.test(host)) {
    return `the host of the URI ${showText(name)} cannot be compared`;
  }
  const below = base.toLowerCase();
  return below.startsWith(".") ? host.endsWith(below) : host === below;
}

/** The base has an address and a mask of 4 or 16 octets each; addresses of another family are not below it. */
function isAddressBelow(base: Uint8Array, address: Uint8Array): boolean | string {
  if (base.length !== 8 && base.length !== 32) return "a constraint on addresses is malformed";
  const { length } = address;
  if (length !== 4 && length !== 16) return `an address of ${length} octets cannot be compared`;
  if (base.length !== 2 * length) return false;
  return address.every((octet, i) =>
    (octet & base[length + i]!) === (base[i]! & base[length + i]!)
  );
}

function withoutLastDot(host: string): string {
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

function showText(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
