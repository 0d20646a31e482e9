import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { TestClient } from "@/api/client.ts";
import type { TestAnswer, TestCall, TestConnection, TestRequest } from "@/api/connection.ts";
import type { SummaryRespRead } from "@/api/proto/api_read.ts";
import { Refusal } from "@/api/refusal.ts";
import { definitionOf, TEST_SERVICE } from "@/api/typed_service.ts";
import { LocalTest } from "@/api/local.ts";
import { answer } from "@/cli/shell_answers.ts";
import type { ShellArguments } from "@/cli/shell_commands.ts";
import { withApi } from "../api/client.ts";
import { FakeRun } from "../../api/fake_view.ts";

const OPTIONS = { ca: "--tls-ca", certificate: "--tls-cert", key: "--tls-key" };
const FIRST = 0xfedcba9876543210n;
const CHILD = 0xc0ffee01n;

/** The lines that a command of the shell prints for a test. */
async function linesOf(
  test: TestConnection,
  name: string,
  args: ShellArguments = {},
  json = false,
): Promise<string[]> {
  const lines: string[] = [];
  await answer(name, args, { test, json, print: (line) => lines.push(line) });
  return lines;
}

/** The lines of a command, which must be the same over the API and in this process. */
async function ask(name: string, args: ShellArguments = {}, json = false): Promise<string[]> {
  let lines: string[] = [];
  await withApi(async ({ run, api }) => {
    const client = new TestClient(`127.0.0.1:${api.port}`, {}, OPTIONS);
    lines = await linesOf(client, name, args, json).finally(() => client.close());
    assert.deepEqual(await linesOf(new LocalTest(run, "auto"), name, args, json), lines);
  });
  return lines;
}

Deno.test("summary prints the names of the API, readable times and durations, and exact numbers", async () => {
  const lines = await ask("summary");
  const has = (line: RegExp) => assert.ok(lines.some((l) => line.test(l)), `${line}\n${lines}`);
  has(/^Role +gateway$/);
  has(/^Result +running$/);
  has(/^SetupFileName +examples\/größe\.yaml$/);
  has(/^StartTime +2023-11-14T22:13:20\.250Z$/);
  has(/^ActualTestEndTime +-$/);
  has(/^CreateDuration +2\.346s$/);
  has(/^NumOfCreatedTunnel +4294967295$/);
  has(/^SetupRate +12\.5$/);
  has(/^Ikesa_state_child_rekeying +110$/);
  const [json] = await ask("summary", {}, true);
  const summary = JSON.parse(json!);
  assert.equal(summary.Configured_count, Number.MAX_SAFE_INTEGER);
  assert.equal(summary.ActualTestEndTime, null);
  assert.equal(summary.Ikesa_state_init, 101);
  assert.equal(lines.length, Object.keys(summary).length);
});

Deno.test("list prints SPIs of 16 digits, the address, port and state of each IKE SA, and their number", async () => {
  assert.deepEqual(await ask("list"), [
    "SPI               PEER                STATE        ESTABLISHED",
    "FEDCBA9876543210  192.0.2.7:4501      established  2023-11-14T22:13:22.250Z",
    "0000000000000002  [2001:db8::aa]:500  init         -",
    "0000000000000003  [2001:db8::aa]:500  closed       -",
    "3 IKE SAs",
  ]);
  assert.deepEqual((await ask("list", { start: 1, len: 1 })).map(columns), [
    "SPI PEER STATE ESTABLISHED",
    "0000000000000002 [2001:db8::aa]:500 init -",
    "1 IKE SA",
  ]);
  const [json] = await ask("list", { start: 2 }, true);
  assert.deepEqual(JSON.parse(json!), [{
    OwnSPI: "0000000000000003",
    PeerAddr: "2001:db8::aa",
    PeerPort: 500,
    State: "closed",
    EstabTime: null,
  }]);
  assert.deepEqual(await ask("list", { start: 9 }), ["0 IKE SAs"]);
});

/** A line with single spaces between its columns. */
function columns(line: string): string {
  return line.replaceAll(/ {2,}/g, " ");
}

