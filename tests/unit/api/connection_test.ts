import assert from "node:assert/strict";
import { type ClientTlsFiles, TestClient } from "@/api/client.ts";
import type { ShownEvent } from "@/api/connection.ts";
import { LocalTest } from "@/api/local.ts";
import { FakeRun } from "../../api/fake_view.ts";
import { withApi } from "./client.ts";

const NAMES = { ca: "--tls-ca", certificate: "--tls-cert", key: "--tls-key" };
const TLS = `${import.meta.dirname}/../../api/tls`;
const CA = `${TLS}/authority.pem`;
const SERVER = { certificate: `${TLS}/server.pem`, key: `${TLS}/server.key`, clientCa: "" };

/** Asks a TLS server for its summary: the role in it, or the message of the failure. */
async function overTls(
  files: ClientTlsFiles,
  clientCa = "",
  host = "127.0.0.1",
): Promise<unknown> {
  let answer: unknown;
  await withApi(async ({ api }) => {
    const client = new TestClient(`${host}:${api.port}`, files, NAMES);
    answer = await client.call("GetSummary").then((s) => s.Role, (e: Error) => e.message);
    client.close();
  }, { tls: { ...SERVER, clientCa } });
  return answer;
}

Deno.test("the certificate of a server must be for its address and signed by the authority", async () => {
  assert.equal(await overTls({ ca: CA }), 2);
  assert.match(String(await overTls({ ca: CA }, "", "localhost")), /Host: localhost\. is not in/);
  const unknownSigner = await overTls({ ca: `${TLS}/stranger.pem` });
  assert.match(String(unknownSigner), /^No test answers at 127\.0\.0\.1:\d+: .*certificate/);
});

Deno.test("a server that requires a client certificate answers only a client that has one", async () => {
  const own = { certificate: `${TLS}/client.pem`, key: `${TLS}/client.key` };
  assert.equal(await overTls({ ca: CA, ...own }, CA), 2);
  assert.match(String(await overTls({ ca: CA }, CA)), /^No test answers at/);
});

Deno.test("files without a certificate or a key are refused, and the error names their options", () => {
  const client = (files: ClientTlsFiles) => new TestClient("127.0.0.1:1", files, NAMES);
  assert.throws(() => client({ ca: `${TLS}/client.key` }), /--tls-ca .* holds no PEM certificate/);
  const key = `${TLS}/client.pem`;
  assert.throws(() => client({ certificate: key, key }), /--tls-key .* holds no PEM private key/);
  assert.throws(() => client({ certificate: key }), /--tls-cert needs --tls-key/);
});

Deno.test("the loss of a server is reported, and its client connects again when it is back", async () => {
  let client: TestClient | undefined;
  await withApi(async ({ api }) => {
    client = new TestClient(`127.0.0.1:${api.port}`, {}, NAMES);
    assert.equal((await client.call("GetSummary")).Role, 2);
  });
  const lossMessage = await client!.call("GetSummary").catch((e: Error) => e.message);
  assert.match(String(lossMessage), /^No test answers at 127\.0\.0\.1:\d+: the connection is \w+$/);
  const port = Number(client!.place.split(":")[1]);
  await withApi(async () => {
    const askAgain = async (triesLeft: number): Promise<unknown> => {
      try {
        return (await client!.call("GetSummary")).Role;
      } catch (e) {
        if (triesLeft === 0) throw e;
        await new Promise((resolve) => setTimeout(resolve, 200));
        return await askAgain(triesLeft - 1);
      }
    };
    assert.equal(await askAgain(20), 2);
    client!.close();
  }, { port });
});

Deno.test("a change of the filter loses no event, over a connection and in this process, and the stream of events ends with the test", async () => {
  await withApi(async ({ run, api }) => {
    const remote = new TestClient(`127.0.0.1:${api.port}`, {}, NAMES);
    for (const test of [remote, new LocalTest(run, "auto")]) {
      const seen: ShownEvent[] = [];
      const feed = test.events({ level: 3, keyword: "" }, (event) => seen.push(event));
      await until(() => {
        run.events.publish(3, "first");
        return seen.length > 0;
      });
      run.events.publish(4, "too detailed");
      await feed.change({ level: 5, keyword: "wanted" });
      run.events.publish(5, "another keyword");
      run.events.publish(5, "wanted");
      await until(() => seen.some(({ msg }) => msg === "wanted"));
      assert.deepEqual([...new Set(seen.map(({ msg }) => msg))], ["first", "wanted"]);
      assert.ok(Math.abs(seen[0]!.epochMs - Date.now()) < 60_000);
      feed.close();
      await feed.ended;
    }
    const last = [remote, new LocalTest(run, "auto")].map((test) => test.finalSummary());
    await new Promise((resolve) => setTimeout(resolve, 200));
    run.end();
    for (const summary of await Promise.all(last)) assert.equal(summary?.Result, 2);
    remote.close();
  });
});

Deno.test("a lost connection gives no final result", async () => {
  const client = new TestClient("127.0.0.1:9", {}, NAMES);
  assert.equal(await client.finalSummary(), undefined);
  client.close();
  assert.equal((await new LocalTest(new FakeRun(), "auto").call("GetSummary")).Role, 2);
});

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 250 && !holds(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(holds());
}
