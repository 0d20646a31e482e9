/**
 * A scripted IKEv2 peer: its cryptography is right, and it sends what its caller wants, in any order. It has
 * no state machine, only what the octets need: SPIs, nonces, a key pair and Message IDs. It neither sends nor
 * waits, so that a test can use it in memory and a conformance test over a transport.
 * @module
 */
import { must } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend, KeyPair } from "@/crypto/backend.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { intAuthOf, nextIntAuth } from "@/ike/auth/int_auth.ts";
import { sharedKeyMic } from "@/ike/auth/psk.ts";
import { signedOctets } from "@/ike/auth/signed_octets.ts";
import type { Identity, IkeConfig } from "@/ike/records/config.ts";
import {
  deriveIkeKeys,
  identityBody,
  ikeKeys,
  mixPpk,
  nextIkeKeys,
  ppkIkeKeys,
  spiOctets,
} from "@/ike/negotiate/keymat.ts";
import { notify } from "@/ike/records/notify.ts";
import { childProposals, ikeProposals } from "@/ike/negotiate/proposal.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";
import {
  decodeMessage,
  encodeMessage,
  findPayload,
  type MessageHeader,
  type Payload,
} from "@/wire/message.ts";
import { clearForm, openMessage, type Protection, sealMessage } from "@/wire/protected.ts";

/** The inbound SPI of the peer's first CHILD_SA; further ones count up from it. */
const FIRST_SPI = 0x00c0ffee;

/** Makes key pairs and shared secrets for a peer at once. */
export interface PeerKeys {
  /** A key pair of a group (Transform Type 4), chosen by `random`. */
  generate(group: number, random: SeededRandom): KeyPair;
  /** The shared secret of a pair and the other end's public value. */
  derive(pair: KeyPair, peerPublic: Uint8Array): Uint8Array;
}

/** The options of a scripted peer. */
export interface ScriptedPeerOptions {
  /** Whether it is the initiator of the IKE SA. */
  readonly initiator: boolean;
  /** Its algorithms (the first of each kind is used), secret and CHILD_SAs. */
  readonly config: IkeConfig;
  readonly crypto: CryptoBackend;
  readonly keys: PeerKeys;
}

/** One end of an IKE SA that sends what it is told to. */
export class ScriptedPeer {
  readonly initiator: boolean;
  readonly config: IkeConfig;
  readonly crypto: CryptoBackend;
  readonly random: SeededRandom;
  /** SPIs, uint64; 0n until they are known. */
  spiI = 0n;
  spiR = 0n;
  /** Ni and Nr of IKE_SA_INIT; that of the other end is set when its message is learnt. */
  nonceI: Uint8Array;
  nonceR: Uint8Array;
  /** Its key pair of IKE_SA_INIT. */
  pair: KeyPair;
  /** The IKE_SA_INIT messages on the wire, over which AUTH is computed. */
  initRequest: Uint8Array = new Uint8Array(0);
  initResponse: Uint8Array = new Uint8Array(0);
  /** Whether its AUTH covers both of them. */
  fullTranscript = false;
  suite: IkeSuite | undefined;
  /** The keys of the IKE SA in one buffer (RFC 7296 §2.14); undefined until they are derived. */
  keys: Uint8Array | undefined;
  /** Message ID of its next request. */
  nextId = 0;
  /** Its identity. */
  readonly id: Identity;
  #spis = FIRST_SPI;
  /** Number of additional key exchanges that are done; then the last links of what AUTH covers of them. */
  #added = 0;
  #linkI: Uint8Array | undefined;
  #linkR: Uint8Array | undefined;
  readonly #keys: PeerKeys;

  constructor({ initiator, config, crypto, keys }: ScriptedPeerOptions) {
    this.initiator = initiator;
    this.config = config;
    this.crypto = crypto;
    this.random = new SeededRandom(initiator ? 11 : 12);
    this.#keys = keys;
    this.nonceI = this.random.octets(32);
    this.nonceR = this.random.octets(32);
    this.pair = this.freshPair();
    if (initiator) this.spiI = 0x1111111122222222n;
    else this.spiR = 0x3333333344444444n;
    this.id = { idType: IdType.ID_FQDN, data: new TextEncoder().encode("hostile.test") };
  }

  /** A key pair of a group. */
  freshPair(group = this.config.algorithms.groups[0]!): KeyPair {
    return this.#keys.generate(group, this.random);
  }

  /** The shared secret with a public value of the other end. */
  derive(publicValue: Uint8Array, pair = this.pair): Uint8Array {
    return this.#keys.derive(pair, publicValue);
  }