Deno.test("dump and dumpchild print the names of registered numbers, keys in hex, and traffic selectors", async () => {
  const ike = (await ask("dump", { spi: FIRST })).map(columns);
  for (
    const line of [
      "OwnSPI FEDCBA9876543210",
      "PeerSPI 8000000000000001",
      "State established",
      "CloseCode AUTHENTICATION_FAILED",
      "OwnAddr 2001:db8::9",
      "EncAlg ENCR_AES_GCM_16",
      "KeyLen 256",
      "IntAlg -",
      "PrfAlg PRF_HMAC_SHA2_512",
      "OwnAuth Digital Signature",
      `SKei ${"11".repeat(36)}`,
      "SKai -",
    ]
  ) assert.ok(ike.includes(line), `${line}\n${ike.join("\n")}`);
  const child = (await ask("dumpchild", { spi: CHILD })).map(columns);
  for (
    const line of [
      "OwnSPI C0FFEE01",
      "PeerSPI 80000002",
      "ParentIKESA FEDCBA9876543210",
      "EncAlg ENCR_AES_CBC",
      "IntAlg AUTH_HMAC_SHA2_512_256",
      "LifeTime 5m1.5s",
      "OwnTS 10.1.0.0-10.1.0.255 protocol UDP ports 53-5353",
      "PeerTS fd00::-fd00:ffff:ffff:ffff:ffff:ffff:ffff:ffff, " +
      "10.2.0.1-10.2.0.1 protocol TCP ports 65535-0",
    ]
  ) assert.ok(child.includes(line), `${line}\n${child.join("\n")}`);
  const [json] = await ask("dumpchild", { spi: CHILD }, true);
  const dump = JSON.parse(json!);
  assert.deepEqual(dump.PeerTS[1], {
    Type: "IPv4 range",
    Protocol: "TCP",
    StartAddr: "10.2.0.1",
    EndAddr: "10.2.0.1",
    StartPort: 65_535,
    EndPort: 0,
  });
  assert.equal(dump.SKai, "55".repeat(64));
});

Deno.test("listchild, rekeychild, rekeyike, pool and stop print what they did or found", async () => {
  assert.deepEqual(await ask("listchild", { spi: FIRST }), ["C0FFEE01", "00000102"]);
  assert.deepEqual(await ask("listchild", { spi: FIRST }, true), ['["C0FFEE01","00000102"]']);
  const none = await ask("listchild", { spi: 2n });
  assert.deepEqual(none, ["the IKE SA 0000000000000002 has no CHILD_SA"]);
  assert.deepEqual(await ask("rekeychild", { spi: CHILD }), ["C0FFEE01 is rekeyed"]);
  const ike = await ask("rekeyike", { spi: FIRST });
  assert.deepEqual(ike, ["FEDCBA9876543210 is rekeyed, now ABCDEF0123456789"]);
  assert.deepEqual(await ask("pool"), ["the test has no address pool"]);
  assert.deepEqual(await ask("stop"), ["the test is ending"]);
  const run = new FakeRun();
  await linesOf(new LocalTest(run, "auto"), "stop", { gracefully: false });
  await linesOf(new LocalTest(run, "auto"), "stop");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(run.stops, [false, true]);
});

const REFUSED: readonly (readonly [name: string, args: ShellArguments, words: RegExp])[] = [
  ["dump", { spi: 0xabn }, /^No IKE SA has our SPI 00000000000000AB$/],
  ["listchild", { spi: 0xabn }, /^No IKE SA has our SPI/],
  ["dumpchild", { spi: 0xabn }, /^No CHILD_SA has our SPI 000000AB$/],
  ["rekeychild", { spi: 0x102n }, /^NO_ADDITIONAL_SAS: Peer refused CREATE_CHILD_SA/],
  ["rekeyike", { spi: 2n }, /^IKE SA 0000000000000002 is not established$/],
];

for (const [name, args, words] of REFUSED) {
  Deno.test(`a refused ${name} prints the reason`, async () => {
    const hasReason = (e: Error) => e instanceof Refusal && words.test(e.message);
    await assert.rejects(ask(name, args), hasReason);
    await assert.rejects(linesOf(new LocalTest(new FakeRun(), "auto"), name, args), hasReason);
  });
}

Deno.test("the option apisecrets decides whether keys are printed, also in this process", async () => {
  const shown = await linesOf(new LocalTest(new FakeRun(), "never"), "dump", { spi: FIRST });
  assert.ok(shown.map(columns).includes("SKei -"));
  assert.ok(shown.map(columns).includes("PSK -"));
});

/** The part of a list that a request asks for. */
interface PartRequest {
  readonly Start?: number | undefined;
  readonly Len?: number | undefined;
}

