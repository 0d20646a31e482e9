/**
 * Fuzzes the content of other protocols in IKE_AUTH, as a peer with the right keys of the IKE SA sends it:
 * certificates, raw keys, revocation lists, OCSP responses, URLs and signatures (RFC 7296 §3.6, RFC 7427),
 * and EAP packets. A gateway and a client receive it while they have another tunnel, which must stay
 * established.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import type { SigningKeyPair } from "@/crypto/signature.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { signing, verifying } from "@/ike/auth/one_authority.ts";
import { rawKeyTable } from "@/ike/auth/raw_key_table.ts";
import { bothByPsk } from "@/ike/auth/psk.ts";
import type { BothAuthConfigs, IkeConfig, WrittenIdentity } from "@/ike/records/config.ts";
import type { Certificate } from "@/pki/certificate.ts";
import { issueCertificate } from "@/pki/issue.ts";
import { authorityTemplate, endEntityTemplate } from "@/pki/templates.ts";
import type { Payload } from "@/wire/message.ts";
import { type AuthMessage, type Twist, twisted } from "../unit/engine/hostile_peer.ts";
import {
  clientPlan,
  CONFIG,
  FakeClock,
  FakeNetwork,
  gatewayPlan,
  rig,
} from "../unit/engine/rig.ts";
import { mutateOctets, Scratch } from "./mutate.ts";

/** Identities with raw keys, in each form that may have a number. */
const NAMED: readonly WrittenIdentity[] = [
  { idType: IdType.ID_IPV4_ADDR, form: "address", text: "127.0.0.1" },
  { idType: IdType.ID_FQDN, form: "text", text: "t&d.test" },
  { idType: IdType.ID_DER_ASN1_DN, form: "dn", text: "CN=t&d" },
  { idType: IdType.ID_KEY_ID, form: "hex", text: "aa&d" },
];

/** The results of the changed messages at one end. */
export interface IkeAuthTally {
  /** Number of tunnels whose messages were changed. */
  readonly changed: number;
  /** Number of those that were established nevertheless, as some changes have no effect. */
  readonly up: number;
  /** Numbers of those that failed, by cause. */
  readonly causes: ReadonlyMap<string, number>;
  /** Sentences of the failures, one for each cause. */
  readonly sentences: readonly string[];
}

/** The configurations, the changes, and the end that receives them. */
export interface IkeAuthFuzz {
  readonly content: "certificates" | "eap";
  readonly role: "gateway" | "client";
  readonly tunnels: number;
  readonly seed: number;
}

const crypto = portableBackend();
/** The time of day of the two ends: 2023-11-14. */
const NOW_MS = 1_700_000_000_000;
/** Tenths of a second that the last tunnels get to complete. */
const STEPS_AFTER = 20;
/** The highest encoding of IANA's registry plus one. */
const ENCODINGS = 16;
/** The most further CERT payloads of a message. */
const COPIES_MAX = 200;

/**
 * Lets `tunnels` peers send changed messages to one end. @throws {Error} (rejects) if the other tunnel is
 * lost, or a tunnel is neither established nor refused.
 */
