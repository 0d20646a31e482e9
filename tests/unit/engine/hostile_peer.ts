/**
 * A peer that does the IKE_SA_INIT exchange as it should, and in IKE_AUTH whatever a test says: a run
 * of ours over a transport that opens its own IKE_AUTH messages and sends something else.
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

/** An IKE_AUTH message before it is sent, and the means to make another of it. */
export interface AuthMessage {
  readonly octets: Uint8Array;
  readonly header: MessageHeader;
  readonly payloads: readonly Payload[];
  readonly random: SeededRandom;
  /** With other payloads, and another header where one is given; authentic. */
  sealed(payloads: readonly Payload[], header?: Partial<MessageHeader>): Uint8Array;
  /** With octets that are no payloads inside; authentic. */
  sealedOctets(firstType: number, content: Uint8Array): Uint8Array;
}

/** What is sent in the message's place: any number of datagrams. */
export type Twist = (message: AuthMessage) => Uint8Array[];

/** A transport that sends what `twist` makes of IKE_AUTH messages; `run` is whose transport it is. */
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
  const sa = run.loop.endpoint.bySpi.get(spi)!, keys = ikeKeys(sa.suite!, sa.keys!);
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

/** The payloads with those of one type made into others. */
export function changed(
  payloads: readonly Payload[],
  type: number,
  change: (payload: Payload) => Payload[],
): Payload[] {
  return payloads.flatMap((payload) => payload.type === type ? change(payload) : [payload]);
}

/** The Identification payload of the sender of a message. */
export function ownIdOf({ header }: AuthMessage): number {
  return header.response ? PayloadType.IDR : PayloadType.IDI;
}
