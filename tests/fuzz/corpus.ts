/**
 * The input of the fuzzer: the decrypted payload chains of the captures, and chains made from the seed so
 * that every payload type occurs.
 * @module
 */
import { concat, Writer } from "@/base/bytes.ts";
import type { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import { EapCode } from "@/iana/eap_type.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { TsType } from "@/iana/ts_type.ts";
import { encodePayloads, type Payload } from "@/wire/message.ts";
import type { Proposal, Transform } from "@/wire/payloads/security_association.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";
import { captureNames, openCapture, readCapture } from "../captures.ts";

/** A payload as octets. */
export interface Part {
  readonly type: number;
  readonly body: Uint8Array;
}

/** A valid chain, cut into its payloads. */
export type Chain = readonly Part[];

/** Everything that is mutated. */
export interface Corpus {
  /** Chains that were unencrypted, or inside SK. */
  readonly chains: readonly Chain[];
  /** Whole datagrams, as captured. */
  readonly datagrams: readonly Uint8Array[];
  /** All bodies of each payload type, captured and generated, which replace others. */
  readonly bodies: ReadonlyMap<number, readonly Uint8Array[]>;
}

const NOTIFIES = Object.values(NotifyType);
const ID_TYPES = Object.values(IdType);
const CFG_ATTRIBUTES = Object.values(CfgAttribute);
const NOTHING = new Uint8Array(0);

/** Number of generated bodies of each type. */
const MADE_UP = 64;

/** Reads the captures, and generates the rest from `random`. */
export function buildCorpus(random: SeededRandom): Corpus {
  const chains: Chain[] = [];
  const datagrams: Uint8Array[] = [];
  const backend = portableBackend();
  for (const name of captureNames()) {
    const opened = openCapture(readCapture(name, backend));
    const fragments = new Map<string, Uint8Array[]>();
    for (const { octets, message, sealed, locked } of opened) {
      datagrams.push(octets);
      const { header, payloads } = message;
      const outer = payloads.at(-1);
      if (locked || !outer) continue;
      if (!sealed) chains.push(cut(header.nextPayload, octets.subarray(28)));
      else if (outer.type === PayloadType.SK && "firstType" in outer) {
        chains.push(cut(outer.firstType, sealed.content));
      } else if (outer.type === PayloadType.SKF && "fragment" in outer) {
        const key = `${header.spiI} ${header.response} ${header.messageId}`;
        const parts = [...fragments.get(key) ?? [], sealed.content];
        fragments.set(key, parts);
        if (outer.fragment === 1) fragments.set(`${key} type`, [Uint8Array.of(outer.firstType)]);
        if (outer.fragment < outer.total) continue;
        chains.push(cut(fragments.get(`${key} type`)![0]![0]!, concat(...parts)));
      }
    }
  }
  for (let i = 0; i < MADE_UP; i++) chains.push(madeUpChain(random));
  const bodies = new Map<number, Uint8Array[]>();
  for (const { type, body } of chains.flat()) {
    const same = bodies.get(type) ?? [];
    same.push(body);
    bodies.set(type, same);
  }
  return { chains, datagrams, bodies };
}

/** Cuts a valid chain into its payloads. */
function cut(firstType: number, octets: Uint8Array): Chain {
  const parts: Part[] = [];
  let type = firstType;
  let at = 0;
  while (type !== PayloadType.NONE) {
    const length = octets[at + 2]! << 8 | octets[at + 3]!;
    parts.push({ type, body: octets.slice(at + 4, at + length) });
    type = octets[at]!;
    at += length;
  }
  return parts;
}

/** A chain with a payload of every type that may be inside SK, in random order. */
function madeUpChain(random: SeededRandom): Chain {
  const w = new Writer(4096);
  const payloads = MAKERS.map((make) => make(random));
  for (let i = payloads.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [payloads[i], payloads[j]] = [payloads[j]!, payloads[i]!];
  }
  return cut(encodePayloads(payloads, w), w.done());
}

type Maker = (random: SeededRandom) => Payload;

const P = PayloadType;

const MAKERS: readonly Maker[] = [
  (r) => ({ type: P.SA, proposals: list(r, 1, 3, proposal) }),
  (r) => ({ type: P.KE, group: r.below(40), data: some(r, 1, 64) }),
  (r) => ({ type: P.IDI, ...identity(r) }),
  (r) => ({ type: P.IDR, ...identity(r) }),
  (r) => ({ type: P.CERT, encoding: r.below(16), data: some(r, 1, 64) }),
  (r) => ({ type: P.CERTREQ, encoding: r.below(16), data: r.octets(20 * r.below(4)) }),
  (r) => ({ type: P.AUTH, method: r.below(16), data: some(r, 1, 64) }),
  (r) => ({ type: P.NONCE, data: some(r, 16, 64) }),
  notify,
  () => ({ type: P.DELETE, protocol: 1, spis: [] }),
  (r) => ({ type: P.DELETE, protocol: 2 + r.below(2), spis: list(r, 0, 4, (x) => x.u32()) }),
  (r) => {
    const rawSpis = list(r, 1, 3, (x) => x.octets(16));
    return { type: P.DELETE, protocol: 6, spis: [], rawSpis };
  },
  (r) => ({ type: P.VENDOR, data: some(r, 0, 32) }),
  (r) => ({ type: P.TSI, selectors: list(r, 1, 4, selector) }),
  (r) => ({ type: P.TSR, selectors: list(r, 1, 4, selector) }),
  (r) => ({ type: P.CP, cpType: r.below(5), attributes: list(r, 0, 6, attribute) }),
  eap,
  (r) => ({ type: P.PS, data: some(r, 1, 64) }),
  (r) => ({ type: r.pick([P.GSPM, P.IDG, P.GSA, P.KD]), raw: some(r, 0, 32) }),
  (r) => ({ type: 128 + r.below(128), raw: some(r, 0, 32) }),
];

function some(random: SeededRandom, least: number, most: number): Uint8Array {
  return random.octets(least + random.below(most - least + 1));
}

function list<T>(
  random: SeededRandom,
  least: number,
  most: number,
  make: (random: SeededRandom) => T,
): T[] {
  return Array.from({ length: least + random.below(most - least + 1) }, () => make(random));
}

function proposal(random: SeededRandom): Proposal {
  const protocol = 1 + random.below(6);
  const spiSize = protocol === 1 ? random.pick([0, 8]) : protocol <= 3 ? 4 : random.below(17);
  const spi = random.octets(spiSize);
  const transforms = list(random, 0, 6, transform);
  return { number: 1 + random.below(4), protocol, spi, transforms };
}

function transform(random: SeededRandom): Transform {
  const plain = { type: 1 + random.below(14), id: random.below(40) };
  const keyed = random.chance(0.5) ? { ...plain, keyBits: random.pick([128, 192, 256]) } : plain;
  if (!random.chance(0.2)) return keyed;
  const attributes = list(random, 1, 3, (r) => ({
    attribute: 100 + r.below(0x7000),
    value: r.chance(0.5) ? r.below(0x10000) : some(r, 0, 8),
  }));
  return { ...keyed, attributes };
}

function identity(random: SeededRandom): { idType: number; data: Uint8Array } {
  const idType = random.pick(ID_TYPES);
  if (idType === IdType.ID_IPV4_ADDR) return { idType, data: random.octets(4) };
  if (idType === IdType.ID_IPV6_ADDR) return { idType, data: random.octets(16) };
  return { idType, data: idType === IdType.ID_NULL ? NOTHING : some(random, 1, 24) };
}

function notify(random: SeededRandom): Payload {
  const about = random.chance(0.3);
  return {
    type: P.NOTIFY,
    protocol: about ? 2 + random.below(2) : 0,
    spi: about ? random.octets(4) : NOTHING,
    notify: random.pick(NOTIFIES),
    data: random.octets(random.pick([0, 1, 2, 3, 4, 8, 16, 20])),
  };
}

function selector(random: SeededRandom): TrafficSelector {
  const tsType = random.pick([7, 8, 9, 10]);
  const octets = tsType === TsType.TS_IPV4_ADDR_RANGE ? 4 : 16;
  const ranged = tsType <= TsType.TS_IPV6_ADDR_RANGE;
  const fields = {
    tsType,
    protocol: random.pick([0, 1, 6, 17, 58]),
    startPort: ranged ? random.below(0x10000) : 0,
    endPort: ranged ? random.below(0x10000) : 0,
    startAddress: ranged ? random.octets(octets) : NOTHING,
    endAddress: ranged ? random.octets(octets) : NOTHING,
  };
  return ranged ? fields : { ...fields, raw: some(random, 0, 20) };
}

function attribute(random: SeededRandom): { attribute: number; value: Uint8Array } {
  const value = random.octets(random.pick([0, 0, 4, 8, 16, 17]));
  return { attribute: random.pick(CFG_ATTRIBUTES), value };
}

function eap(random: SeededRandom): Payload {
  const code = 1 + random.below(4);
  const ends = code === EapCode.SUCCESS || code === EapCode.FAILURE;
  const data = concat(Uint8Array.of(code, random.below(256), 0, 0), some(random, 1, ends ? 1 : 40));
  const packet = ends ? data.subarray(0, 4) : data;
  packet[3] = packet.length;
  return { type: P.EAP, data: packet };
}
