/**
 * Makes the datagrams of a flood from a seed. Those from real messages are changed, truncated or repeated
 * messages of established tunnels, with their real SPIs.
 * @module
 */
import { Reader } from "@/base/bytes.ts";
import type { SeededRandom } from "@/base/random.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ikeProposals } from "@/ike/negotiate/proposal.ts";
import { encodeMessage, type MessageHeader } from "@/wire/message.ts";
import { mutateOctets, Scratch } from "../fuzz/mutate.ts";

/** The suite of the gateway under flood: AES-GCM-16/128, PRF SHA2-256, Curve25519. */
const SUITE = {
  encryption: [{ id: 20, keyBits: 128 }],
  integrity: [],
  prf: [5],
  groups: [31],
} as const;

const EXCHANGES = [
  ExchangeType.IKE_SA_INIT,
  ExchangeType.IKE_AUTH,
  ExchangeType.CREATE_CHILD_SA,
  ExchangeType.INFORMATIONAL,
];

/** The kinds, in the order of their figures. */
export const KINDS = [
  "random octets",
  "a valid header, SPIs nobody has",
  "real messages, cut",
  "real messages, changed",
  "real messages, repeated elsewhere",
  "IKE_SA_INIT, changed",
  "IKE_SA_INIT of strangers",
] as const;

/** A kind of {@linkcode KINDS}. */
export type Kind = typeof KINDS[number];

/** Makes datagrams; each is valid until the next one is made. */
export class Garbage {
  readonly #random: SeededRandom;
  /** Messages of tunnels, as they were on the wire. */
  readonly #real: readonly Uint8Array[];
  readonly #scratch = new Scratch();

  constructor(random: SeededRandom, real: readonly Uint8Array[]) {
    this.#random = random;
    this.#real = real;
  }

  /** The next datagram of a kind. */
  make(kind: Kind): Uint8Array {
    const random = this.#random;
    switch (kind) {
      case "random octets":
        return random.octets(1 + random.below(random.chance(0.5) ? 64 : 1_400));
      case "a valid header, SPIs nobody has":
        return this.#unknown();
      case "real messages, cut": {
        const real = random.pick(this.#real);
        return real.subarray(0, random.below(real.length));
      }
      case "real messages, changed":
        return this.#changed(random.pick(this.#real));
      case "real messages, repeated elsewhere":
        return random.pick(this.#real);
      case "IKE_SA_INIT, changed":
        return this.#changed(this.stranger());
      case "IKE_SA_INIT of strangers":
        return this.stranger();
    }
  }

  /** A valid IKE_SA_INIT request of a sender that does not continue. */
  stranger(): Uint8Array {
    const random = this.#random;
    const header: MessageHeader = {
      spiI: this.#spi(),
      spiR: 0n,
      exchange: ExchangeType.IKE_SA_INIT,
      messageId: 0,
      initiator: true,
      response: false,
    };
    return encodeMessage(header, [
      { type: PayloadType.SA, proposals: ikeProposals(SUITE) },
      { type: PayloadType.KE, group: 31, data: random.octets(32) },
      { type: PayloadType.NONCE, data: random.octets(32) },
    ]);
  }

  #unknown(): Uint8Array {
    const random = this.#random;
    const header: MessageHeader = {
      spiI: this.#spi(),
      // A responder's SPI outside of IKE_SA_INIT that belongs to no SA.
      spiR: random.chance(0.25) ? 0n : this.#spi(),
      exchange: random.pick(EXCHANGES),
      messageId: random.below(8),
      initiator: random.chance(0.5),
      response: random.chance(0.5),
    };
    return encodeMessage(header, [{ type: PayloadType.NONCE, data: random.octets(32) }]);
  }

  /** Changes an octet or a run of octets; half of the time the Length is corrected. */
  #changed(real: Uint8Array): Uint8Array {
    const s = this.#scratch;
    const random = this.#random;
    s.length = 0;
    s.put(real);
    mutateOctets(s, random.chance(0.3) ? 0 : Math.min(28, s.length), random);
    const octets = s.view().slice(0, 60_000);
    if (octets.length >= 28 && random.chance(0.5)) {
      new DataView(octets.buffer, octets.byteOffset).setUint32(24, octets.length);
    }
    return octets;
  }

  #spi(): bigint {
    return new Reader(this.#random.octets(8)).u64() || 1n;
  }
}
