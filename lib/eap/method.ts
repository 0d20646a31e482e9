/**
 * What a method is, at either end. A method's file holds both; the conversation (`peer.ts`,
 * `server.ts`) does all that RFC 3748 says of every method.
 * @module
 */
import type { RandomOctets } from "@/base/random.ts";
import type { EapCause } from "@/eap/failure.ts";
import type { SimCard } from "@/eap/sim/card.ts";
import type { TlsEngine, TlsSettings } from "@/eap/tls/engine.ts";
import type { EapUser, EapUserTable } from "@/eap/users.ts";
import type { SimRegister } from "@/eap/sim/register.ts";

/** What is handed in from outside, as the room is pure. */
export interface EapEnvironment {
  /** Octets nobody can foresee; a world's are seeded. */
  readonly random: RandomOctets;
  /** TLS by the C shim; `undefined` refuses TLS, TTLS and PEAP by name. */
  readonly tls: TlsEngine | undefined;
}

/** What a method derives; absent keys are none. */
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

/** What a peer has to prove itself with, and what it wants proved. */
export interface EapCredentials {
  /** What an Identity request is answered with. */
  readonly identity: string;
  /** EAP types that are taken, the best first; others get a Nak. */
  readonly methods: readonly number[];
  readonly password?: string | undefined;
  /** For SIM, AKA and AKA′; it remembers sequence numbers and pseudonyms, so each peer has its own. */
  readonly sim?: SimCard | undefined;
  /** For TLS, TTLS and PEAP. */
  readonly tls?: TlsSettings | undefined;
  /** What runs inside TTLS and PEAP. */
  readonly inner?: InnerMethod | undefined;
}

/** Methods inside a tunnel: two EAP methods, or a password as it is (TTLS only). */
export type InnerMethod = "mschapv2" | "md5" | "pap";

/** What a server knows. */
export interface EapServerSettings {
  /** EAP types that are offered, the best first. */
  readonly methods: readonly number[];
  readonly users: EapUserTable;
  /** For TLS, TTLS and PEAP. */
  readonly tls?: TlsSettings | undefined;
  /** Inner methods that are taken, the best first; all where absent. */
  readonly inner?: readonly InnerMethod[] | undefined;
  /** Pseudonyms and re-authentication of SIM, AKA and AKA′; shared by all conversations. */
  readonly register?: SimRegister | undefined;
  /** The name a server gives itself in MD5 and MSCHAPv2. */
  readonly name?: string | undefined;
  /** Name of the access network, to which AKA′ binds its keys; `WLAN` where absent. */
  readonly networkName?: string | undefined;
}

/** What a peer's method says to a request. */
export type PeerReply =
  | { readonly then: "more"; readonly data: Uint8Array }
  /** The method is through, and Success may come; with `open` so may another request of the method. */
  | {
    readonly then: "done";
    readonly data: Uint8Array;
    readonly keys: EapKeys | undefined;
    readonly open?: boolean;
  }
  /** The response says no, and `why` is what comes of it whatever the server says next. */
  | {
    readonly then: "refused";
    readonly data: Uint8Array;
    readonly cause: EapCause;
    readonly why: string;
  };

/** One run of a method at the peer. Throws {@linkcode EapRefusal} or WireError to end it all. */
export interface PeerRun {
  take(request: MethodPacket): PeerReply;
  /** What else users should hear. */
  notes?(): readonly string[];
  close?(): void;
}

/** What a server's method says to a response. */
export type ServerReply =
  | { readonly then: "more"; readonly data: Uint8Array }
  /** The peer is who it says; `identity` where the method knows better than Identity did. */
  | {
    readonly then: "done";
    readonly keys: EapKeys | undefined;
    readonly identity?: string | undefined;
  };

/** What a server has found against its peer: `why` is a sentence without the method's name. */
export interface EapVerdict {
  readonly cause: EapCause;
  readonly why: string;
}

/** One run of a method at the server. Throws {@linkcode EapRefusal} or WireError: Failure is sent. */
export interface ServerRun {
  /** Type-Data of the first request. */
  begin(identifier: number): Uint8Array;
  /** `nextIdentifier` is that of the next request. */
  take(response: MethodPacket, nextIdentifier: number): ServerReply;
  /** What was found against the peer, where the method says it to the peer and waits for its answer. */
  verdict?(): EapVerdict | undefined;
  notes?(): readonly string[];
  close?(): void;
}

/** What a server's method begins with. */
export interface ServerContext {
  /** What the peer said of itself; empty where nothing was said. */
  readonly identity: string;
  readonly user: EapUser | undefined;
  readonly settings: EapServerSettings;
  readonly env: EapEnvironment;
}

/** The method of an EAP type; `undefined` where there is none. */
export type MethodTable = (type: number) => EapMethod | undefined;

/** A method. */
export interface EapMethod {
  /** EAP type. */
  readonly type: number;
  /** As users see it in messages, `EAP-MSCHAPv2`. */
  readonly name: string;
  /** Its word in a setup, `mschapv2`. */
  readonly word: string;
  /** Whether it has an MSK. */
  readonly derivesKeys: boolean;
  /** Why it cannot run with these credentials; `undefined` where it can. */
  lacksAsPeer(own: EapCredentials, env: EapEnvironment): string | undefined;
  /** `sent` is what an Identity request was answered with; `undefined` where none came. */
  beginAsPeer(own: EapCredentials, env: EapEnvironment, sent: string | undefined): PeerRun;
  /** What an Identity request is answered with in place of `own.identity`, such as a pseudonym. */
  identityAsPeer?(own: EapCredentials): string | undefined;
  /** Why it cannot serve this peer; `undefined` where it can. */
  lacksAsServer(context: ServerContext): string | undefined;
  beginAsServer(context: ServerContext): ServerRun;
}
