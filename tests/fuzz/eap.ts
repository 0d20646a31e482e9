/**
 * The fuzzer of EAP and RADIUS: conversations of every method in which packets are changed on the way, and
 * mutated octets for every codec. Both ends answer whatever arrives, and nothing is thrown.
 * @module
 */
import { concat, sameOctets, toHex } from "@/base/bytes.ts";
import { CaptureError } from "@/base/capture_error.ts";
import { readDatagrams, readIpPackets } from "@/base/capture_reader.ts";
import { WireError } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import { EapRefusal } from "@/eap/failure.ts";
import type { EapCredentials, EapEnvironment, InnerMethod } from "@/eap/method.ts";
import { decodeEap, encodeEap } from "@/eap/packet.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { capturedLogin } from "@/eap/radius/capture.ts";
import { RadiusFrontEnd } from "@/eap/radius/front_end.ts";
import { accessRequest, judgeResponse, newRadiusLogin } from "@/eap/radius/login.ts";
import { decodeRadius, encodeRadius } from "@/eap/radius/packet.ts";
import { mskIn } from "@/eap/radius/secret.ts";
import { openEapServer } from "@/eap/server.ts";
import { decodeSim, encodeSim } from "@/eap/sim/attributes.ts";
import { newSimCard } from "@/eap/sim/card.ts";
import { SimRegister } from "@/eap/sim/register.ts";
import { decodeAvps, encodeAvps } from "@/eap/tls/avp.ts";
import { decodeExtensions } from "@/eap/tls/peap_tlv.ts";
import { newFragments, takePacket } from "@/eap/tls/fragments.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { fileHead, packetBlock } from "@/report/pcapng.ts";
import { loadLibssl } from "@/native/libssl.ts";
import { FuzzFailure, type Tally } from "./run.ts";
import { mutateOctets, Scratch } from "./mutate.ts";

const SECRET = new TextEncoder().encode("testing123");
const K = new Uint8Array(16).fill(7);
const OPC = new Uint8Array(16).fill(9);
const IMSI = "232010000000000";
/** The most steps of one conversation; one with more does not end. */
const STEPS_MAX = 500;
const pem = (name: string) => Deno.readTextFileSync(new URL(`../api/tls/${name}`, import.meta.url));
const TLS = loadLibssl();

interface Method {
  readonly name: string;
  readonly type: number;
  readonly inner?: InnerMethod;
}

const METHODS: readonly Method[] = [
  { name: "MD5", type: EapType.MD5_CHALLENGE },
  { name: "GTC", type: EapType.GTC },
  { name: "MSCHAPv2", type: EapType.MSCHAPV2 },
  { name: "SIM", type: EapType.SIM },
  { name: "AKA", type: EapType.AKA },
  { name: "AKA'", type: EapType.AKA_PRIME },
];
/** Methods with a TLS handshake, which is expensive, so that they are tried less often. */
const TLS_METHODS: readonly Method[] = [
  { name: "TLS", type: EapType.TLS },
  { name: "TTLS, MSCHAPv2", type: EapType.TTLS, inner: "mschapv2" },
  { name: "TTLS, PAP", type: EapType.TTLS, inner: "pap" },
  { name: "PEAP, MD5", type: EapType.PEAP, inner: "md5" },
];
const TLS_EVERY = 25;
/** The most packets from which codecs are fuzzed. */
const CORPUS_MAX = 400;

/** The counts of a run: conversations by method, and calls by codec. */
export interface EapFuzzResult {
  readonly rounds: number;
  readonly tallies: readonly Tally[];
}

interface Run {
  random: SeededRandom;
  readonly env: EapEnvironment;
  readonly scratch: Scratch;
  readonly tallies: Map<string, Tally>;
  /** Packets of conversations, for the codecs. */
  readonly corpus: Uint8Array[];
  readonly register: SimRegister;
}

/**
 * Runs `rounds` rounds: each has one conversation, and octets for each codec. @throws {FuzzFailure} at the
 * first violation.
 */
