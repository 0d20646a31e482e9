/**
 * The interface of what runs inside the tunnel of TTLS and PEAP.
 * @module
 */
import type { EapCause } from "@/eap/failure.ts";
import type { EapKeys } from "@/eap/method.ts";
import type { TlsSession } from "@/eap/tls/engine.ts";

/** The answer of the inside of a peer's tunnel; `out` may be empty. */
export type InnerPeerStep =
  | { readonly then: "more"; readonly out: Uint8Array }
  /** `keys` replace those of the tunnel. */
  | { readonly then: "done"; readonly out: Uint8Array; readonly keys?: EapKeys | undefined }
  | {
    readonly then: "refused";
    readonly out: Uint8Array;
    readonly cause: EapCause;
    readonly why: string;
  };

/** The inside of a peer's tunnel. */
export interface InnerPeer {
  /** The first data in the tunnel; `spoken` says whether the server has sent data in it already. */
  begin(session: TlsSession, spoken: boolean): InnerPeerStep;
  /** Takes data of the server; `identifier` is that of the outer request. */
  take(plaintext: Uint8Array, identifier: number): InnerPeerStep;
  notes(): readonly string[];
  close(): void;
}

/** The answer of the inside of a server's tunnel. It throws {@linkcode EapRefusal} to end the method. */
export type InnerServerStep =
  | { readonly then: "more"; readonly out: Uint8Array }
  | { readonly then: "done"; readonly identity: string; readonly keys?: EapKeys | undefined };

/** The inside of a server's tunnel. */
export interface InnerServer {
  /** The first data; undefined if the peer begins. `next` is the identifier of the outer request. */
  begin(session: TlsSession, next: number): Uint8Array | undefined;
  /** Takes data of the peer in the outer response with this identifier. */
  take(
    plaintext: Uint8Array,
    outer: { readonly identifier: number; readonly next: number },
  ): InnerServerStep;
  notes(): readonly string[];
  close(): void;
}
