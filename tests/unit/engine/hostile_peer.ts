/**
 * A peer with a correct IKE_SA_INIT exchange that sends in IKE_AUTH what a test wants: a run over a transport
 * that decrypts its own IKE_AUTH messages and sends something else.
 */
import { SeededRandom } from "@/base/random.ts";
import type { TestRun } from "@/engine/run/test_run.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ikeKeys } from "@/ike/negotiate/keymat.ts";
import type { Transport } from "@/transport/transport.ts";
import { decodeMessage, type MessageHeader, type Payload } from "@/wire/message.ts";
import type { SkPayload } from "@/wire/payloads/encrypted.ts";
import { openMessage, type Protection, sealContent, sealMessage } from "@/wire/protected.ts";

/** An IKE_AUTH message before it is sent, with functions to make another of it. */
export interface AuthMessage {
  readonly octets: Uint8Array;
  readonly header: MessageHeader;
  readonly payloads: readonly Payload[];
  readonly random: SeededRandom;
  /** The message with other payloads, and with another header if one is given; it is authentic. */
  sealed(payloads: readonly Payload[], header?: Partial<MessageHeader>): Uint8Array;
  /** The message with octets inside that are no payloads; it is authentic. */
  sealedOctets(firstType: number, content: Uint8Array): Uint8Array;
}

/** Returns the datagrams that are sent in place of a message. */
export type Twist = (message: AuthMessage) => Uint8Array[];

/** A transport that sends what `twist` makes of IKE_AUTH messages; `run` returns the run that uses it. */
export function twisted(transport: Transport, run: () => TestRun, twist: Twist): Transport {
  const random = new SeededRandom(5);
  const send = (octets: Uint8Array, path: Parameters<Transport["send"]>[1]) => {
    if (octets[18] !== ExchangeType.IKE_AUTH) return transport.send(octets, path);
    for (const other of twist(messageOf(run(), octets.slice(), random))) {
      transport.send(other, path);
    }
  };
  return new Proxy(transport, {
    get(target, name) {
      if (name === "send") return send;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function messageOf(run: TestRun, octets: Uint8Array, random: SeededRandom): AuthMessage {
  const { header, payloads: [sk] } = decodeMessage(octets);
  const spi = header.initiator ? header.spiI : header.spiR;
  const sa = run.loop.endpoint.bySpi.get(spi)!;
  const keys = ikeKeys(sa.suite!, sa.keys!);
  const protection: Protection = {
    cipher: sa.suite!.cipher,
    encryptionKey: header.initiator ? keys.ei : keys.er,
    integrity: sa.suite!.integrity,
    integrityKey: header.initiator ? keys.ai : keys.ar,
  };
  const sealing = () => ({ protection, iv: random.octets(protection.cipher.ivOctets) });
  return {
    octets,
    header,
    random,
    payloads: openMessage(octets, sk as SkPayload, protection)!.payloads,
    sealed: (payloads, other = {}) => sealMessage({ ...header, ...other }, payloads, sealing()),
    sealedOctets: (firstType, content) => sealContent(header, { firstType, content }, sealing()),
  };
}

/** The payloads with those of one type replaced. */
export function changed(
  payloads: readonly Payload[],
  type: number,
  change: (payload: Payload) => Payload[],
): Payload[] {
  return payloads.flatMap((payload) => payload.type === type ? change(payload) : [payload]);
}

/** The type of the Identification payload of the sender of a message. */
export function ownIdOf({ header }: AuthMessage): number {
  return header.response ? PayloadType.IDR : PayloadType.IDI;
}