export function runEapFuzz(
  { rounds, seed }: { readonly rounds: number; readonly seed: number },
): EapFuzzResult {
  const run: Run = {
    random: new SeededRandom(seed),
    env: { random: (count: number) => run.random.octets(count), tls: TLS },
    scratch: new Scratch(),
    tallies: new Map(),
    corpus: [],
    register: new SimRegister(),
  };
  for (let round = 0; round < rounds; round++) {
    // As TLS draws random numbers of its own, each round begins with a seed of its own, so that other rounds
    // can be repeated.
    run.random = new SeededRandom(seed * 1_000_003 + round);
    const method = run.random.pick(METHODS);
    attempt(round, seed, method.name, () => conversation(run, method));
    if (TLS && round % TLS_EVERY === 0) {
      const tunnel = run.random.pick(TLS_METHODS);
      attempt(round, seed, tunnel.name, () => conversation(run, tunnel));
      run.random = new SeededRandom(seed * 1_000_003 - round);
    }
    for (const codec of CODECS) attempt(round, seed, codec.name, () => octets(run, codec));
    attempt(round, seed, "RADIUS", () => radius(run));
  }
  return { rounds, tallies: [...run.tallies.values()] };
}

function attempt(round: number, seed: number, name: string, work: () => void): void {
  try {
    work();
  } catch (e) {
    const what = e instanceof Error ? `${e.name}: ${e.message}` : String(e);
    throw new FuzzFailure(`Round ${round} of seed ${seed}, ${name}: ${what}`, { cause: e });
  }
}

/** Runs one conversation, in which packets are changed with some probability. */
function conversation(run: Run, method: Method): void {
  const { random, env, corpus } = run;
  const tally = tallyOf(run, method.name);
  const own = credentials(method);
  const chance = random.pick([0, 0.2, 0.5, 1]);
  const users = new EapUsers([
    { identity: "bob", password: "secret" },
    { identity: IMSI, sim: { k: K, opc: OPC, sqn: 0n } },
  ]);
  const tls = settingsOf("server", method);
  const peer = openEapPeer(own, env);
  const server = openEapServer({ methods: [method.type], users, tls, register: run.register }, env);
  const changed = (packet: Uint8Array) => random.chance(chance) ? mutated(run, packet) : packet;
  let atServer = server.start(random.chance(0.5) ? own.identity : undefined);
  let atPeer: EapAnswer;
  const keeps = METHODS.includes(method);
  let steps = 0;
  let whole = true;
  for (;;) {
    if (++steps > STEPS_MAX) throw new Error("it does not end");
    const octets = "octets" in atServer ? atServer.octets : undefined;
    if (!octets) break;
    if (keeps && corpus.length < CORPUS_MAX) corpus.push(octets);
    const arrives = changed(octets);
    whole &&= arrives === octets;
    atPeer = peer.step(arrives);
    if (atPeer.kind !== "send") break;
    if (keeps && corpus.length < CORPUS_MAX) corpus.push(atPeer.octets);
    const comes = changed(atPeer.octets);
    whole &&= comes === atPeer.octets;
    if (atServer.kind !== "send") break;
    atServer = server.step(comes);
    if (atServer.kind === "discarded") break;
  }
  peer.close();
  server.close();
  tally.calls++;
  if (atServer.kind === "succeeded") tally.accepted++;
  else tally.refused++;
  if (whole && atServer.kind !== "succeeded") throw new Error(JSON.stringify(atServer));
}

function credentials({ type, inner }: Method): EapCredentials {
  const digits: Readonly<Record<number, string>> = {
    [EapType.SIM]: "1",
    [EapType.AKA]: "0",
    [EapType.AKA_PRIME]: "6",
  };
  const digit = digits[type];
  return {
    identity: digit === undefined ? "bob" : `${digit}${IMSI}`,
    methods: [type],
    password: "secret",
    sim: newSimCard({ k: K, opc: OPC }, 0n),
    tls: settingsOf("client", { type }),
    inner,
  };
}

const SETTINGS = new Map(
  (["server", "client"] as const).map((name) => [name, {
    anchors: pem("authority.pem"),
    certificate: pem(`${name}.pem`),
    key: pem(`${name}.key`),
    versionMax: 0x0304,
  }]),
);

function settingsOf(name: "server" | "client", { type }: { readonly type: number }) {
  const isTls = ([EapType.TLS, EapType.TTLS, EapType.PEAP] as number[]).includes(type);
  return isTls ? SETTINGS.get(name) : undefined;
}

/** A codec, which refuses octets by its documented errors, or round-trips. */
interface Codec {
  readonly name: string;
  /** The offset of its octets in an EAP packet. */
  readonly from: number;
  /** Decodes octets, and encodes the result if that is possible. */
  decode(octets: Uint8Array): Uint8Array | undefined;
  again?: boolean;
}

