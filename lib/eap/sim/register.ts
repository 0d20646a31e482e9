/**
 * What a server keeps between logins of SIM, AKA and AKA′: the pseudonyms it gave out, and the keys
 * of fast re-authentication. It is bounded; what is forgotten costs a full authentication.
 * @module
 */
import type { ReauthState } from "@/eap/sim/card.ts";

/** Entries of each kind; the oldest is forgotten first. */
const ENTRIES_MAX = 100_000;

/** A subscriber who may re-authenticate. */
export interface RegisteredReauth extends ReauthState {
  /** Permanent username, with its leading digit and without realm. */
  readonly permanent: string;
}

/** Pseudonyms and re-authentication identities of all subscribers. */
export class SimRegister {
  readonly #pseudonyms = new Map<string, string>();
  readonly #reauths = new Map<string, RegisteredReauth>();

  /** Remembers that a pseudonym username means a permanent username. */
  addPseudonym(pseudonym: string, permanent: string): void {
    remember(this.#pseudonyms, pseudonym, permanent);
  }
  /** The permanent username behind a pseudonym username. */
  permanentOf(pseudonym: string): string | undefined {
    return this.#pseudonyms.get(pseudonym);
  }
  /** Remembers who may re-authenticate by this username. */
  addReauth(username: string, state: RegisteredReauth): void {
    remember(this.#reauths, username, state);
  }
  /** Takes the state of a username away: an identity is good for one re-authentication. */
  takeReauth(username: string): RegisteredReauth | undefined {
    const state = this.#reauths.get(username);
    this.#reauths.delete(username);
    return state;
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= ENTRIES_MAX) map.delete(map.keys().next().value!);
  map.set(key, value);
}
