import assert from "node:assert/strict";
import { type Client, credentials } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import { openGrpcClient } from "@/api/grpc_connections.ts";
import { guardHttp2Sessions } from "@/api/http2_guard.ts";
import { withApi } from "./client.ts";

Deno.test("a server survives clients that send GOAWAY after many calls", () =>
  withApi(async ({ api, client }) => {
    for (let round = 0; round < 3; round++) {
      const leaving = openGrpcClient(`127.0.0.1:${api.port}`, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
      });
      for (let i = 0; i < 500; i++) await emptyCall(leaving);
      leaving.close();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal((await client.call("GetSummary")).Role, 2);
  }));

Deno.test("a session ends once, after the callback that closed it has returned, and calls all listeners", async () => {
  guardHttp2Sessions();
  const server = http2.createServer();
  let closeEvents = 0;
  let closeCallbacks = 0;
  const secondCallback = new Promise<void>((resolve) =>
    server.on("session", (session) => {
      session.on("close", () => closeEvents++);
      session.on("stream", () => {
        session.close(() => closeCallbacks++);
        session.destroy();
        session.destroy();
        assert.equal(session.destroyed, false, "the parser may still be reading");
        session.close(() => resolve());
      });
    })
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as { port: number };
  const client = http2.connect(`http://127.0.0.1:${port}`);
  client.on("error", () => {});
  client.request({ ":path": "/" }).on("error", () => {}).end();
  await secondCallback;
  assert.deepEqual([closeEvents, closeCallbacks], [1, 1]);
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** Calls GetSummary with an empty request. */
function emptyCall(client: Client): Promise<void> {
  const unchanged = (octets: Buffer) => octets;
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      "/api.MyIKEv2APISvc/GetSummary",
      unchanged,
      unchanged,
      Buffer.alloc(0),
      (error) => error ? reject(error) : resolve(),
    )
  );
}