const CODECS: readonly Codec[] = [
  { name: "EAP packet", from: 0, decode: (octets) => encodeEap(decodeEap(octets)), again: true },
  {
    name: "SIM and AKA attributes",
    from: 5,
    decode(octets) {
      const { subtype, attributes } = decodeSim(octets);
      return encodeSim(subtype, attributes);
    },
    again: true,
  },
  { name: "TTLS AVPs", from: 5, decode: (octets) => encodeAvps(decodeAvps(octets)), again: true },
  {
    name: "TLS fragments",
    from: 5,
    decode(octets) {
      takePacket(newFragments(), octets);
      return undefined;
    },
  },
  {
    name: "PEAP extensions",
    from: 0,
    decode(octets) {
      if (octets.length >= 5) decodeExtensions(octets);
      return undefined;
    },
  },
];

function octets(run: Run, codec: Codec): void {
  const { random, corpus } = run;
  const tally = tallyOf(run, codec.name);
  const input = mutated(run, random.pick(corpus)).slice(codec.from);
  tally.calls++;
  let once: Uint8Array | undefined;
  try {
    once = codec.decode(input);
    tally.accepted++;
  } catch (e) {
    if (!(e instanceof WireError) && !(e instanceof EapRefusal)) throw e;
    tally.refused++;
    return;
  }
  if (!codec.again || !once) return;
  const twice = codec.decode(once)!;
  if (!sameOctets(once, twice)) throw new Error(`${toHex(once)} becomes ${toHex(twice)}`);
}

/** Fuzzes requests to our RADIUS front end, responses to our client, and a capture. */
function radius(run: Run): void {
  const { random, env, corpus } = run;
  const tally = tallyOf(run, "RADIUS");
  const settings = { server: "s", secret: SECRET, nasIdentifier: "n", attributes: [] };
  const login = newRadiusLogin({ ...settings, random: env.random }, "bob");
  login.method = random.pick([undefined, EapType.MSCHAPV2, EapType.MD5_CHALLENGE]);
  const request = accessRequest(login, random.below(256), random.pick(corpus).slice(0, 1_000));
  const users = new EapUsers([{ identity: "bob", password: "secret" }]);
  const face = new RadiusFrontEnd({
    secret: SECRET,
    random: env.random,
    open: () => openEapServer({ methods: [EapType.MSCHAPV2], users }, env),
  });
  tally.calls++;
  const changed = random.chance(0.5) ? mutated(run, request.octets) : request.octets;
  const { octets: reply } = face.receive(changed, "n:1", 0);
  if (reply) tally.accepted++;
  else tally.refused++;
  const answer = reply ?? request.octets;
  judgeResponse(login, request, mutated(run, answer));
  try {
    const packet = decodeRadius(mutated(run, answer));
    const again = decodeRadius(encodeRadius(packet));
    if (again.attributes.length !== packet.attributes.length) throw new Error("attributes change");
    mskIn(packet, request.authenticator, SECRET);
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
  }
  face.close();
  if (random.chance(0.05)) capture(run);
}

const CAPTURE = Deno.readFileSync(new URL("../vectors/radius/mschapv2.pcap", import.meta.url));

/** The same capture as pcapng. */
const AS_PCAPNG = concat(
  fileHead("a test"),
  ...readIpPackets(CAPTURE).map((packet) => packetBlock(packet, { sent: true, epochMs: 0 })),
);

function capture(run: Run): void {
  const tally = tallyOf(run, "capture");
  tally.calls++;
  try {
    const file = run.random.chance(0.5) ? CAPTURE : AS_PCAPNG;
    capturedLogin(readDatagrams(mutated(run, file)), SECRET);
    tally.accepted++;
  } catch (e) {
    const known = e instanceof CaptureError || e instanceof EapRefusal || e instanceof WireError;
    if (!known) throw e;
    tally.refused++;
  }
}

/** A copy of a packet with one or more changes. */
function mutated({ scratch, random }: Run, packet: Uint8Array): Uint8Array {
  scratch.length = 0;
  scratch.put(packet);
  for (let n = random.pick([1, 1, 1, 2, 4]); n > 0; n--) mutateOctets(scratch, 0, random);
  // The length fields of EAP and RADIUS are mostly corrected, so that the fields after them are decoded.
  if (random.chance(0.8) && scratch.length >= 4) {
    scratch.octets[2] = scratch.length >>> 8;
    scratch.octets[3] = scratch.length;
  }
  return scratch.view().slice();
}

function tallyOf({ tallies }: Run, name: string): Tally {
  const known = tallies.get(name);
  if (known) return known;
  const fresh = { name, calls: 0, accepted: 0, refused: 0 };
  tallies.set(name, fresh);
  return fresh;
}
