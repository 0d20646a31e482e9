/** The readers of what libreswan says, on lines as libreswan 4.10 and `accept_sas.c` write them. */
import assert from "node:assert/strict";
import { featuresOf } from "../../interop/features.ts";
import { Matrix } from "../../interop/matrix.ts";
import type { Outcome } from "../../interop/lane.ts";
import { conn, ikeWords, type LibreswanRow } from "../../interop/libreswan_row.ts";
import { parseAccepted, parseIkeKeys, parseStates } from "../../interop/libreswan.ts";
import { MODERN, PLAIN, SUITES } from "../../interop/suites.ts";

const STATES = `
000 #3: "net":500 STATE_V2_ESTABLISHED_CHILD_SA (established Child SA); REKEY in 27906s; IKE SA #4; idle;
000 #3: "net" esp.5b18e81@10.77.0.2 esp.cee601b7@10.77.0.1 tun.0@10.77.0.2 tun.0@10.77.0.1 Traffic: ESPin=0B
000 #4: "net":500 STATE_V2_ESTABLISHED_IKE_SA (established IKE SA); REKEY in 28183s; newest; idle;
000 #5: "net" esp:98495a5c@fd77::2 esp:1@fd77::1 tun:0@fd77::2
`;

const KEYS = `
Nov 23 06:04:37.388: | ikev2 I 0xab51dec0c4a3c4ae 0x9b209cb87f3c95ca none: aes_gcm_16128:0x0585
Nov 23 06:04:37.388: | ikev2 R 0xab51dec0c4a3c4ae 0x9b209cb87f3c95ca none: aes_gcm_16128:0x4993
Nov 23 06:02:05.470: | ikev2 I 0x538637c54f0b51d6 0xd6bd6c06106cab9a sha256:0xff68 aes128:0x5b36
Nov 23 06:02:05.470: | ikev2 R 0x538637c54f0b51d6 0xd6bd6c06106cab9a sha256:0x4efe aes128:0xbd7e
`;

Deno.test("states of pluto, with the SPIs of CHILD_SAs in 8 digits", () => {
  assert.deepEqual(parseStates(STATES), [
    { serial: 3, state: "V2_ESTABLISHED_CHILD_SA", spis: ["05b18e81", "cee601b7"] },
    { serial: 4, state: "V2_ESTABLISHED_IKE_SA", spis: [] },
  ]);
});

Deno.test("states of version 5 have no names, and are known by their words", () => {
  const text = `
#1: "net":500 established IKE SA; EXPIRE in 28799s; newest; idle;
#2: "net":500 established Child SA; EXPIRE in 28799s; newest; eroute owner; IKE SA #1; idle;
#2: "net" esp.4d294c98@10.77.0.2 esp.e1bf3bc5@10.77.0.1 tun.0@10.77.0.2 tun.0@10.77.0.1 Traffic:
#3: "net":500 sent IKE_AUTH(EAP) response; DISCARD in 29s; idle;
`;
  assert.deepEqual(parseStates(text), [
    { serial: 1, state: "V2_ESTABLISHED_IKE_SA", spis: [] },
    { serial: 2, state: "V2_ESTABLISHED_CHILD_SA", spis: ["4d294c98", "e1bf3bc5"] },
    { serial: 3, state: "sent IKE_AUTH(EAP) response", spis: [] },
  ]);
});

Deno.test("states of connections that were made for one peer have its address behind their number", () => {
  const text = `
#1: "net"[1] 10.77.0.2:500 established IKE SA; EXPIRE in 28799s; newest; idle;
#2: "net"[1] fd77::2:4500 established Child SA; EXPIRE in 28799s; newest; IKE SA #1; idle;
#2: "net"[1] 10.77.0.2 esp.4d294c98@10.77.0.2 esp.e1bf3bc5@10.77.0.1 Traffic:
`;
  assert.deepEqual(parseStates(text), [
    { serial: 1, state: "V2_ESTABLISHED_IKE_SA", spis: [] },
    { serial: 2, state: "V2_ESTABLISHED_CHILD_SA", spis: ["4d294c98", "e1bf3bc5"] },
  ]);
});

