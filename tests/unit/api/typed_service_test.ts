import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ServiceClient } from "@/api/grpc_channel.ts";
import type { TestConnection } from "@/api/connection.ts";
import type { ListIKESAResp, MyIKEv2APISvc, SummaryResp } from "@/api/proto/api.ts";
import { definitionOf, type Handlers, IKE_SERVICE, TEST_SERVICE } from "@/api/typed_service.ts";
import { typesOf } from "../../../scripts/api_types.ts";

/**
 * No test calls this function. `deno check` fails if a line that follows a comment `@ts-expect-error`
 * compiles.
 */
export async function misspelt(
  test: TestConnection,
  service: ServiceClient<MyIKEv2APISvc>,
): Promise<void> {
  // @ts-expect-error: the name of the field is OwnSPI
  await test.call("GetIKESA", { OwnSpi: "1" });
  // @ts-expect-error: the name of the call is GetSummary
  await test.call("GetSumary");
  const summary = await service.call("GetSummary", {}, 1_000);
  // @ts-expect-error: the name of the field is Live_count
  summary.LiveCount;
  // @ts-expect-error: a stream has no single answer
  await service.call("SubscrEvent", { Level: 1 }, 1_000);
  // @ts-expect-error: a call with one answer has no stream
  service.stream("GetSummary", {});
  // @ts-expect-error: the number of tunnels is a number, not a text
  const wrong: SummaryResp = { NumOfCreatedTunnel: "many" };
  // @ts-expect-error: an entry of the list has no field Spi
  const entry: ListIKESAResp = { SummaryList: [{ Spi: 1 }] };
  // @ts-expect-error: the handlers of the other calls are missing
  const handlers: Handlers<MyIKEv2APISvc> = { Stop: () => {} };
  void [wrong, entry, handlers];
}

Deno.test("a decoded empty message has every field of its type, with the default value", () => {
  const { responseDeserialize } = definitionOf(TEST_SERVICE, "GetIKESA");
  const dump = responseDeserialize(Buffer.alloc(0));
  assert.equal(dump.OwnSPI, "0");
  assert.equal(dump.EstabTime, null);
  assert.equal(dump.SKei.length, 0);
  assert.equal(dump.Jitter, false);
});

Deno.test("a message that is encoded and decoded is the same, with its 64-bit numbers as text", () => {
  const rekey = definitionOf(IKE_SERVICE, "RekeyIKESA");
  const OwnSPI = "18446744073709551615";
  assert.deepEqual(rekey.requestDeserialize(rekey.requestSerialize({ OwnSPI })), { OwnSPI });
  assert.deepEqual(rekey.requestDeserialize(rekey.requestSerialize({})), { OwnSPI: "0" });
});

Deno.test("each generated type of a field is the type that the loader gives the field", () => {
  const files = typesOf("x", "x.proto", PROTO);
  const [sent, read] = [files.get("x.ts")!, files.get("x_read.ts")!];
  assert.match(sent, /readonly Number\?: number \| string \| undefined;/);
  assert.match(sent, /readonly List\?: readonly \(number \| string\)\[\] \| undefined;/);
  assert.match(sent, /readonly Inner\?: OuterInner \| null \| undefined;/);
  assert.match(sent, /readonly Ask: StreamCall<Outer, OuterRead, Outer, OuterRead>;/);
  assert.match(sent, /import type \{ OuterRead \} from "@\/api\/proto\/x_read\.ts";/);
  assert.match(read, /readonly Number: string;/);
  assert.match(read, /readonly List: readonly string\[\];/);
  assert.match(read, /readonly Inner: OuterInnerRead \| null;/);
  assert.match(read, /readonly When: TimestampRead \| null;/);
  assert.match(read, /export type NothingRead = Readonly<Record<string, never>>;/);
});

const PROTO = `// A file.
syntax = "proto3";
// Nothing.
message Nothing {}
// Outer.
message Outer {
  // A number.
  uint64 Number = 1;
  // Numbers.
  repeated fixed64 List = 2;
  // Inner.
  message Inner {
    // A flag.
    bool Flag = 1;
  }
  // One of them.
  Inner Inner = 3;
  // A time.
  google.protobuf.Timestamp When = 4;
}
// A service.
service Service {
  // A call.
  rpc Ask(Outer) returns (stream Outer);
}
`;
