/**
 * The interface of an EAP method. The file of a method has both ends; the conversation
 * (`peer.ts`, `server.ts`) does what RFC 3748 demands for all methods.
 * @module
 */
import type { RandomOctets } from "@/base/random.ts";
import type { EapCause } from "@/eap/failure.ts";
import type { SimCard } from "@/eap/sim/card.ts";
import type { TlsEngine, TlsSettings } from "@/eap/tls/engine.ts";
import type { EapUser, EapUserTable } from "@/eap/users.ts";
import type { SimRegister } from "@/eap/sim/register.ts";

/** What the caller provides, as these files use neither random numbers nor the system. */
export interface EapEnvironment {
  /** Random octets; in simulated worlds they are drawn from the seed. */
  readonly random: RandomOctets;
  /** TLS by the C shim; `undefined` refuses TLS, TTLS and PEAP by name. */
  readonly tls: TlsEngine | undefined;
}

/** The keys that a method derives. */
export interface EapKeys {
  /** Master Session Key, 64 octets. */
  readonly msk: Uint8Array;
  /** Extended Master Session Key, 64 octets, where the method has one. */
  readonly emsk?: Uint8Array;
}

/** A packet of the other end, without its header and type. */
export interface MethodPacket {
  /** uint8, of the EAP header. */
  readonly identifier: number;
  /** Type-Data. */
  readonly data: Uint8Array;
}

/** The credentials of a peer, and what it demands of the server. */
export interface EapCredentials {
  /** The identity with which an Identity request is answered. */
  readonly identity: string;
  /** The accepted EAP types, the preferred one first; others are answered with a Nak. */
  readonly methods: readonly number[];
  readonly password?: string | undefined;
  /**
   * For SIM, AKA and AKA′; it remembers sequence numbers and pseudonyms, so each peer has its own.
   */
  readonly sim?: SimCard | undefined;
  /** For TLS, TTLS and PEAP. */
  readonly tls?: TlsSettings | undefined;
  /** The method inside TTLS and PEAP. */
  readonly inner?: InnerMethod | undefined;
}

/** Methods inside a tunnel: two EAP methods, or a password as it is (TTLS only). */
export type InnerMethod = "mschapv2" | "md5" | "pap";

/** The settings of a server. */
export interface EapServerSettings {
  /** The EAP types that are offered, the preferred one first. */
  readonly methods: readonly number[];
  readonly users: EapUserTable;
  /** For TLS, TTLS and PEAP. */
  readonly tls?: TlsSettings | undefined;
  /** The accepted inner methods, the preferred one first; absent: all. */
  readonly inner?: readonly InnerMethod[] | undefined;
  /** Pseudonyms and re-authentication of SIM, AKA and AKA′; shared by all conversations. */
  readonly register?: SimRegister | undefined;
  /** The name a server gives itself in MD5 and MSCHAPv2. */
  readonly name?: string | undefined;
  /** Name of the access network, to which AKA′ binds its keys; `WLAN` where absent. */
  readonly networkName?: string | undefined;
}

/** The reply of a method of the peer to a request. */
export type PeerReply =
  | { readonly then: "more"; readonly data: Uint8Array }
  /**
   * The method is complete and Success may follow; with `open`, another request of the method may
   * follow as well.
   */
  | {
    readonly then: "done";
    readonly data: Uint8Array;
    readonly keys: EapKeys | undefined;
    readonly open?: boolean;
  }
  /**
   * The response refuses, and the conversation fails with `why`, whatever the server sends next.
   */
  | {
    readonly then: "refused";
    readonly data: Uint8Array;
    readonly cause: EapCause;
    readonly why: string;
  };

/** One run of a method at the peer. Throws {@linkcode EapRefusal} or WireError to end it all. */
export interface PeerRun {
  take(request: MethodPacket): PeerReply;
  /** Notes for the log. */
  notes?(): readonly string[];
  close?(): void;
}

/** The reply of a method of the server to a response. */
export type ServerReply =
  | { readonly then: "more"; readonly data: Uint8Array }
  /**
   * The peer is authenticated; `identity` is set if the method has found another identity than the
   * one in Identity.
   */
  | {
    readonly then: "done";
    readonly keys: EapKeys | undefined;
    readonly identity?: string | undefined;
  };

/** Why a server will refuse its peer; `why` is a sentence without the name of the method. */
export interface EapVerdict {
  readonly cause: EapCause;
  readonly why: string;
}

/**
 * One run of a method at the server. Throws {@linkcode EapRefusal} or WireError: Failure is sent.
 */
export interface ServerRun {
  /** Type-Data of the first request. */
  begin(identifier: number): Uint8Array;
  /** `nextIdentifier` is that of the next request. */
  take(response: MethodPacket, nextIdentifier: number): ServerReply;
  /** Why the peer is refused, while the method has told the peer so and waits for its answer. */
  verdict?(): EapVerdict | undefined;
  notes?(): readonly string[];
  close?(): void;
}

/** What a method of the server gets at its start. */
export interface ServerContext {
  /** The identity that the peer claimed; empty if it claimed none. */
  readonly identity: string;
  readonly user: EapUser | undefined;
  readonly settings: EapServerSettings;
  readonly env: EapEnvironment;
}

/** Finds the method of an EAP type; `undefined` if there is none. */
export type MethodTable = (type: number) => EapMethod | undefined;

/** A method. */
export interface EapMethod {
  /** EAP type. */
  readonly type: number;
  /** The name for users, such as `EAP-MSCHAPv2`. */
  readonly name: string;
  /** The keyword in setups, such as `mschapv2`. */
  readonly word: string;
  /** Whether the method derives an MSK. */
  readonly derivesKeys: boolean;
  /** Why the peer cannot use the method with these credentials; `undefined` if it can. */
  lacksAsPeer(own: EapCredentials, env: EapEnvironment): string | undefined;
  /**
   * Begins at the peer. `sent` is the answer to an Identity request; `undefined` if there was none.
   */
  beginAsPeer(own: EapCredentials, env: EapEnvironment, sent: string | undefined): PeerRun;
  /** The answer to an Identity request in place of `own.identity`, such as a pseudonym. */
  identityAsPeer?(own: EapCredentials): string | undefined;
  /** Why the server cannot use the method with this peer; `undefined` if it can. */
  lacksAsServer(context: ServerContext): string | undefined;
  beginAsServer(context: ServerContext): ServerRun;
}
