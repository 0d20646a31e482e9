/**
 * What runs inside the tunnel of TTLS and PEAP, as the tunnel sees it.
 * @module
 */
import type { EapCause } from "@/eap/failure.ts";
import type { EapKeys } from "@/eap/method.ts";
import type { TlsSession } from "@/eap/tls/engine.ts";

/** What the inside of a peer's tunnel says; `out` may be empty. */
export type InnerPeerStep =
  | { readonly then: "more"; readonly out: Uint8Array }
  /** `keys` stand in place of the tunnel's. */
  | { readonly then: "done"; readonly out: Uint8Array; readonly keys?: EapKeys | undefined }
  | {
    readonly then: "refused";
    readonly out: Uint8Array;
    readonly cause: EapCause;
    readonly why: string;
  };

/** The inside of a peer's tunnel. */
export interface InnerPeer {
  /** What is said as soon as the tunnel stands; `spoken`: the server has said something inside already. */
  begin(session: TlsSession, spoken: boolean): InnerPeerStep;
  /** Takes what the server says inside; `identifier` is that of the outer request. */
  take(plaintext: Uint8Array, identifier: number): InnerPeerStep;
  notes(): readonly string[];
  close(): void;
}

/** What the inside of a server's tunnel says. Throws {@linkcode EapRefusal} to end it all. */
export type InnerServerStep =
  | { readonly then: "more"; readonly out: Uint8Array }
  | { readonly then: "done"; readonly identity: string; readonly keys?: EapKeys | undefined };

/** The inside of a server's tunnel. */
export interface InnerServer {
  /** What is said first; `undefined` where the peer begins. `next` is the outer request's identifier. */
  begin(session: TlsSession, next: number): Uint8Array | undefined;
  /** Takes what the peer says inside the outer response of this identifier. */
  take(
    plaintext: Uint8Array,
    outer: { readonly identifier: number; readonly next: number },
  ): InnerServerStep;
  notes(): readonly string[];
  close(): void;
}
