/**
 * The state that a server keeps between logins of SIM, AKA and AKA′: the pseudonyms that it assigned, and
 * the keys of fast re-authentication. It is bounded; without it a full authentication is needed.
 * @module
 */
import type { ReauthState } from "@/eap/sim/card.ts";

/** The most entries of each kind; the oldest one is dropped first. */
const ENTRIES_MAX = 100_000;

/** A subscriber who may re-authenticate. */
export interface RegisteredReauth extends ReauthState {
  /** EAP type of the full authentication; another method must not use its keys. */
  readonly method: number;
  /** Permanent identity of the subscriber. */
  readonly permanent: string;
}

/** Pseudonyms and re-authentication identities of all subscribers. */
export class SimRegister {
  readonly #pseudonyms = new Map<string, string>();
  readonly #reauths = new Map<string, RegisteredReauth>();

  /** Adds a pseudonym username of a permanent identity. */
  addPseudonym(pseudonym: string, permanent: string): void {
    remember(this.#pseudonyms, pseudonym, permanent);
  }
  /** The permanent identity of a pseudonym username. */
  permanentOf(pseudonym: string): string | undefined {
    return this.#pseudonyms.get(pseudonym);
  }
  /** Adds the state for a re-authentication by `state.identity`. */
  addReauth(state: RegisteredReauth): void {
    remember(this.#reauths, state.identity, state);
  }
  /** Removes and returns the state of an identity, which is valid for one re-authentication. */
  takeReauth(identity: string): RegisteredReauth | undefined {
    const state = this.#reauths.get(identity);
    this.#reauths.delete(identity);
    return state;
  }
  /** Whether this identity may be used for a re-authentication. */
  hasReauth(identity: string): boolean {
    return this.#reauths.has(identity);
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= ENTRIES_MAX) map.delete(map.keys().next().value!);
  map.set(key, value);
}
