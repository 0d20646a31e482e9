/**
 * The users who may log in at a gateway, with their methods, password or SIM keys. An identity is
 * a name, a template with `&d` for a number (`bob&d`), or `*` for all other identities.
 * @module
 */
import type { SimKeys } from "@/eap/sim/card.ts";
import type { SimTriplets } from "@/eap/sim/triplets.ts";

/** A user, or a template of users. */
export interface EapUser {
  /** As in the table; what {@linkcode EapUsers.find} returns has `&d` replaced. */
  readonly identity: string;
  /** EAP types that may be used; absent: each for which there is a secret. */
  readonly methods?: readonly number[] | undefined;
  /** `&d` stands for the number of the identity. */
  readonly password?: string | undefined;
  /** For SIM, AKA and AKA′; one record for each subscriber, as its sequence number moves. */
  readonly sim?: SimKeys | undefined;
  /** For SIM in place of keys; one record for each subscriber. */
  readonly triplets?: SimTriplets | undefined;
}

/** The table in which a server looks users up. */
export interface EapUserTable {
  /** The user of that identity, with every `&d` replaced by the number in it. */
  find(identity: string): EapUser | undefined;
  /** Whether any user has SIM keys. */
  readonly hasSim: boolean;
  /** Whether any user has triplets. */
  readonly hasTriplets: boolean;
  /** Whether nobody is named: who a certificate is enough for may be anybody. */
  readonly isEmpty: boolean;
}

/** A template of the table, split at its `&d`. */
interface Template {
  readonly before: string;
  readonly after: string;
  readonly user: EapUser;
}

/**
 * The most digits of the number that `&d` stands for; a name with more does not match the template.
 */
const DIGITS_MAX = 10;

/**
 * The table of users. It is searched for the exact name first, then for templates in their order,
 * then for `*`.
 */
export class EapUsers implements EapUserTable {
  readonly #byName = new Map<string, EapUser>();
  readonly #templates: Template[] = [];
  #others: EapUser | undefined;
  readonly hasSim: boolean;
  readonly hasTriplets: boolean;
  readonly isEmpty: boolean;

  /** Of two users with the same identity the later one is used. */
  constructor(users: Iterable<EapUser>) {
    let hasSim = false;
    let hasTriplets = false;
    for (const user of users) {
      hasSim ||= user.sim !== undefined;
      hasTriplets ||= user.triplets !== undefined;
      const at = user.identity.indexOf("&d");
      if (user.identity === "*") this.#others = user;
      else if (at < 0) this.#byName.set(user.identity, user);
      else {
        const before = user.identity.slice(0, at);
        const after = user.identity.slice(at + 2);
        this.#templates.push({ before, after, user });
      }
    }
    this.hasSim = hasSim;
    this.hasTriplets = hasTriplets;
    this.isEmpty = this.#byName.size === 0 && this.#templates.length === 0 && !this.#others;
  }

  /** The user of that identity, with every `&d` replaced by the number in it. */
  find(identity: string): EapUser | undefined {
    const named = this.#byName.get(identity);
    if (named) return named;
    for (const { before, after, user } of this.#templates) {
      if (!identity.startsWith(before) || !identity.endsWith(after)) continue;
      const digits = identity.slice(before.length, identity.length - after.length);
      if (identity.length < before.length + after.length || !/^\d+$/.test(digits)) continue;
      if (digits.length > DIGITS_MAX) continue;
      const password = user.password?.replaceAll("&d", digits);
      return { ...user, identity, password };
    }
    return this.#others && { ...this.#others, identity };
  }
}
