import assert from "node:assert/strict";
import { credentials, status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { judgeByCredentials } from "@/api/caller.ts";
import { loadService, TEST_API } from "@/api/definitions.ts";
import { listenUnix, newServer, shutDown, type UnixUsers } from "@/api/listen.ts";
import { startTestApi, testService } from "@/api/test_api.ts";
import { SetupError } from "@/base/errors.ts";
import { iterationsMax } from "@/native/iterations.ts";
import { FakeRun } from "../../api/fake_view.ts";
import { ApiClient, PLAIN, withApi } from "./client.ts";

const TLS = `${import.meta.dirname}/../../api/tls`;
const SERVER_TLS = { certificate: `${TLS}/server.pem`, key: `${TLS}/server.key`, clientCa: "" };
const MUTUAL_TLS = { ...SERVER_TLS, clientCa: `${TLS}/authority.pem` };

Deno.test("the error for a port that is in use names the address, the process that has it, and the option", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const error = await setupError({ ...PLAIN, port });
  assert.equal(
    error,
    `Cannot listen on 127.0.0.1:${port}: process ${Deno.pid} (deno) has it; ` +
      "set apilistenport to another port",
  );
  listener.close();
});

Deno.test("the error for an address of another host names the option", async () => {
  assert.match(
    await setupError({ ...PLAIN, address: "192.0.2.1" }),
    /192\.0\.2\.1:0.*apilistenaddr/,
  );
});

Deno.test("more iterations of the event loop pass between slices of work while a client of the API is connected", async () => {
  const before = iterationsMax();
  await withApi(async ({ client }) => {
    await client.call("GetSummary");
    assert.ok(iterationsMax() > before, "a client is connected");
  });
  const untilMs = performance.now() + 10_000;
  while (iterationsMax() !== before && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(iterationsMax(), before, "no client is connected");
});

Deno.test("the API can be served at an IPv6 address", async () => {
  const run = new FakeRun();
  const api = await startTestApi(run, { ...PLAIN, address: "::1" });
  const client = new ApiClient(`[::1]:${api.port}`);
  assert.equal((await client.call("GetIKESA", { OwnSPI: "2" })).PSK, "open sesame ☺");
  client.close();
  await api.close();
});

Deno.test("a server with TLS answers a client with TLS, and no client without it", () =>
  withApi(async ({ api, client: clientWithoutTls }) => {
    const client = new ApiClient(`127.0.0.1:${api.port}`, trusting());
    assert.equal((await client.call("GetSummary")).Role, 2);
    client.close();
    await assert.rejects(clientWithoutTls.call("GetSummary"), { code: status.UNAVAILABLE });
  }, { tls: SERVER_TLS }));

Deno.test("a server with apitlsclientca answers only clients with a certificate of that authority", () =>
  withApi(async ({ api }) => {
    const ask = async (channel: ReturnType<typeof trusting>) => {
      const client = new ApiClient(`127.0.0.1:${api.port}`, channel);
      return await client.call("GetSummary").finally(() => client.close());
    };
    assert.equal((await ask(trusting("client"))).Role, 2);
    await assert.rejects(ask(trusting("stranger")), { code: status.UNAVAILABLE });
    await assert.rejects(ask(trusting()), { code: status.UNAVAILABLE });
  }, { tls: MUTUAL_TLS }));

Deno.test("the error for an unusable TLS file names the option and the path", async () => {
  const missing = `${TLS}/missing.pem`;
  const cases: [Partial<typeof SERVER_TLS>, RegExp][] = [
    [{ certificate: missing }, /^Cannot read apitlscert \S+missing\.pem: No such file/],
    [{ key: missing }, /^Cannot read apitlskey \S+missing\.pem: No such file/],
    [{ clientCa: missing }, /^Cannot read apitlsclientca \S+missing\.pem: No such file/],
    [
      { certificate: SERVER_TLS.key },
      /^Cannot use apitlscert \S+server\.key: .*no PEM certificate/,
    ],
    [{ key: SERVER_TLS.certificate }, /^Cannot use apitlskey \S+server\.pem: .*private key/],
    [
      { clientCa: SERVER_TLS.key },
      /^Cannot use apitlsclientca \S+server\.key: .*no PEM certificate/,
    ],
    [
      { key: `${TLS}/client.key` },
      /apitlskey \S+client\.key does not belong .* apitlscert \S+server/,
    ],
    [{ key: "" }, /^apitlscert needs apitlskey$/],
    [{ certificate: "" }, /^apitlskey needs apitlscert$/],
    [
      { certificate: "", key: "", clientCa: missing },
      /^apitlsclientca needs apitlscert and apitlskey$/,
    ],
  ];
  for (const [files, expected] of cases) {
    assert.match(await setupError({ ...PLAIN, tls: { ...SERVER_TLS, ...files } }), expected);
  }
});

/** Credentials of a client that trusts the authority of the test, with the certificate of `name` if it is given. */
function trusting(name?: string) {
  const read = (file: string) => Buffer.from(Deno.readFileSync(`${TLS}/${file}`));
  const roots = read("authority.pem");
  if (!name) return credentials.createSsl(roots);
  return credentials.createSsl(roots, read(`${name}.key`), read(`${name}.pem`));
}

async function setupError(options: typeof PLAIN): Promise<string> {
  try {
    await (await startTestApi(new FakeRun(), options)).close();
  } catch (error) {
    assert.ok(error instanceof SetupError, String(error));
    return error.message;
  }
  throw new Error("The API was served");
}

Deno.test("the API can be served at a Unix socket, and the kernel identifies the caller", async () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/api.sock`;
  const run = new FakeRun();
  const server = newServer();
  const trust = {};
  const users: UnixUsers = new WeakMap();
  const judge = judgeByCredentials((session) => users.get(session), trust);
  server.addService(loadService(TEST_API, "MyIKEv2APISvc"), testService(run, "auto", judge));
  const settings = { option: "--socket", trust, users };
  const listening = await listenUnix(server, path, settings);
  const client = new ApiClient(`unix:${path}`);
  assert.equal((await client.call("GetIKESA", { OwnSPI: "2" })).PSK, "open sesame ☺");
  await client.call("ClearPingStats");
  await assert.rejects(
    listenUnix(server, path, settings),
    /--socket.*another process listens there/,
  );
  client.close();
  await shutDown(server, [listening], 500);
  assert.throws(() => Deno.lstatSync(path), Deno.errors.NotFound);
  Deno.writeTextFileSync(path, "precious");
  await assert.rejects(listenUnix(newServer(), path, settings), /a file that is no socket/);
  assert.equal(Deno.readTextFileSync(path), "precious");
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("a caller of a Unix socket is trusted if the kernel identifies it as root, and not if the kernel does not identify it", async () => {
  const call = { getPeer: () => "unknown", getAuthContext: () => ({}), call: { stream: {} } };
  for (const [user, isTrusted] of [[undefined, false], [65534, false], [0, true]] as const) {
    const judge = judgeByCredentials(() => user, { trustsOtherHosts: true });
    const session = { call: { stream: { session: {} } } };
    assert.equal((await judge({ ...call, ...session })).isTrusted, isTrusted);
  }
});
