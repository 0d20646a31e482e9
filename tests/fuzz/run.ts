/**
 * The fuzzer: decoders get mutated octets; what they accept must round-trip through the encoder, what they
 * refuse must be refused by a WireError. The same seed gives the same messages on every machine.
 * @module
 */
import { sameOctets, toHex, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import { nameOfPayload, PayloadType } from "@/iana/payload_type.ts";
import { checkExchange } from "@/wire/exchange_rules.ts";
import {
  decodeHeader,
  decodeMessage,
  decodePayloads,
  encodeHeader,
  encodeMessage,
  encodePayloads,
  findPayload,
  HEADER_OCTETS,
  type Payload,
  payloadCodecs,
  setFirstPayload,
  setMessageLength,
} from "@/wire/message.ts";
import { openMessage, type Protection, sealContent } from "@/wire/protected.ts";
import { showBrief, showMessage } from "@/wire/show.ts";
import { buildCorpus, type Corpus } from "./corpus.ts";
import { buildChain, mutateOctets, Scratch } from "./mutate.ts";

/** Calls of one decoder; those that were not refused were accepted. */
export interface Tally {
  readonly name: string;
  calls: number;
  accepted: number;
  refused: number;
}

/** The counts of a run. */
export interface FuzzResult {
  readonly messages: number;
  /** Messages that were changed inside a decrypted chain, with corrected lengths. */
  readonly chains: number;
  readonly decoders: readonly Tally[];
}

/** A violation of the fuzzer's conditions, with what is needed to repeat it. */
export class FuzzFailure extends Error {
  override name = "FuzzFailure";
}

interface Run {
  readonly random: SeededRandom;
  readonly corpus: Corpus;
  readonly scratch: Scratch;
  readonly tallies: Map<string, Tally>;
  chains: number;
  /** Whether codecs are called with mutated octets at present, and not for a comparison. */
  counting: boolean;
}

const HEADER = {
  spiI: 0x1122334455667788n,
  spiR: 0x99aabbccddeeff00n,
  exchange: 35,
  messageId: 1,
  initiator: true,
  response: false,
};
/** Probabilities of changes in addition to the one that is always made. */
const CHANGE = { body: 0.08, order: 0.03 };
/** The interval of messages that are also shown as text. */
const SHOWN_EVERY = 64;

/**
 * Decodes `messages` mutated messages.
 * @throws {FuzzFailure} at the first violation.
 */
export function runFuzz(
  { messages, seed, progress }: {
    readonly messages: number;
    readonly seed: number;
    readonly progress?: (done: number) => void;
  },
): FuzzResult {
  const random = new SeededRandom(seed);
  const run: Run = {
    random,
    corpus: buildCorpus(random),
    scratch: new Scratch(),
    tallies: new Map(),
    chains: 0,
    counting: false,
  };
  const unwatch = watchCodecs(run);
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // The stack is not captured, as a million of these errors are thrown.
  try {
    for (let i = 0; i < messages; i++) {
      oneMessage(run, { index: i, seed });
      if (progress && i % 1_000_000 === 999_999) progress(i + 1);
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    unwatch();
  }
  const decoders = [...run.tallies.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  return { messages, chains: run.chains, decoders };
}

function oneMessage(run: Run, at: { readonly index: number; readonly seed: number }): void {
  const { scratch, random } = run;
  scratch.length = 0;
  try {
    // Seven of ten messages change a decrypted chain.
    const kind = random.below(10);
    if (kind < 6) insideChain(run, at.index);
    else if (kind < 7) sealedChain(run);
    else if (kind < 9) datagram(run);
    else header(run);
  } catch (e) {
    const what = e instanceof Error ? `${e.name}: ${e.message}` : String(e);
    throw new FuzzFailure(
      `Message ${at.index} of seed ${at.seed}: ${what}: ${toHex(scratch.view())}`,
      { cause: e },
    );
  }
}

/** Mutates a decrypted chain inside, with corrected generic headers. */
function insideChain(run: Run, index: number): void {
  const { scratch, corpus, random } = run;
  run.chains++;
  const first = buildChain(scratch, random.pick(corpus.chains), { corpus, change: CHANGE, random });
  const octets = scratch.view();
  const payloads = attempt(run, "chain", () => decodePayloads(first, octets));
  if (!payloads) return;
  comesBack(first, payloads);
  attempt(run, "exchange rules", () => checkExchange(34 + index % 4, index % 8 < 4, payloads));
  if (index % SHOWN_EVERY === 0) {
    showMessage(HEADER, payloads);
    showBrief(HEADER, payloads);
  }
}

/** Encrypts the same chain, or other octets, by a cipher that hides nothing. */
function sealedChain(run: Run): void {
  const { scratch, corpus, random } = run;
  run.chains++;
  const first = buildChain(scratch, random.pick(corpus.chains), { corpus, change: CHANGE, random });
  const content = scratch.view();
  const padding = random.octets(random.below(20));
  const sealing = { protection: CLEAR, iv: new Uint8Array(8), padding };
  const datagram = sealContent(HEADER, { firstType: first, content }, sealing);
  // Pad Length is the last octet before the ICV.
  if (random.chance(0.3)) datagram[datagram.length - 5] = random.u32();
  const opened = attempt(run, "sealed message", () => {
    const sk = findPayload(decodeMessage(datagram).payloads, PayloadType.SK)!;
    const message = openMessage(datagram, sk, CLEAR);
    if (!message) throw new Error("an authentic message is dropped");
    return message;
  });
  if (opened) comesBack(first, opened.payloads);
}

/** Changes a captured datagram, or an unencrypted chain, anywhere; Length is mostly corrected. */
function datagram(run: Run): void {
  const { scratch, corpus, random } = run;
  if (random.chance(0.7)) {
    scratch.put(random.pick(corpus.datagrams));
    // Encrypted octets are opaque here, so that changes are made where the decoder looks.
    const reach = random.chance(0.7) ? Math.min(scratch.length, 48) : scratch.length;
    const rest = scratch.octets.slice(reach, scratch.length);
    scratch.length = reach;
    mutateOctets(scratch, random.chance(0.7) ? HEADER_OCTETS : 0, random);
    scratch.put(rest);
  } else {
    scratch.put(encodeMessage(HEADER, []));
    const first = buildChain(scratch, random.pick(corpus.chains), {
      corpus,
      change: CHANGE,
      random,
    });
    scratch.octets[16] = first;
    if (random.chance(0.5)) mutateOctets(scratch, HEADER_OCTETS, random);
  }
  if (random.chance(0.9)) repairLength(scratch);
  if (random.chance(0.7)) repairOuterLength(scratch);
  const octets = scratch.view();
  const message = attempt(run, "message", () => decodeMessage(octets));
  if (!message) return;
  const again = encodeMessage(message.header, message.payloads);
  const second = decodeMessage(again);
  if (!same(message.payloads, second.payloads)) {
    throw new Error("payloads change on their way back");
  }
  if (!same({ ...message.header, length: 0 }, { ...second.header, length: 0 })) {
    throw new Error("the header changes on its way back");
  }
}

/** Changes a header, and corrects it or not. */
function header(run: Run): void {
  const { scratch, corpus, random } = run;
  scratch.put(random.pick(corpus.datagrams));
  scratch.length = Math.min(scratch.length, HEADER_OCTETS + random.below(8));
  for (let n = 1 + random.below(3); n > 0; n--) mutateOctets(scratch, 0, random);
  if (random.chance(0.8)) repairLength(scratch);
  const octets = scratch.view();
  const decoded = attempt(run, "header", () => decodeHeader(octets));
  if (!decoded) return;
  const w = new Writer(64);
  encodeHeader(decoded, w);
  setFirstPayload(w, decoded.nextPayload);
  setMessageLength(w, decoded.length);
  const again = octets.slice();
  again.set(w.done());
  if (!same(decoded, decodeHeader(again))) throw new Error("the header changes on its way back");
}

/** Sets the header's Length if there is room for it. */
function repairLength({ octets, length }: Scratch): void {
  if (length < HEADER_OCTETS) return;
  for (let i = 0; i < 4; i++) octets[24 + i] = length >>> 24 - 8 * i;
}

/** Sets the length of an SK or SKF payload that stands alone. */
function repairOuterLength({ octets, length }: Scratch): void {
  const alone = octets[16] === PayloadType.SK || octets[16] === PayloadType.SKF;
  if (!alone || length < HEADER_OCTETS + 4) return;
  octets[HEADER_OCTETS + 2] = length - HEADER_OCTETS >>> 8;
  octets[HEADER_OCTETS + 3] = length - HEADER_OCTETS;
}

/** Checks that an accepted chain round-trips, and so does its encoding. */
function comesBack(first: number, payloads: readonly Payload[]): void {
  const w = new Writer(2048);
  const firstAgain = encodePayloads(payloads, w);
  const octets = w.done();
  if (firstAgain !== first) throw new Error(`the first type ${first} becomes ${firstAgain}`);
  const again = decodePayloads(first, octets);
  if (!same(payloads, again)) throw new Error("payloads change on their way back");
}

/** Counts a call; undefined if it was refused. Any error other than a WireError is thrown on. */
function attempt<T>(run: Run, name: string, decode: () => T): T | undefined {
  const tally = tallyOf(run, name);
  tally.calls++;
  run.counting = true;
  try {
    const value = decode();
    tally.accepted++;
    return value;
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    tally.refused++;
    return undefined;
  } finally {
    run.counting = false;
  }
}

function tallyOf({ tallies }: Run, name: string): Tally {
  const known = tallies.get(name);
  if (known) return known;
  const fresh = { name, calls: 0, accepted: 0, refused: 0 };
  tallies.set(name, fresh);
  return fresh;
}

/** Counts the calls of each payload codec with mutated octets; returns a function that undoes this. */
function watchCodecs(run: Run): () => void {
  const undo: (() => void)[] = [];
  for (const codec of payloadCodecs()) {
    const watched = codec as { decode: typeof codec.decode };
    const { decode } = codec;
    const tally = tallyOf(run, nameOfPayload(codec.type));
    watched.decode = (body) => {
      if (!run.counting) return decode(body);
      tally.calls++;
      try {
        const payload = decode(body);
        body.end();
        tally.accepted++;
        return payload;
      } catch (e) {
        tally.refused++;
        throw e;
      }
    };
    undo.push(() => watched.decode = decode);
  }
  return () => undo.forEach((put) => put());
}

/** Deep equality of plain records, lists and octets. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameOctets(a, b);
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!same(a[i], b[i])) return false;
    return true;
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  let fields = 0;
  for (const key in left) {
    if (key !== "offset" && !same(left[key], right[key])) return false;
    fields++;
  }
  for (const _ in right) fields--;
  return fields === 0;
}

/** A cipher that changes nothing, with an ICV that proves nothing. */
const CLEAR: Protection = {
  cipher: {
    ivOctets: 8,
    blockOctets: 1,
    icvOctets: 4,
    sealInPlace: () => {},
    open: (_key, _iv, _aad, sealed) => sealed.subarray(0, sealed.length - 4),
  },
  encryptionKey: new Uint8Array(0),
  integrity: undefined,
  integrityKey: new Uint8Array(0),
};
