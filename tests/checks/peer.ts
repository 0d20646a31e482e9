/**
 * A scripted peer: it has its keys right and says whatever a check wants it to say. It has no state
 * machine, only what the octets need: SPIs, nonces, key pair, Message IDs.
 * @module
 */
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend, KeyPair } from "@/crypto/backend.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { IdType } from "@/iana/id_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { Identity, IkeConfig } from "@/ike/records/config.ts";
import {
  deriveIkeKeys,
  identityBody,
  ikeKeys,
  pskAuth,
  spiOctets,
} from "@/ike/negotiate/keymat.ts";
import { childProposals, ikeProposals } from "@/ike/negotiate/proposal.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";
import { WorldKeys } from "@/sim/keys.ts";
import {
  decodeMessage,
  encodeMessage,
  findPayload,
  type MessageHeader,
  type Payload,
} from "@/wire/message.ts";
import { openMessage, type Protection, sealMessage } from "@/wire/protected.ts";

/** SPIs of ESP that the peer receives on, in order of use. */
const FIRST_SPI = 0x00c0ffee;

/** One hostile end; `initiator`: of the IKE SA. */
export class Peer {
  readonly initiator: boolean;
  readonly config: IkeConfig;
  readonly crypto: CryptoBackend;
  readonly random: SeededRandom;
  spiI = 0n;
  spiR = 0n;
  nonceI: Uint8Array;
  nonceR: Uint8Array;
  pair: KeyPair;
  initRequest: Uint8Array = new Uint8Array(0);
  initResponse: Uint8Array = new Uint8Array(0);
  suite: IkeSuite | undefined;
  keys: Uint8Array | undefined;
  /** Message ID of its next request. */
  nextId = 0;
  readonly id: Identity;
  #spis = FIRST_SPI;
  readonly #worldKeys: WorldKeys;

  constructor(initiator: boolean, config: IkeConfig, keys: WorldKeys, crypto: CryptoBackend) {
    this.initiator = initiator;
    this.config = config;
    this.crypto = crypto;
    this.random = new SeededRandom(initiator ? 11 : 12);
    this.#worldKeys = keys;
    this.nonceI = this.random.octets(32);
    this.nonceR = this.random.octets(32);
    this.pair = this.freshPair();
    if (initiator) this.spiI = 0x1111111122222222n;
    else this.spiR = 0x3333333344444444n;
    this.id = { idType: IdType.ID_FQDN, data: new TextEncoder().encode("hostile.test") };
  }

  /** A key pair of a group. */
  freshPair(group = this.config.algorithms.groups[0]!): KeyPair {
    const result = this.#worldKeys.compute({ op: "ke_generate", group }, this.random);
    assert(result.op === "ke_generate");
    return result.pair;
  }

  /** The shared secret with a public value of the core. */
  derive(publicValue: Uint8Array, pair = this.pair): Uint8Array {
    const job = { op: "ke_derive", pair, peerPublic: publicValue } as const;
    const result = this.#worldKeys.compute(job, this.random);
    assert(result.op === "ke_derive");
    return result.shared;
  }

  /** Four octets to receive ESP on. */
  spi(): Uint8Array {
    const spi = this.#spis++;
    return Uint8Array.of(spi >>> 24, spi >>> 16, spi >>> 8, spi);
  }

  /** A header in the peer's name; its next request unless `change` says otherwise. */
  header(exchange: number, change: Partial<MessageHeader> = {}): MessageHeader {
    const { spiI, spiR, initiator, nextId: messageId } = this;
    return { spiI, spiR, exchange, messageId, initiator, response: false, ...change };
  }

  /** SA, KE, Nonce of an IKE_SA_INIT. */
  initPayloads(): Payload[] {
    const proposals = ikeProposals(this.config.algorithms);
    return [
      { type: PayloadType.SA, proposals },
      { type: PayloadType.KE, group: this.pair.group, data: this.pair.publicValue },
      { type: PayloadType.NONCE, data: this.initiator ? this.nonceI : this.nonceR },
    ];
  }

  /** Its IKE_SA_INIT message, kept for AUTH. */
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

  /** Takes the core's IKE_SA_INIT message, and has keys once both are there. */
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
    };
    const shared = this.derive(publicValue);
    this.keys = deriveIkeKeys(this.suite, { nonceI, nonceR, spiI, spiR, shared });
  }

  /** The identity's AUTH payload, by the pre-shared key. */
  auth(id: Identity = this.id, secret = this.config.auth.secret): Payload {
    const keys = ikeKeys(this.suite!, this.keys!);
    const data = pskAuth(this.suite!.prf, secret, {
      message: this.initiator ? this.initRequest : this.initResponse,
      nonce: this.initiator ? this.nonceR : this.nonceI,
      skP: this.initiator ? keys.pi : keys.pr,
      idBody: identityBody(id),
    });
    return { type: PayloadType.AUTH, method: AuthMethod.SHARED_KEY_MIC, data };
  }

  /** IDi or IDr, AUTH, SA, TSi, TSr. */
  authPayloads(id: Identity = this.id): Payload[] {
    return [this.identity(id), this.auth(id), ...this.childPayloads()];
  }

  /** IDi or IDr. */
  identity(id: Identity = this.id): Payload {
    return this.initiator ? { type: PayloadType.IDI, ...id } : { type: PayloadType.IDR, ...id };
  }

  /** SA, TSi, TSr of a CHILD_SA as the first entry of the list has it. */
  childPayloads(): Payload[] {
    const [child] = this.config.children;
    return [
      { type: PayloadType.SA, proposals: childProposals(child!, this.spi()) },
      { type: PayloadType.TSI, selectors: child!.ownTs },
      { type: PayloadType.TSR, selectors: child!.peerTs },
    ];
  }

  /** SA, Nonce, TSi, TSr of a CREATE_CHILD_SA request, with notifies before them. */
  createChild(notifies: readonly Payload[] = []): Payload[] {
    const [sa, ...selectors] = this.childPayloads();
    return [...notifies, sa!, this.nonce(), ...selectors];
  }

  /** SA, Nonce, KE of a request for a new IKE SA. */
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

  /** Keys of one direction. */
  protection(byInitiator = this.initiator): Protection {
    const suite = this.suite!, { ei, ai, er, ar } = ikeKeys(suite, this.keys!);
    const [encryptionKey, integrityKey] = byInitiator ? [ei, ai] : [er, ar];
    return { cipher: suite.cipher, integrity: suite.integrity, encryptionKey, integrityKey };
  }

  /** A message under SK. */
  seal(header: MessageHeader, payloads: readonly Payload[], padding?: Uint8Array): Uint8Array {
    const protection = this.protection();
    const iv = this.random.octets(protection.cipher.ivOctets);
    return sealMessage(header, payloads, { protection, iv, ...(padding ? { padding } : {}) });
  }

  /** Payloads of a message of the core, opened where it is encrypted. */
  open(octets: Uint8Array): readonly Payload[] {
    const { payloads } = decodeMessage(octets);
    const sk = findPayload(payloads, PayloadType.SK);
    if (!sk) return payloads;
    const opened = openMessage(octets, sk, this.protection(!this.initiator));
    assert(opened, "the core's ICV is right");
    return opened.payloads;
  }
}