/** A test whose answers a table gives, and which keeps the requests it got. */
class ScriptedTest implements TestConnection {
  readonly place = "nowhere";
  readonly requests: PartRequest[] = [];
  constructor(
    readonly answers: { readonly [M in TestCall]?: (request: TestRequest<M>) => TestAnswer<M> },
  ) {}
  call<M extends TestCall>(method: M, request: TestRequest<M> = {}): Promise<TestAnswer<M>> {
    this.requests.push(request as PartRequest);
    return Promise.resolve(this.answers[method]!(request));
  }
  events(): never {
    throw new Error("This test has no events");
  }
  finalSummary(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  close(): void {}
}

/** Answers requests for a part of a list of `total` entries. */
function partsOf<E>(
  total: number,
  entry: (i: number) => E,
): (request: PartRequest) => E[] {
  return ({ Start, Len }) => {
    const remaining = Math.max(0, total - Start!);
    return Array.from({ length: Math.min(Len!, remaining) }, (_, i) => entry(i));
  };
}

Deno.test("list asks for 10,000 IKE SAs at a time, and for no more than its option len says", async () => {
  const entry = () => ({
    OwnSPI: "1",
    PeerAddr: Uint8Array.of(192, 0, 2, 1),
    PeerPort: 500,
    State: 3,
    EstabTime: null,
  });
  const entries = partsOf(25_000, entry);
  const test = new ScriptedTest({ ListIKESA: (request) => ({ SummaryList: entries(request) }) });
  const lines = await linesOf(test, "list");
  assert.equal(lines.length, 1 + 25_000 + 1);
  assert.equal(lines.at(-1), "25000 IKE SAs");
  const parts = test.requests.map(({ Start, Len }) => [Start, Len]);
  assert.deepEqual(parts, [[0, 10_000], [10_000, 10_000], [20_000, 10_000]]);
  test.requests.length = 0;
  assert.equal((await linesOf(test, "list", { start: 5, len: 10_001 })).at(-1), "10001 IKE SAs");
  const limited = test.requests.map(({ Start, Len }) => [Start, Len]);
  assert.deepEqual(limited, [[5, 10_000], [10_005, 1]]);
});

Deno.test("psummary prints the loss of each ping task and of all together", async () => {
  const entry = (i: number) => ({
    LocalAddr: "10.0.0.1",
    RemoteAddr: `10.1.0.${i}`,
    TotalSentPkt: "200",
    TotalRecvPkt: "199",
  });
  const entries = partsOf(2, entry);
  const test = new ScriptedTest({
    GetPingSummary: (request) => ({
      ResultList: entries(request),
      TotalSent: "400",
      TotalRecv: "398",
    }),
  });
  assert.deepEqual((await linesOf(test, "psummary")).map(columns), [
    "FROM TO SENT RECEIVED LOST",
    "10.0.0.1 10.1.0.0 200 199 0.50%",
    "10.0.0.1 10.1.0.1 200 199 0.50%",
    "all tasks: 400 sent, 398 received, 0.50% lost",
  ]);
  const [json] = await linesOf(test, "psummary", { len: 1 }, true);
  assert.equal(JSON.parse(json!).ResultList.length, 1);
  assert.equal(JSON.parse(json!).TotalSent, 400);
});

Deno.test("uptime prints how long the test has run, since when, and when it ends", async () => {
  const at = (ms: number) => ({ seconds: String(Math.floor(ms / 1e3)), nanos: 0 });
  const now = Math.floor(Date.now() / 1e3) * 1e3;
  const { responseDeserialize } = definitionOf(TEST_SERVICE, "GetSummary");
  const empty = responseDeserialize(Buffer.alloc(0));
  const summary = (times: Partial<SummaryRespRead>) =>
    new ScriptedTest({ GetSummary: () => ({ ...empty, ...times }) });
  const [endless] = await linesOf(summary({ StartTime: at(now - 61_000) }), "uptime");
  assert.match(endless!, /^1m[12]s, since 20\d\d-.*Z; runs until it is stopped$/);
  const times = { StartTime: at(now - 5_000), TestEndTime: at(now + 65_000) };
  const [timed] = await linesOf(summary(times), "uptime");
  assert.match(timed!, /^[56]s, since .*; ends in 1m[45]s$/);
  const ended = { ...times, ActualTestEndTime: at(now - 2_000) };
  const [json] = await linesOf(summary(ended), "uptime", {}, true);
  assert.equal(JSON.parse(json!).UptimeSec, 3);
});