export async function fuzzIkeAuth(
  { content, role, tunnels, seed }: IkeAuthFuzz,
): Promise<IkeAuthTally> {
  const random = new SeededRandom(seed);
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const configs = content === "eap" ? eapConfigs(random) : certificateConfigs();
  const twist: Twist = content === "eap" ? changedEap(random) : changedCertificates(random);
  const isHonest = (m: AuthMessage) => m.header.spiI === honestSpi;
  let honestSpi = 0n;
  const noting: Twist = (m) => {
    honestSpi ||= m.header.spiI;
    return isHonest(m) ? [m.octets] : twist(m);
  };
  const gatewayTransport = network.open("10.9.");
  const clientTransport = network.open("10.1.");
  const gateway = rig(network, clock, {
    plan: gatewayPlan({ tunnels: tunnels + 1 }),
    config: configs.gateway,
    transport: role === "client"
      ? twisted(gatewayTransport, () => gateway.run, noting)
      : gatewayTransport,
  });
  const plan = clientPlan({ tunnels: tunnels + 1, triesMax: 1, setupIntervalMs: 100 });
  const client = rig(network, clock, {
    plan,
    config: configs.client,
    transport: role === "gateway"
      ? twisted(clientTransport, () => client.run, noting)
      : clientTransport,
  });
  gateway.run.start();
  client.run.start();
  // Lookups, and verifications by an algorithm of the runtime, are answered later.
  for (let step = 0; step < tunnels + STEPS_AFTER; step++) {
    clock.pass(100);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  clock.pass(60_000);
  const heard = role === "gateway" ? gateway.run : client.run;
  const { live, halfOpen, lost, failures, strangers } = heard.figures();
  if (lost > 0 || live < 1 || halfOpen > 0) {
    throw new Error(`${live} tunnels are live, ${halfOpen} half-open, ${lost} lost: seed ${seed}`);
  }
  const all = [...failures, ...strangers];
  return {
    changed: tunnels,
    up: live - 1,
    causes: new Map(all.map(({ cause, count }) => [cause, count])),
    sentences: all.map(({ example }) => example),
  };
}

/** The configurations of both ends: they sign, and trust a root or a raw key of the other. */
function certificateConfigs(): { readonly gateway: IkeConfig; readonly client: IkeConfig } {
  const issuer = keys();
  const means = { backend: crypto, random: crypto.randomOctets };
  const holder = { commonName: "Root", publicKey: issuer.publicKey, nowMs: NOW_MS };
  const { privateKey } = issuer;
  const root = atOnce(issueCertificate(authorityTemplate(holder), { privateKey }, means));
  const auth = (commonName: string): BothAuthConfigs => {
    const own = keys();
    const template = endEntityTemplate({ commonName, publicKey: own.publicKey, nowMs: NOW_MS });
    const certificate: Certificate = atOnce(
      issueCertificate(template, { certificate: root, privateKey }, means),
    );
    return {
      own: {
        ...signing({ credentials: [{ certificate, privateKey: own.privateKey }] }),
        authorities: [root],
      },
      peer: {
        ...verifying(root),
        asksOcsp: true,
        idMustBeInCertificate: false,
        rawKeys: rawKeyTable({
          named: NAMED.map((identity) => ({ identity, key: keys().publicKey })),
        }),
        lookup: { find: () => certificate.der },
      },
    };
  };
  const signatureHashes = [HashAlgorithm.SHA2_256, HashAlgorithm.IDENTITY];
  const config = (name: string) => ({ ...CONFIG, auth: auth(name), signatureHashes });
  return { gateway: config("gateway.test"), client: config("client.test") };
}

function eapConfigs(
  random: SeededRandom,
): { readonly gateway: IkeConfig; readonly client: IkeConfig } {
  const env = { random: (count: number) => random.octets(count), tls: undefined };
  const users = new EapUsers([{ identity: "*", password: "secret" }]);
  const methods = [EapType.MSCHAPV2, EapType.MD5_CHALLENGE, EapType.GTC];
  const psk = bothByPsk("a shared secret");
  const gateway: BothAuthConfigs = {
    own: psk.own,
    peer: {
      kind: "eap",
      open: () => openEapServer({ methods, users }, env),
      asksIdentity: true,
    },
  };
  const client: BothAuthConfigs = {
    own: {
      kind: "eap",
      open: () => openEapPeer({ identity: "bob", methods, password: "secret" }, env),
    },
    peer: psk.peer,
  };
  return { gateway: { ...CONFIG, auth: gateway }, client: { ...CONFIG, auth: client } };
}

/** Changes one CERT or AUTH payload, or inserts a CERT of any encoding among the others. */
function changedCertificates(random: SeededRandom): Twist {
  return (m) => {
    const certificates = m.payloads.filter(({ type }) => type === PayloadType.CERT);
    const at = m.payloads.findIndex(({ type }) => type === PayloadType.CERT);
    if (at < 0) return [m.octets];
    const payloads = [...m.payloads];
    // Some peers send copies of one certificate, more of them than are looked at.
    if (random.chance(0.1)) {
      const copies = Array<Payload>(1 + random.below(COPIES_MAX)).fill(random.pick(certificates));
      payloads.splice(at + random.below(certificates.length + 1), 0, ...copies);
      return [m.sealed(payloads)];
    }
    if (random.chance(0.4)) {
      const data = dataOf(random.pick(certificates));
      const url = new TextEncoder().encode("http://pki.test/x");
      const told = random.chance(0.3) ? concat(crypto.sha1(data), url) : data;
      const encoding = 1 + random.below(ENCODINGS);
      const octets = random.chance(0.7) ? mutated(told, random) : told;
      const cert = { type: PayloadType.CERT, encoding, data: nonEmpty(octets) } as Payload;
      // In place of all, before them, or after them.
      const place = random.below(3);
      if (place === 0) {
        return [m.sealed([cert, ...payloads.filter((p) => !certificates.includes(p))])];
      }
      payloads.splice(place === 1 ? at : at + certificates.length, 0, cert);
      return [m.sealed(payloads)];
    }
    const types = random.chance(0.3) ? [PayloadType.AUTH] : [PayloadType.CERT];
    return [m.sealed(changedOne(payloads, types, random))];
  };
}

/** Changes the EAP packet of a message, if it has one. */
function changedEap(random: SeededRandom): Twist {
  return (m) => {
    const has = m.payloads.some(({ type }) => type === PayloadType.EAP);
    // Some packets are not changed, so that the conversation continues to later ones.
    if (!has || random.chance(0.4)) return [m.octets];
    return [m.sealed(changedOne(m.payloads, [PayloadType.EAP], random))];
  };
}

function changedOne(
  payloads: readonly Payload[],
  types: readonly number[],
  random: SeededRandom,
): Payload[] {
  const places = payloads.flatMap(({ type }, i) => types.includes(type as never) ? [i] : []);
  const place = random.pick(places);
  return payloads.map((payload, i) => {
    if (i !== place) return payload;
    return { ...payload, data: nonEmpty(mutated(dataOf(payload), random)) } as Payload;
  });
}

function dataOf(payload: Payload): Uint8Array {
  return (payload as { readonly data: Uint8Array }).data;
}

/** At least one octet, as empty data is refused before it is decoded. */
function nonEmpty(octets: Uint8Array): Uint8Array {
  return octets.length > 0 ? octets : Uint8Array.of(0);
}

function mutated(octets: Uint8Array, random: SeededRandom): Uint8Array {
  const scratch = new Scratch();
  scratch.put(octets);
  for (let n = random.pick([1, 1, 2, 4]); n > 0; n--) mutateOctets(scratch, 0, random);
  return scratch.view().slice(0, 60_000);
}

function keys(): SigningKeyPair {
  return atOnce(crypto.signatures.generate("ed448"));
}

/** Ed448 is synchronous. */
function atOnce<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error("the backend answers later");
  return value;
}