Deno.test("SPIs of IPv6 are written with a colon", () => {
  const child = `000 #5: "net":500 STATE_V2_ESTABLISHED_CHILD_SA (established Child SA);\n`;
  assert.deepEqual(parseStates(child + STATES).find(({ serial }) => serial === 5)?.spis, [
    "98495a5c",
    "00000001",
  ]);
});

Deno.test("keys of IKE SAs, with an AEAD and without", () => {
  assert.deepEqual(parseIkeKeys(KEYS), [
    {
      spiI: "ab51dec0c4a3c4ae",
      spiR: "9b209cb87f3c95ca",
      skAi: "",
      skAr: "",
      skEi: "0585",
      skEr: "4993",
    },
    {
      spiI: "538637c54f0b51d6",
      spiR: "d6bd6c06106cab9a",
      skAi: "ff68",
      skAr: "4efe",
      skEi: "5b36",
      skEr: "bd7e",
    },
  ]);
});

Deno.test("SAs that the kernel was asked for", () => {
  const text = "protocol=50 spi=9fb63089 mode=tunnel esn=1 aead=rfc4106(gcm(aes)):5241\n" +
    "protocol=51 spi=0dce4113 mode=transport esn=0 auth=hmac(sha256):a923 encap=udp\n";
  assert.deepEqual(parseAccepted(text), [
    {
      protocol: 50,
      spi: "9fb63089",
      mode: "tunnel",
      esn: true,
      encapsulated: false,
      encryption: "5241",
      integrity: "",
    },
    {
      protocol: 51,
      spi: "0dce4113",
      mode: "transport",
      esn: false,
      encapsulated: true,
      encryption: "",
      integrity: "a923",
    },
  ]);
});

Deno.test("suites in libreswan's words; a PRF of its own is named, to be refused", () => {
  assert.equal(ikeWords(PLAIN), "aes_128-sha2_256-dh14");
  assert.equal(ikeWords(MODERN), "aes_gcm_c_128-sha2_256-dh31");
  assert.equal(ikeWords(SUITES[8]!), "aes_256-md5-sha2_512-dh27");
});

Deno.test("what a row adds to the connection replaces the default", () => {
  const text = conn({ extra: ["pfs=yes"] });
  assert.match(text, /^ {4}pfs=yes$/m);
  assert.doesNotMatch(text, /pfs=no/);
  assert.match(text, /^ {4}rekey=no$/m);
});

function outcome(row: Partial<LibreswanRow>, result: Outcome["result"]): Outcome {
  return { row: row as LibreswanRow, result, why: result === "not offered" ? "no" : "", ms: 1 };
}

Deno.test("a cell counts what passed; a row not offered is never among it", () => {
  const rows = ["psk a", "psk b", "psk c", "AH, kept by a rekey", "TFC padding"].map((name) =>
    ({ name, direction: "ours → libreswan" }) as LibreswanRow
  );
  const matrix = new Matrix(rows, [
    outcome(rows[0]!, "passed"),
    outcome(rows[1]!, "failed"),
    outcome(rows[2]!, "not offered"),
    outcome(rows[3]!, "not offered"),
  ]);
  const lines = matrix.features().split("\n");
  const cells = (feature: string) =>
    lines.find((line) => line.startsWith(`| ${feature} |`))?.split(" | ")[3];
  assert.equal(cells("Pre-shared keys, one row a suite"), "**1/2**, 1 not offered");
  assert.equal(cells("AH"), "1 not offered");
  assert.equal(cells("TFC padding"), "**did not run**");
  assert.equal(matrix.passingWithStrongSwan.length, 0);
});

Deno.test("a row without a feature is wrong, so is a feature without rows", () => {
  assert.deepEqual(featuresOf("something quite new"), []);
  const row = { name: "something quite new", direction: "ours → libreswan" } as LibreswanRow;
  const wrong = new Matrix([row], []).wrongFeatures();
  assert.ok(wrong.some((words) => words.endsWith(": something quite new")));
  assert.ok(wrong.some((words) => words === "A feature without rows: AH"));
});