  /** The SPI (4 octets) of another CHILD_SA by which the peer receives. */
  spi(): Uint8Array {
    const spi = this.#spis++;
    return Uint8Array.of(spi >>> 24, spi >>> 16, spi >>> 8, spi);
  }

  /** A header of the peer, for its next request unless `change` says otherwise. */
  header(exchange: number, change: Partial<MessageHeader> = {}): MessageHeader {
    const { spiI, spiR, initiator, nextId: messageId } = this;
    return { spiI, spiR, exchange, messageId, initiator, response: false, ...change };
  }

  /**
   * SA, KE, Nonce of an IKE_SA_INIT; where additional key exchanges or a PPK are configured, the notifies
   * without which there are none (RFC 9242 §3.1, RFC 8784 §3).
   */
  initPayloads(): Payload[] {
    const { algorithms } = this.config;
    const proposals = ikeProposals(algorithms);
    const { ppk } = this.config;
    const adds = (algorithms.additional ?? []).length > 0 || ppk?.intermediate;
    return [
      ...(adds ? [notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)] : []),
      ...(ppk ? [notify(ppk.intermediate ? NotifyType.USE_PPK_INT : NotifyType.USE_PPK)] : []),
      { type: PayloadType.SA, proposals },
      { type: PayloadType.KE, group: this.pair.group, data: this.pair.publicValue },
      { type: PayloadType.NONCE, data: this.initiator ? this.nonceI : this.nonceR },
    ];
  }

  /** The peer's IKE_SA_INIT message, which is kept for AUTH. */
  init(payloads = this.initPayloads(), change: Partial<MessageHeader> = {}): Uint8Array {
    const header = this.header(ExchangeType.IKE_SA_INIT, {
      messageId: 0,
      response: !this.initiator,
      ...change,
    });
    const octets = encodeMessage(header, payloads);
    if (this.initiator) this.initRequest = octets;
    else this.initResponse = octets;
    return octets;
  }

  /** Takes the other end's IKE_SA_INIT message, and derives the keys of the IKE SA. */
  learn(octets: Uint8Array): void {
    const { header, payloads } = decodeMessage(octets);
    const nonce = findPayload(payloads, PayloadType.NONCE)!.data;
    if (this.initiator) {
      this.spiR = header.spiR;
      this.nonceR = nonce;
      this.initResponse = octets;
    } else {
      this.spiI = header.spiI;
      this.nonceI = nonce;
      this.initRequest = octets;
    }
    this.#deriveKeys(findPayload(payloads, PayloadType.KE)!.data);
    this.nextId = this.initiator ? 1 : 0;
  }

  #deriveKeys(publicValue: Uint8Array): void {
    const { nonceI, nonceR, spiI, spiR, crypto, config } = this;
    const { encryption: [cipher], integrity: [integrity], prf: [prf] } = config.algorithms;
    this.suite = {
      cipher: crypto.cipher(cipher!.id, cipher!.keyBits)!,
      integrity: crypto.integrity(integrity!),
      prf: crypto.prf(prf!)!,
      group: this.pair.group,
      additional: [],
    };
    const shared = this.derive(publicValue);
    this.keys = deriveIkeKeys(this.suite, { nonceI, nonceR, spiI, spiR, shared });
  }

  /** What its AUTH is over, for this identity (RFC 7296 §2.15). */
  signedOctets(id: Identity = this.id): Uint8Array {
    const keys = ikeKeys(this.suite!, this.keys!);
    return signedOctets(this.suite!.prf, {
      message: this.initiator ? this.initRequest : this.initResponse,
      otherMessage: this.fullTranscript
        ? this.initiator ? this.initResponse : this.initRequest
        : undefined,
      nonce: this.initiator ? this.nonceR : this.nonceI,
      skP: this.initiator ? keys.pi : keys.pr,
      idBody: identityBody(id),
      intAuth: this.#added > 0 ? intAuthOf(this.#linkI!, this.#linkR!, 1 + this.#added) : undefined,
    });
  }

  /** The AUTH payload of an identity by the pre-shared key. */
  auth(id: Identity = this.id, secret = secretOf(this.config)): Payload {
    const data = sharedKeyMic(this.suite!.prf, secret, this.signedOctets(id));
    return { type: PayloadType.AUTH, method: AuthMethod.SHARED_KEY_MIC, data };
  }

  /** Takes the secret of an additional key exchange; later messages use the next keys. */
  addSecret(shared: Uint8Array): void {
    const { nonceI, nonceR, spiI, spiR } = this;
    const suite = this.suite!;
    const { d } = ikeKeys(suite, this.keys!);
    this.#added++;
    this.keys = nextIkeKeys(suite, d, { nonceI, nonceR, spiI, spiR, shared });
  }

  /** Mixes its PPK into the keys: AUTH, and what comes of SK_d, is with it from now on (RFC 8784 §3). */
  mixPpk(): void {
    must(this.config.ppk !== undefined, "the peer has a PPK");
    this.keys = mixPpk(this.suite!, this.keys!, this.config.ppk.key);
  }

  /**
   * The PPK goes into all keys, as after IKE_INTERMEDIATE (RFC 9867 §3.1); the exchange counts where it
   * had no key exchange.
   */
  mixIntermediatePpk(counts = true): void {
    const { nonceI, nonceR, spiI, spiR, config } = this;
    const ppk = config.ppk!.key;
    if (counts) this.#added++;
    this.keys = ppkIkeKeys(this.suite!, this.keys!, { nonceI, nonceR, spiI, spiR, ppk });
  }

  /** An IKE_INTERMEDIATE exchange without a key exchange is done. */
  countIntermediate(): void {
    this.#added++;
  }

  /** Chains an IKE_INTERMEDIATE message of one end to what its AUTH covers (RFC 9242 §3.3.2). */
  link(byInitiator: boolean, octets: Uint8Array, payloads: readonly Payload[]): void {
    const { pi, pr } = ikeKeys(this.suite!, this.keys!);
    const { prf } = this.suite!;
    const clear = clearForm(octets, payloads);
    if (byInitiator) this.#linkI = nextIntAuth(prf, pi, { clear, before: this.#linkI });
    else this.#linkR = nextIntAuth(prf, pr, { clear, before: this.#linkR });
  }

  /** IDi or IDr, AUTH, SA, TSi, TSr. */
  authPayloads(id: Identity = this.id): Payload[] {
    return [this.identity(id), this.auth(id), ...this.childPayloads()];
  }

  /** IDi or IDr. */
  identity(id: Identity = this.id): Payload {
    return this.initiator ? { type: PayloadType.IDI, ...id } : { type: PayloadType.IDR, ...id };
  }

  /** SA, TSi and TSr of a CHILD_SA by the first configured entry. */
  childPayloads(): Payload[] {
    const [child] = this.config.children;
    return [
      { type: PayloadType.SA, proposals: childProposals(child!, this.spi()) },
      { type: PayloadType.TSI, selectors: child!.ownTs },
      { type: PayloadType.TSR, selectors: child!.peerTs },
    ];
  }

  /** SA, Nonce, TSi and TSr of a CREATE_CHILD_SA request, with notifies before them. */
  createChild(notifies: readonly Payload[] = []): Payload[] {
    const [sa, ...selectors] = this.childPayloads();
    return [...notifies, sa!, this.nonce(), ...selectors];
  }

  /** SA, Nonce and KE of a request for a new IKE SA. */
  rekeyIke(spi = 0x5555555566666666n, pair = this.pair): Payload[] {
    const proposals = ikeProposals(this.config.algorithms, spiOctets(spi));
    return [
      { type: PayloadType.SA, proposals },
      this.nonce(),
      { type: PayloadType.KE, group: pair.group, data: pair.publicValue },
    ];
  }

  /** A fresh nonce. */
  nonce(octets = 32): Payload {
    return { type: PayloadType.NONCE, data: this.random.octets(octets) };
  }

  /** The keys of messages of the initiator, or of the responder. */
  protection(byInitiator = this.initiator): Protection {
    const suite = this.suite!;
    const { ei, ai, er, ar } = ikeKeys(suite, this.keys!);
    const [encryptionKey, integrityKey] = byInitiator ? [ei, ai] : [er, ar];
    return { cipher: suite.cipher, integrity: suite.integrity, encryptionKey, integrityKey };
  }

  /** A message with its payloads in an Encrypted payload. */
  seal(header: MessageHeader, payloads: readonly Payload[], padding?: Uint8Array): Uint8Array {
    const protection = this.protection();
    const iv = this.random.octets(protection.cipher.ivOctets);
    return sealMessage(header, payloads, { protection, iv, ...(padding ? { padding } : {}) });
  }

  /** The payloads of a message of the other end, decrypted if it is encrypted. */
  open(octets: Uint8Array): readonly Payload[] {
    const { payloads } = decodeMessage(octets);
    const sk = findPayload(payloads, PayloadType.SK);
    if (!sk) return payloads;
    const opened = openMessage(octets, sk, this.protection(!this.initiator));
    must(opened !== undefined, "the other end's ICV is right");
    return opened.payloads;
  }
}

/** The secret of a check that names no other. */
function secretOf({ auth: { own } }: IkeConfig): Uint8Array {
  must(
    own.kind === "psk" && own.secret !== undefined,
    "a scripted peer authenticates by a pre-shared key unless told otherwise",
  );
  return own.secret;
}
