import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { Refusal } from "@/api/refusal.ts";
import type { DefineGenericTestReqRead } from "@/api/proto/daemonapi_read.ts";
import { checkDefinition } from "@/daemon/definition.ts";
import { readSetup } from "@/setup/read.ts";

const SETUP = `role: gateway
bindifname: eth1
bindifaddr: 10.0.0.1/24
ikeconf: {psk: a secret}
`;
const OTHER = { SetupCMDs: "", UpCMDs: "", DestroyCMDs: "", DataIf: "", DataIfAddr: "" };

/** Checks a request to define a test of this program, with the members in `over` changed. */
function check(over: Partial<DefineGenericTestReqRead>) {
  const request = {
    Type: 1,
    Name: "gw",
    Override: false,
    MyIKEv2Test: { Setup: SETUP, LogDir: "" },
    OtherTest: null,
    ...over,
  };
  return checkDefinition(request, (text, file) => Promise.resolve(readSetup(text, file).setup));
}

/** The message of the refusal of such a request. */
async function refusal(over: Partial<DefineGenericTestReqRead>): Promise<string> {
  try {
    await check(over);
  } catch (e) {
    assert.ok(e instanceof Refusal, String(e));
    assert.equal(e.code, status.INVALID_ARGUMENT);
    return e.details;
  }
  assert.fail(`the request was accepted: ${JSON.stringify(over)}`);
}

Deno.test("the definition of a myikev2 test has the interface and the setup of the request, and a log directory", async () => {
  const { name, override, logDirectory, dataInterface, dataAddress, what } = await check({});
  assert.deepEqual(
    [name, override, logDirectory, dataInterface, dataAddress],
    ["gw", false, "/var/log/myikev2/gw", "eth1", ""],
  );
  assert.ok(what.type === 1 && what.text === SETUP && what.setup.role === "gateway");
  const { logDirectory: own } = await check({ MyIKEv2Test: { Setup: SETUP, LogDir: "/logs" } });
  assert.equal(own, "/logs");
});

Deno.test("the interface lo is not moved, as each namespace has its own", async () => {
  const setup = SETUP.replace("eth1", "lo");
  assert.equal((await check({ MyIKEv2Test: { Setup: setup, LogDir: "" } })).dataInterface, "");
});

Deno.test("the definition of a test with another program has its commands one by one, and its interface with the address", async () => {
  const OtherTest = {
    SetupCMDs: "a; b",
    UpCMDs: `c 'd;e'`,
    DestroyCMDs: "",
    DataIf: "eth2",
    DataIfAddr: "fd00::1/64",
  };
  const { dataInterface, dataAddress, what } = await check({
    Type: 2,
    MyIKEv2Test: null,
    OtherTest,
  });
  assert.deepEqual([dataInterface, dataAddress], ["eth2", "fd00::1/64"]);
  assert.deepEqual(what, {
    type: 2,
    setupCommands: ["a", "b"],
    upCommands: ["c 'd;e'"],
    destroyCommands: [],
  });
});

Deno.test("the position in an error of a setup begins with the name of the test as a file name", async () => {
  const Setup = SETUP.replace("gateway", "gatway");
  assert.match(await refusal({ MyIKEv2Test: { Setup, LogDir: "" } }), /^gw\.yaml:1:7: .*gateway/m);
});

Deno.test("a request must have the sub-message of its type, and no other one", async () => {
  assert.match(await refusal({ MyIKEv2Test: null }), /MyIKEv2Test is not set/);
  assert.match(await refusal({ OtherTest: OTHER }), /only MyIKEv2Test/);
  assert.match(await refusal({ Type: 2 }), /OtherTest is not set/);
  assert.match(await refusal({ Type: 2, OtherTest: OTHER }), /only OtherTest/);
  assert.match(await refusal({ Type: 0 }), /Type is 0/);
});

Deno.test("the name of a test must be valid as the name of a file and of a namespace", async () => {
  for (const Name of ["a", "A-b_c.9", "_", "x".repeat(64)]) await check({ Name });
  for (const Name of ["", ".", "..", "-a", "a/b", "a b", "a\n", "ü", "x".repeat(65)]) {
    assert.match(await refusal({ Name }), /^Name /);
  }
});

Deno.test("the path of a log directory must be absolute", async () => {
  for (const LogDir of ["logs", "./logs", "/a\0", `/${"x".repeat(5000)}`]) {
    assert.match(await refusal({ MyIKEv2Test: { Setup: SETUP, LogDir } }), /^LogDir /);
  }
});

Deno.test("invalid interfaces, addresses and commands of a test with another program are refused", async () => {
  const refused = (over: Partial<typeof OTHER>) =>
    refusal({ Type: 2, MyIKEv2Test: null, OtherTest: { ...OTHER, ...over } });
  for (const DataIf of ["a/b", "a b", "..", "x".repeat(16), "a\0"]) {
    assert.match(await refused({ DataIf }), /^DataIf /);
  }
  for (const DataIfAddr of ["10.0.0.1", "10.0.0.1/33", "x", "10.0.0.1/24 dev lo"]) {
    assert.match(await refused({ DataIf: "eth1", DataIfAddr }), /^DataIfAddr /);
  }
  assert.match(await refused({ DataIfAddr: "10.0.0.1/24" }), /needs DataIf/);
  assert.match(await refused({ UpCMDs: "'" }), /^UpCMDs: /);
  assert.match(await refused({ DestroyCMDs: "a\0" }), /^DestroyCMDs /);
});
