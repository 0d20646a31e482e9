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
  /** EAP type of the full authentication: another method must not use its keys. */
  readonly method: number;
  /** Permanent identity of the subscriber. */
  readonly permanent: string;
}

/** Pseudonyms and re-authentication identities of all subscribers. */
export class SimRegister {
  readonly #pseudonyms = new Map<string, string>();
  readonly #reauths = new Map<string, RegisteredReauth>();

  /** Remembers that a pseudonym username means a permanent identity. */
  addPseudonym(pseudonym: string, permanent: string): void {
    remember(this.#pseudonyms, pseudonym, permanent);
  }
  /** The permanent identity behind a pseudonym username. */
  permanentOf(pseudonym: string): string | undefined {
    return this.#pseudonyms.get(pseudonym);
  }
  /** Remembers who may re-authenticate by `state.identity`. */
  addReauth(state: RegisteredReauth): void {
    remember(this.#reauths, state.identity, state);
  }
  /** Takes the state of an identity away: it is good for one re-authentication. */
  takeReauth(identity: string): RegisteredReauth | undefined {
    const state = this.#reauths.get(identity);
    this.#reauths.delete(identity);
    return state;
  }
  /** Whether somebody may re-authenticate by this identity. */
  hasReauth(identity: string): boolean {
    return this.#reauths.has(identity);
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= ENTRIES_MAX) map.delete(map.keys().next().value!);
  map.set(key, value);
}
