/** The comparison of both ends must find what differs. */
import assert from "node:assert/strict";
import type { CharonSa } from "../../interop/charon_log.ts";
import { parseEspTable, parseIkeTable, parseSecrets } from "../../interop/keylog.ts";
import { compareSa, expectFailure } from "../../interop/row.ts";

const IKE =
  `0011223344556677,8899aabbccddeeff,aa01,aa02,"AES-CBC-128 [RFC3602]",bb01,bb02,"HMAC_SHA2_256_128 [RFC4868]"\n`;
const SECRETS = "0011223344556677,8899aabbccddeeff,dd01,bb01,bb02,aa01,aa02,ee01,ee02\n";
const ESP = `"IPv4","10.0.0.1","10.0.0.2","0x0000000a","AES-CBC [RFC3602]","0xcc01","NULL","0xdd01"
"IPv4","10.0.0.2","10.0.0.1","0xb","AES-CBC [RFC3602]","0xcc02","NULL",""
`;

function strongSwans(): CharonSa {
  return {
    id: 1,
    connection: "net",
    spiI: "0011223344556677",
    spiR: "8899aabbccddeeff",
    established: true,
    everySecret: new Set(),
    secrets: new Map([
      ["SK_d", "dd01"],
      ["SK_ei", "aa01"],
      ["SK_er", "aa02"],
      ["SK_ai", "bb01"],
      ["SK_ar", "bb02"],
      ["SK_pi", "ee01"],
      ["SK_pr", "ee02"],
    ]),
    esp: new Map([
      ["0000000a", { encryption: "cc01", integrity: "dd01" }],
      ["0000000b", { encryption: "cc02", integrity: "" }],
    ]),
    lines: [],
  };
}

const OURS = {
  ike: parseIkeTable(IKE),
  esp: parseEspTable(ESP),
  secrets: parseSecrets(SECRETS),
};

Deno.test("equal ends compare equal", () => {
  compareSa(strongSwans(), OURS);
});

Deno.test("every octet of SPIs and keys counts", () => {
  const faults: readonly [RegExp, (sa: CharonSa) => void][] = [
    [/no IKE SA/, (sa) => sa.spiI = "0011223344556678"],
    [/no IKE SA/, (sa) => sa.spiR = ""],
    [/SK_ei differs/, (sa) => sa.secrets.set("SK_ei", "aa00")],
    [/SK_er differs/, (sa) => sa.secrets.delete("SK_er")],
    [/SK_ai differs/, (sa) => sa.secrets.set("SK_ai", "bb00")],
    [/SK_d differs/, (sa) => sa.secrets.set("SK_d", "dd00")],
    [/SK_pi differs/, (sa) => sa.secrets.set("SK_pi", "ee02")],
    [/SK_pr differs/, (sa) => sa.secrets.delete("SK_pr")],
    [/SK_ar differs/, (sa) => sa.secrets.set("SK_ar", "bb01")],
    [/no ESP SA 0000000c/, (sa) => sa.esp.set("0000000c", { encryption: "cc01", integrity: "" })],
    [/0 ESP SAs/, (sa) => sa.esp.clear()],
    [
      /encryption key of 0000000a/,
      (sa) => sa.esp.set("0000000a", { encryption: "", integrity: "dd01" }),
    ],
    [
      /integrity key of 0000000b/,
      (sa) => sa.esp.set("0000000b", { encryption: "cc02", integrity: "00" }),
    ],
  ];
  for (const [words, spoil] of faults) {
    const sa = strongSwans();
    spoil(sa);
    assert.throws(() => compareSa(sa, OURS), words);
  }
});

Deno.test("our own tables must agree, and each must have the SA", () => {
  const other = parseSecrets(SECRETS.replace("aa02", "aa03"));
  assert.throws(
    () => compareSa(strongSwans(), { ...OURS, secrets: other }),
    /tables differ in SK_er/,
  );
  assert.throws(
    () => compareSa(strongSwans(), { ...OURS, secrets: [] }),
    /ike_secrets has no IKE SA/,
  );
  compareSa(strongSwans(), { ike: OURS.ike, esp: OURS.esp });
});

Deno.test("a line that is no line of a key table is refused", () => {
  assert.throws(() => parseIkeTable("0011,2233,aa\n"), /Not a line of a key table/);
});

Deno.test("a failure must say all words at once", () => {
  const result = {
    result: "failed",
    tunnels: { configured: 1, established: 0, failed: 1, lost: 0 },
    retransmissions: 0,
    vendorIds: {},
    cpuMsPerTunnel: null,
    throttled: [],
    keepalives: { sent: 0, received: 0 },
    rekeys: { ike: 0, child: 0 },
    keyExchanges: { ike: {}, child: {} },
    moves: { done: 0, failed: { count: 0 } },
    reauthentications: 0,
    resumptions: { tickets: 0, done: 0, refused: [] },
    flaps: { down: 0, up: 0 },
    suites: new Map(),
    peers: new Map(),
    strangers: [],
    failures: [{ cause: "X", count: 1, example: "one" }, { cause: "Y", count: 1, example: "two" }],
  };
  expectFailure(result, [/X/, /one/]);
  assert.throws(() => expectFailure(result, [/X/, /two/]), /lacks/);
});
