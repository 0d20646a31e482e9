/** A captured login is read from its file, and replayed as the peer and as the RADIUS server. */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { CaptureError } from "@/base/capture_error.ts";
import { readDatagrams } from "@/base/capture_reader.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import { capturedLogin } from "@/eap/radius/capture.ts";
import { accessRequest, judgeResponse, newRadiusLogin } from "@/eap/radius/login.ts";
import { openReplayPeer, ReplayServer } from "@/eap/radius/replay.ts";
import { EapType } from "@/iana/eap_type.ts";
import { RadiusAttribute } from "@/iana/radius.ts";
import { seededEnv } from "./_talk.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const utf8 = new TextEncoder();
const { random } = seededEnv(9);
const FILE = Deno.readFileSync(new URL("../../vectors/radius/mschapv2.pcap", import.meta.url));
const SECRET = utf8.encode("testing123");
const OWN_SECRET = utf8.encode("of this test");
const LOGIN = capturedLogin(readDatagrams(FILE), SECRET);
/** The first half of the MSK as eapol_test has printed it ("PMK from EAPOL"). */
const MSK_BEGINS = "c38dc7891f263aaf54b70b02d459dce6b7de753b1a5b6ff339024058a5fc57a1";

Deno.test("a capture of hostapd and eapol_test gives the MSK that eapol_test printed", () => {
  assert.equal(LOGIN.userName, "bob");
  assert.equal(LOGIN.method, EapType.MSCHAPV2);
  assert.equal(LOGIN.steps.length, 3);
  assert.equal(toHex(LOGIN.msk!.subarray(0, 32)), MSK_BEGINS);
});

/** Runs one session of a gateway between a peer and a server that both replay the capture. */
function replayed(
  server: ReplayServer,
  session: string,
  { start = false, secret = OWN_SECRET, attribute = RadiusAttribute.CALLING_STATION_ID as number } =
    {},
): { readonly peer: EapAnswer; readonly gateway: EapAnswer } | string {
  const attributes = [{ type: attribute, value: utf8.encode(session) }];
  const login = newRadiusLogin({ server: "s", secret, nasIdentifier: "n", attributes, random }, "");
  const peer = openReplayPeer(LOGIN);
  let packet: Uint8Array = new Uint8Array(0);
  if (!start) {
    // The gateway asks for the identity itself, before it talks to the server.
    const asked = peer.step(hex("01 77 0005 01"));
    assert.ok(asked.kind === "send" && asked.octets[1] === 0x77);
    packet = asked.octets;
  }
  for (let identifier = 0; identifier < 9; identifier++) {
    const request = accessRequest(login, identifier, packet);
    const { octets, note } = server.receive(request.octets);
    if (!octets) return note!;
    const verdict = judgeResponse(login, request, octets);
    assert.ok(verdict.kind === "answer", JSON.stringify(verdict));
    const gateway = verdict.answer;
    if (gateway.kind === "failed") return note ?? gateway.why;
    const said = peer.step((gateway as { octets: Uint8Array }).octets);
    if (gateway.kind !== "send" || said.kind !== "send") return { peer: said, gateway };
    packet = said.octets;
  }
  throw new Error("it does not end");
}

const SETTINGS = {
  secret: OWN_SECRET,
  sessionAttribute: RadiusAttribute.CALLING_STATION_ID,
  random,
};

Deno.test("a captured login is replayed on both sides, in several sessions, with one MSK", () => {
  const server = new ReplayServer(LOGIN, SETTINGS);
  for (const [session, start] of [["a", false], ["b", true], ["a", false]] as const) {
    const ended = replayed(server, session, { start });
    assert.ok(typeof ended !== "string", `${ended}`);
    const { peer, gateway } = ended;
    assert.ok(peer.kind === "succeeded" && gateway.kind === "succeeded");
    assert.deepEqual(peer.outcome.msk, LOGIN.msk);
    assert.deepEqual(gateway.outcome.msk, LOGIN.msk);
    assert.equal(peer.outcome.identity, "bob");
    assert.equal(peer.outcome.methodName, "EAP-MSCHAPv2");
  }
});

Deno.test("a request without the session attribute, or by another secret, is refused", () => {
  const server = new ReplayServer(LOGIN, SETTINGS);
  const other = { attribute: RadiusAttribute.CALLED_STATION_ID };
  assert.match(`${replayed(server, "a", other)}`, /no CALLING_STATION_ID, which tells sessions/);
  assert.match(`${replayed(server, "a", { secret: SECRET })}`, /wrong: is eapradiusss the same/);
  assert.equal(server.receive(hex("00")).octets, undefined);
});

