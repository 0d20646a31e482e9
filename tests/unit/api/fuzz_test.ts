import assert from "node:assert/strict";
import { type Client, credentials, status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { openGrpcClient } from "@/api/grpc_connections.ts";
import { SeededRandom } from "@/base/random.ts";
import { withApi } from "./client.ts";

const SEED = 20_261_123;
const CALLS_PER_METHOD = 300;

const UNARY = [
  "Stop",
  "GetSummary",
  "GetIKESA",
  "ListIKESA",
  "ListCHILDSA",
  "GetCHILDSA",
  "UpdateEventFilter",
  "GetPingSummary",
  "ClearPingStats",
  "GetPoolUsageSummary",
  "RekeyChild",
];
const STREAMS = ["SubscrEvent", "NotifyFinalResult"];

/** The status codes that a caller may get; INTERNAL, UNKNOWN and UNAVAILABLE are none of them. */
const ALLOWED: readonly number[] = [
  status.OK,
  status.CANCELLED,
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.UNIMPLEMENTED,
  status.RESOURCE_EXHAUSTED,
];

Deno.test(`every call of the Test API answers a request of any octets (seed ${SEED})`, () =>
  withApi(async ({ api, client }) => {
    const random = new SeededRandom(SEED);
    const raw = openGrpcClient(`127.0.0.1:${api.port}`, credentials.createInsecure());
    const seen = new Map<number, number>();
    for (const method of [...UNARY, ...STREAMS]) {
      for (let i = 0; i < CALLS_PER_METHOD; i++) {
        const request = anyRequest(random);
        const code = await rawCall(raw, `/api.MyIKEv2APISvc/${method}`, request);
        assert.ok(ALLOWED.includes(code), `${method} ${request.toString("hex")}: ${status[code]}`);
        seen.set(code, (seen.get(code) ?? 0) + 1);
      }
    }
    // The requests were of both kinds: valid ones and ones that cannot be decoded.
    assert.ok(seen.get(status.OK)! > 100 && seen.get(status.INVALID_ARGUMENT)! > 100);
    assert.equal((await client.call("GetSummary")).Role, 2);
    raw.close();
  }));

Deno.test(`the services for health and reflection answer requests of any octets (seed ${SEED})`, () =>
  withApi(async ({ api, client }) => {
    const random = new SeededRandom(SEED);
    const raw = openGrpcClient(`127.0.0.1:${api.port}`, credentials.createInsecure());
    const methods = [
      "/grpc.health.v1.Health/Check",
      "/grpc.health.v1.Health/List",
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      "/api.MyIKEv2APISvc/NoSuchCall",
      "/nobody/knows",
    ];
    for (const method of methods) {
      for (let i = 0; i < 50; i++) await rawCall(raw, method, anyRequest(random));
    }
    assert.equal((await client.call("GetSummary")).Role, 2);
    raw.close();
  }));

Deno.test(`the server survives octets that are not gRPC (seed ${SEED})`, () =>
  withApi(async ({ api, client }) => {
    const random = new SeededRandom(SEED);
    for (let i = 0; i < 50; i++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: api.port });
      const preface = random.chance(0.5) ? "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" : "";
      const octets = Buffer.concat([Buffer.from(preface), random.octets(1 + random.below(300))]);
      await connection.write(octets).catch(() => {});
      connection.close();
    }
    assert.equal((await client.call("GetSummary")).Role, 2);
  }));

/** Random octets, or fields of any number and wire type, complete or cut off. */
function anyRequest(random: SeededRandom): Buffer {
  if (random.chance(0.2)) return Buffer.from(random.octets(random.below(40)));
  const parts: Uint8Array[] = [];
  for (let fields = random.below(4); fields > 0; fields--) parts.push(anyField(random));
  if (random.chance(0.005)) parts.push(Buffer.alloc(70_000));
  const whole = Buffer.concat(parts);
  return random.chance(0.2) ? whole.subarray(0, random.below(whole.length + 1)) : whole;
}

function anyField(random: SeededRandom): Uint8Array {
  const number = random.chance(0.9) ? 1 + random.below(2) : random.below(16);
  const wireType = random.chance(0.9) ? [0, 1, 2, 5][random.below(4)]! : random.below(8);
  const octets = { 0: varint(random), 1: random.octets(8), 2: text(random), 5: random.octets(4) };
  return Buffer.concat([
    Buffer.of(number << 3 | wireType),
    octets[wireType as keyof typeof octets] ?? random.octets(random.below(10)),
  ]);
}

function varint(random: SeededRandom): Uint8Array {
  if (random.chance(0.5)) return Buffer.of(random.below(8));
  const long = random.octets(1 + random.below(11)).map((octet) => octet | 0x80);
  long[long.length - 1]! &= 0x7f;
  return long;
}

function text(random: SeededRandom): Uint8Array {
  const octets = random.octets(random.below(20));
  return Buffer.concat([Buffer.of(octets.length + (random.chance(0.1) ? 1 : 0)), octets]);
}

/** Makes a call with these octets as its request; cancels a stream that stays open. Returns the status. */
function rawCall(client: Client, path: string, request: Buffer): Promise<number> {
  const unchanged = (octets: Buffer) => octets;
  return new Promise((resolve) => {
    const call = client.makeServerStreamRequest(path, unchanged, unchanged, request, {
      deadline: Date.now() + 5_000,
    });
    let cancelTimer: ReturnType<typeof setTimeout> | undefined;
    call.on("metadata", () => cancelTimer = setTimeout(() => call.cancel(), 2));
    call.on("data", () => {});
    call.on("error", () => {});
    call.on("status", (end: { code: number }) => {
      clearTimeout(cancelTimer);
      resolve(end.code);
    });
  });
}
