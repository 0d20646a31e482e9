import assert from "node:assert/strict";
import { credentials, status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import {
  holderOf,
  isLoopback,
  judgeByOwner,
  maySeeSecrets,
  trustOwnProcess,
} from "@/api/caller.ts";
import { CONNECTION_LIMITS, STREAM_LIMITS } from "@/api/caller_quota.ts";
import { parseAddress } from "@/base/address.ts";
import { ownerInTable, socketOwner } from "@/native/socket_owner.ts";
import { canBecomeOthers, relayAs, withoutRights } from "./as_user.ts";
import { ApiClient, withApi } from "./client.ts";

Deno.test("the addresses of 127.0.0.0/8 and ::1 are loopback addresses, in any notation", () => {
  for (const peer of ["127.0.0.1:1", "127.255.0.9:65535", "::1:50000", "[::1]:50000"]) {
    assert.ok(isLoopback(peer), peer);
  }
  assert.ok(isLoopback("::ffff:127.0.0.2:4711"));
  for (const peer of ["126.0.0.1:1", "128.0.0.1:1", "10.127.0.1:9", "::2:1", "fe80::1:1"]) {
    assert.ok(!isLoopback(peer), peer);
  }
  for (const peer of ["::ffff:10.0.0.1:127", "1::1:1", "::1:0:1:5", "unknown", "", "127.0.0.1"]) {
    assert.ok(!isLoopback(peer), peer);
  }
});

const TLS = `${import.meta.dirname}/../../api/tls`;

Deno.test("apisecrets always and never do not depend on the caller, and auto does", async () => {
  const call = { getPeer: () => "192.0.2.1:9", getAuthContext: () => ({}) };
  const trustNobody = () => Promise.resolve({ isTrusted: false, description: "nobody" });
  assert.equal(await maySeeSecrets("always", call, trustNobody), true);
  assert.equal(await maySeeSecrets("never", call, trustOwnProcess), false);
  assert.equal(await maySeeSecrets("auto", call, trustNobody), false);
});

Deno.test("a caller whose connection is unknown is not trusted, unless it has a client certificate", async () => {
  const judge = judgeByOwner({});
  const call = (sslPeerCertificate?: object) => ({
    getPeer: () => "127.0.0.1:9",
    getAuthContext: () => ({ sslPeerCertificate }),
  });
  assert.equal((await judge(call())).isTrusted, false);
  assert.equal((await judge(call({}))).isTrusted, true);
});

Deno.test("connections whose clients answer no PING count as those of one caller", async () => {
  const judge = judgeByOwner({});
  // No process of this host has a socket with these ends, and a destroyed session sends no PING.
  const call = (port: number) => ({
    getPeer: () => `192.0.2.1:${port}`,
    getAuthContext: () => ({}),
    call: { stream: { session: { destroyed: true, ping: () => false } } },
  });
  const [one, other] = await Promise.all([judge(call(4711)), judge(call(4712))]);
  assert.equal(one.isTrusted, false);
  assert.match(one.description, /^a caller who did not answer a PING, at 192\.0\.2\.1:4711$/);
  assert.deepEqual(holderOf(one), holderOf(other));
});

/** Calls `body` with a client whose connections belong to another user of this host. */
async function asUser(
  user: number,
  port: number,
  body: (client: ApiClient) => Promise<void>,
  channel = credentials.createInsecure(),
): Promise<void> {
  const relay = relayAs(user, port);
  const client = new ApiClient(`127.0.0.1:${relay.port}`, channel);
  try {
    await body(client);
  } finally {
    client.close();
    relay.close();
  }
}

/** The status code and the message of a call that must be refused. */
function refusal(call: Promise<unknown>): Promise<{ code: number; details: string }> {
  return call.then(
    () => assert.fail("the call was answered"),
    ({ code, details }) => ({ code, details }),
  );
}

Deno.test({
  name: "another user of this host may read everything but secrets, and change nothing",
  ignore: !canBecomeOthers,
  fn: () =>
    withApi(async ({ api, run, client: own }) => {
      const stream = own.stream("SubscrEvent", { Level: 1 });
      await stream.opened;
      await asUser(65534, api.port, async (client) => {
        assert.equal((await client.call("GetSummary")).Role, 2);
        assert.equal((await client.call("GetIKESA", { OwnSPI: "2" })).PSK, "");
        const changes = ["Stop", "ClearPingStats", "RekeyChild", "UpdateEventFilter"] as const;
        for (const method of changes) {
          assert.equal((await refusal(client.call(method))).code, DENIED, method);
        }
        const { details } = await refusal(client.call("Stop"));
        assert.match(details, /^Stop is for root .* user 65534 at 127\.0\.0\.1:\d+$/);
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(run.stops, []);
      assert.equal((await own.call("GetIKESA", { OwnSPI: "2" })).PSK, "open sesame ☺");
      await own.call("ClearPingStats");
      await own.call("Stop");
    }),
});

Deno.test({
  name: "a user who is named by --allow-user is trusted, and no other one",
  ignore: !canBecomeOthers,
  fn: () =>
    withApi(async ({ api }) => {
      await asUser(65534, api.port, async (client) => {
        assert.equal((await client.call("GetIKESA", { OwnSPI: "2" })).PSK, "open sesame ☺");
        await client.call("ClearPingStats");
      });
      await asUser(65533, api.port, async (client) => {
        assert.equal((await refusal(client.call("ClearPingStats"))).code, DENIED);
      });
    }, { trust: { users: [65534] } }),
});

Deno.test({
  name: "another user may change something over TLS only with a certificate",
  ignore: !canBecomeOthers,
  fn: async () => {
    const read = (file: string) => Buffer.from(Deno.readFileSync(`${TLS}/${file}`));
    const files = { certificate: `${TLS}/server.pem`, key: `${TLS}/server.key` };
    const roots = read("authority.pem");
    await withApi(({ api }) =>
      asUser(65534, api.port, async (client) => {
        assert.equal((await refusal(client.call("ClearPingStats"))).code, DENIED);
      }, credentials.createSsl(roots)), { tls: { ...files, clientCa: "" } });
    await withApi(
      ({ api }) =>
        asUser(
          65534,
          api.port,
          async (client) => void await client.call("ClearPingStats"),
          credentials.createSsl(roots, read("client.key"), read("client.pem")),
        ),
      { tls: { ...files, clientCa: `${TLS}/authority.pem` } },
    );
  },
});

Deno.test({
  name: "the connections and streams of one user do not use up those of other users",
  ignore: !canBecomeOthers,
  fn: () =>
    withApi(async ({ api, client: own }) => {
      const relay = relayAs(65534, api.port);
      const clients = Array.from({ length: CONNECTION_LIMITS.perStranger + 4 }, () => {
        return new ApiClient(`127.0.0.1:${relay.port}`);
      });
      const answers = await Promise.allSettled(clients.map((c) => c.call("GetSummary")));
      const answered = clients.filter((_, i) => answers[i]!.status === "fulfilled");
      assert.equal(answered.length, CONNECTION_LIMITS.perStranger);
      const streams = Array.from(
        { length: STREAM_LIMITS.perStranger },
        (_, i) => answered[i % answered.length]!.stream("SubscrEvent"),
      );
      await Promise.all(streams.map(({ opened }) => opened));
      // On a busy machine a PING may be answered late, and then the streams of that connection are
      // counted for a caller of their own. Sixteen more streams exceed the limit in any case.
      const more = Array.from({ length: 16 }, () => answered[0]!.stream("NotifyFinalResult"));
      const refused = await Promise.race(more.map(({ ended }) => ended));
      assert.equal(refused, status.RESOURCE_EXHAUSTED);
      // The streams of trusted callers are counted separately.
      const stream = own.stream("SubscrEvent");
      await stream.opened;
      assert.equal((await own.call("GetSummary")).Role, 2);
      for (const client of clients) client.close();
      relay.close();
    }),
});

const DENIED = status.PERMISSION_DENIED;

Deno.test({
  name:
    "a socket that was closed after its request has no owner, although the kernel shows it as root's",
  ignore: !canBecomeOthers,
  fn: async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const address = Uint8Array.of(127, 0, 0, 1);
    const own = { address, port };
    const command = 'exec 3<>"/dev/tcp/127.0.0.1/$0"; read; exec 3>&-; read';
    const child = new Deno.Command("setpriv", {
      args: [...withoutRights(65534), "bash", "-c", command, String(port)],
      stdin: "piped",
    }).spawn();
    const input = child.stdin.getWriter();
    using connection = await listener.accept();
    const peer = { address, port: (connection.remoteAddr as Deno.NetAddr).port };
    const table = () => Deno.readTextFileSync("/proc/net/tcp");
    assert.equal(socketOwner(peer, own), 65534);
    assert.equal(ownerInTable(table(), peer, own), 65534);
    assert.equal(socketOwner(own, peer), 0, "the end of this process");
    await input.write(new TextEncoder().encode("\n"));
    // The read returns null when the process has closed its socket.
    assert.equal(await connection.read(new Uint8Array(1)), null);
    assert.equal(socketOwner(peer, own), undefined);
    assert.equal(ownerInTable(table(), peer, own), undefined);
    await input.close();
    await child.status;
    listener.close();
  },
});

Deno.test("the owner of a connection is found by the addresses of both ends, also for an IPv6 socket with IPv4 addresses", () => {
  const end = (text: string, port: number) => ({ address: parseAddress(text)!, port });
  const entry = (local: string, remote: string, state: string, user: number, inode: number) =>
    `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${user} 0 ${inode} 1`;
  const own = end("127.0.0.1", 12330);
  const peer = end("127.0.0.1", 40000);
  const [peerEnd, ownEnd] = ["0100007F:9C40", "0100007F:302A"];
  const mapped = "0000000000000000FFFF0000";
  assert.equal(ownerInTable(entry(peerEnd, ownEnd, "01", 1000, 5), peer, own), 1000);
  const ofIpv6Socket = entry(mapped + peerEnd, mapped + ownEnd, "01", 1000, 5);
  assert.equal(ownerInTable(ofIpv6Socket, peer, own), 1000);
  assert.equal(
    ownerInTable(entry(ownEnd, peerEnd, "01", 1000, 5), peer, own),
    undefined,
    "the entry of the other end",
  );
  assert.equal(
    ownerInTable(entry(peerEnd, ownEnd, "06", 0, 0), peer, own),
    undefined,
    "a socket in TIME_WAIT has no owner",
  );
  assert.equal(
    ownerInTable(entry(peerEnd, ownEnd, "01", 0, 0), peer, own),
    undefined,
    "a socket without an inode is closed",
  );
  const loopbackHex = "00000000000000000000000001000000";
  const [own6, peer6] = [end("::1", 12330), end("::1", 40000)];
  assert.equal(
    ownerInTable(entry(`${loopbackHex}:9C40`, `${loopbackHex}:302A`, "01", 7, 5), peer6, own6),
    7,
  );
});