Deno.test("packets that differ from the capture are refused by both sides", () => {
  const peer = openReplayPeer(LOGIN);
  peer.step(hex("01 01 0005 01"));
  const other = peer.step(hex("01 02 0006 06 41"));
  assert.ok(other.kind === "failed");
  assert.match(other.why, /eap-file fails: request 2 of the server is not that of the capture/);
  const early = openReplayPeer(LOGIN).step(hex("03 01 0004"));
  assert.ok(early.kind === "failed" && /before the capture's end/.test(early.why));
  const server = new ReplayServer(LOGIN, SETTINGS);
  const attributes = [{ type: RadiusAttribute.CALLING_STATION_ID, value: hex("01") }];
  const settings = { server: "s", secret: OWN_SECRET, nasIdentifier: "n", attributes, random };
  const request = accessRequest(newRadiusLogin(settings, "x"), 1, hex("02 01 0008 01 657665"));
  assert.match(server.receive(request.octets).note!, /EAP packet 1 is not that of the capture/);
});

const LITTLE = true;

/** A block of pcapng, with its length at both ends. */
function blockOf(type: number, body: Uint8Array, little: boolean): Uint8Array {
  const length = 12 + Math.ceil(body.length / 4) * 4;
  const octets = new Uint8Array(length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, type, little);
  view.setUint32(4, length, little);
  octets.set(body, 8);
  view.setUint32(length - 4, length, little);
  return octets;
}

function words(little: boolean, ...numbers: number[]): Uint8Array {
  const octets = new Uint8Array(4 * numbers.length);
  const view = new DataView(octets.buffer);
  for (const [i, number] of numbers.entries()) view.setUint32(4 * i, number, little);
  return octets;
}

const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** The block of a frame of FILE, as Wireshark writes them by default, or as a simple one. */
function frameBlock(index: number, little: boolean, isSimple = false): Uint8Array {
  const frame = FRAMES[index]!;
  const { length } = frame;
  const head = isSimple ? words(little, length) : words(little, 0, 0, 0, length, length);
  return blockOf(isSimple ? 3 : 6, joined(head, frame), little);
}

/** The frames of FILE, which is little-endian pcap with link type 1. */
const FRAMES: Uint8Array[] = [];
for (let at = 24; at < FILE.length;) {
  const length = new DataView(FILE.buffer, FILE.byteOffset).getUint32(at + 8, LITTLE);
  FRAMES.push(FILE.subarray(at + 16, at + 16 + length));
  at += 16 + length;
}

/** A file of one section with these blocks and one interface, or none. */
function pcapng(little: boolean, blocks: readonly Uint8Array[], interfaces = 1): Uint8Array {
  const section = words(little, 0x1a2b3c4d, little ? 1 : 0x10000, 0xffffffff, 0xffffffff);
  const device = new Uint8Array(8);
  new DataView(device.buffer).setUint16(0, 1, little);
  return joined(
    blockOf(0x0a0d0d0a, section, little),
    ...Array.from({ length: interfaces }, () => blockOf(1, device, little)),
    ...blocks,
  );
}

Deno.test("a capture in pcapng, as Wireshark writes it, has the same login in both byte orders", () => {
  const expected = capturedLogin(readDatagrams(FILE), SECRET);
  for (const little of [true, false]) {
    // Statistics of an interface and other blocks are skipped.
    const other = blockOf(5, words(little, 0, 0, 0), little);
    const blocks = FRAMES.map((_, i) => frameBlock(i, little, i % 3 === 0));
    const file = pcapng(little, [other, ...blocks, other]);
    assert.deepEqual(capturedLogin(readDatagrams(file), SECRET), expected);
    // Sections that follow each other are read as one file is.
    const half = FRAMES.length >> 1;
    const sections = joined(
      pcapng(little, blocks.slice(0, half)),
      pcapng(!little, FRAMES.slice(half).map((_, i) => frameBlock(half + i, !little))),
    );
    assert.deepEqual(capturedLogin(readDatagrams(sections), SECRET), expected);
  }
});

Deno.test("captures that cannot be used are refused with the reason", () => {
  const datagrams = readDatagrams(FILE);
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => capturedLogin(datagrams, OWN_SECRET), /is its secret another\?/],
    [() => capturedLogin([], SECRET), /Cannot find a RADIUS login/],
    [() => capturedLogin(datagrams.slice(0, 4), SECRET), /Cannot find the Access-Accept/],
    [() => capturedLogin([...datagrams, ...datagrams], SECRET), /more than one login/],
    [() => readDatagrams(FILE.subarray(0, 20)), /capture of 20 octets/],
    [() => readDatagrams(FILE.subarray(0, 100)), /Cannot read a cut capture/],
    [() => readDatagrams(FILE.subarray(0, FILE.length - 1)), /Cannot read a cut capture/],
    [() => readDatagrams(hex(`0a0d0d0a${"00".repeat(30)}`)), /section of byte order 0/],
    [
      () => readDatagrams(pcapng(LITTLE, [hex("06000000 10000000 00000000 10000000")])),
      /Cannot read a cut capture/,
    ],
    [
      () => readDatagrams(pcapng(LITTLE, [hex("06000000 0d000000 00000000 0d000000")])),
      /of 13 oct/,
    ],
    [() => readDatagrams(pcapng(LITTLE, [hex("01000000 0c000000 0c000000")])), /an interface/],
    [() => readDatagrams(pcapng(LITTLE, [frameBlock(0, LITTLE)], 0)), /Cannot find interface 0/],
    [() => readDatagrams(hex(`ffffffff${"00".repeat(30)}`)), /begins with ffffffff/],
  ];
  for (const [work, fault] of cases) {
    assert.throws(work, (e: Error) => {
      assert.ok(e instanceof CaptureError, e.message);
      assert.match(e.message, fault);
      return true;
    });
  }
});
