/**
 * Our RADIUS client with servers that work, are silent, answer wrongly, have another secret, or fall
 * silent in the middle of a login.
 */
import assert from "node:assert/strict";
import type { EapAnswer } from "@/eap/conversation.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { RadiusFrontEnd, type RadiusReply } from "@/eap/radius/front_end.ts";
import { decodeRadius, radiusValue } from "@/eap/radius/packet.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { RadiusAttribute } from "@/iana/radius.ts";
import { RadiusClient } from "@/radius/client.ts";
import { type RadiusHandler, RadiusServer } from "@/radius/server.ts";
import type { RadiusAddress } from "@/radius/sockets.ts";

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const SECRET = new TextEncoder().encode("testing123");
const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

function newFrontEnd(secret = SECRET): RadiusFrontEnd {
  const env = { random, tls: undefined };
  const users = new EapUsers([{ identity: "bob", password: "secret" }]);
  return new RadiusFrontEnd({
    secret,
    random,
    open: () => openEapServer({ methods: [EapType.MSCHAPV2], users }, env),
  });
}

function newClient(servers: readonly RadiusAddress[], more = {}): RadiusClient {
  return new RadiusClient({
    servers,
    secret: SECRET,
    nasIdentifier: "gateway",
    random,
    sendStart: false,
    tries: 2,
    firstWaitMs: 60,
    ...more,
  });
}

/** Logs bob in, and returns the answer that ended the login. */
async function logIn(client: RadiusClient, password = "secret"): Promise<EapAnswer> {
  const own = { identity: "bob", methods: [EapType.MSCHAPV2], password };
  const peer = openEapPeer(own, { random, tls: undefined });
  const spi = { type: RadiusAttribute.CALLING_STATION_ID, value: new TextEncoder().encode("7F") };
  const server = client.open([spi]);
  let answer = await server.start("bob");
  while (answer.kind === "send") {
    const said = peer.step(answer.octets);
    if (said.kind !== "send") break;
    answer = await server.step(said.octets);
  }
  server.close();
  return answer;
}

function failure(answer: EapAnswer): Extract<EapAnswer, { kind: "failed" }> {
  assert.ok(answer.kind === "failed", JSON.stringify(answer));
  return answer;
}

const SILENT: RadiusHandler = { receive: () => ({ octets: undefined, note: undefined }) };

Deno.test("a login succeeds, and each request carries the attribute of its session", async () => {
  const frontEnd = newFrontEnd();
  const seen: string[] = [];
  const server = new RadiusServer(LOOPBACK, {
    receive: (octets, from, nowMs) => {
      const id = radiusValue(decodeRadius(octets), RadiusAttribute.CALLING_STATION_ID);
      seen.push(new TextDecoder().decode(id));
      return frontEnd.receive(octets, from, nowMs);
    },
  });
  for (const sendStart of [false, true]) {
    const client = newClient([server.address], { sendStart, firstWaitMs: 5_000 });
    const answer = await logIn(client);
    assert.ok(answer.kind === "succeeded" && answer.outcome.msk?.length === 64);
    await client.close();
  }
  assert.ok(seen.length >= 7 && seen.every((id) => id === "7F"));
  await server.close();
});

Deno.test("a request that is lost is sent again, and so is a lost answer", async () => {
  const frontEnd = newFrontEnd();
  let count = 0;
  const lossy: RadiusHandler = {
    receive: (octets, from, nowMs) => {
      const drop = count++ % 4;
      if (drop === 0) return { octets: undefined, note: undefined };
      const reply = frontEnd.receive(octets, from, nowMs);
      return drop === 2 ? { octets: undefined, note: undefined } : reply;
    },
  };
  const server = new RadiusServer(LOOPBACK, lossy);
  const client = newClient([server.address], { tries: 6 });
  assert.equal((await logIn(client)).kind, "succeeded");
  await client.close();
  await server.close();
});

Deno.test("after a silent server the next one is asked, and first from then on", async () => {
  let asked = 0;
  const silent = new RadiusServer(LOOPBACK, {
    receive: () => {
      asked++;
      return { octets: undefined, note: undefined };
    },
  });
  const good = new RadiusServer(LOOPBACK, newFrontEnd());
  const client = newClient([silent.address, good.address]);
  assert.equal((await logIn(client)).kind, "succeeded");
  assert.equal(asked, 2);
  assert.equal((await logIn(client)).kind, "succeeded");
  assert.equal(asked, 2);
  await client.close();
  await Promise.all([silent.close(), good.close()]);
});

Deno.test("the cause of a failed login tells what was wrong with the server", async () => {
  const others = newFrontEnd(new TextEncoder().encode("other"));
  const wrong: RadiusHandler = {
    // This server answers any request, with an authenticator that is wrong.
    receive: (octets) => {
      const reply = new Uint8Array(20);
      reply.set([2, octets[1]!, 0, 20]);
      return { octets: reply, note: undefined };
    },
  };
  const garbage: RadiusHandler = {
    receive: (octets) => ({ octets: Uint8Array.of(2, octets[1]!, 0, 99), note: undefined }),
  };
  const midway = (frontEnd: RadiusFrontEnd): RadiusHandler => {
    let count = 0;
    return {
      receive: (octets, from, nowMs): RadiusReply =>
        count++ === 0
          ? frontEnd.receive(octets, from, nowMs)
          : { octets: undefined, note: undefined },
    };
  };
  const cases: readonly (readonly [RadiusHandler, string, RegExp])[] = [
    [SILENT, "silent server", /no answer to 2 requests$/],
    [others, "silent server", /no answer to 2 requests$/],
    [wrong, "wrong secret", /authenticator of its ACCESS_ACCEPT is wrong/],
    [garbage, "lying server", /RADIUS packet of 4 octets/],
    [midway(newFrontEnd()), "silent server", /no answer/],
  ];
  for (const [handler, cause, sentence] of cases) {
    const server = new RadiusServer(LOOPBACK, handler);
    const client = newClient([server.address]);
    const { cause: found, why } = failure(await logIn(client));
    assert.equal(found, cause, why);
    assert.match(why, sentence);
    assert.match(why, new RegExp(`^RADIUS server 127\\.0\\.0\\.1:${server.address.port} fails`));
    await client.close();
    await server.close();
  }
});

Deno.test("after a rejection no other server is asked", async () => {
  let asked = 0;
  const second = new RadiusServer(LOOPBACK, {
    receive: () => {
      asked++;
      return { octets: undefined, note: undefined };
    },
  });
  const first = new RadiusServer(LOOPBACK, newFrontEnd());
  const client = newClient([first.address, second.address], { firstWaitMs: 5_000 });
  const { cause, octets } = failure(await logIn(client, "other"));
  assert.equal(cause, "rejected");
  assert.equal(octets?.[0], 4);
  assert.equal(asked, 0);
  await client.close();
  await Promise.all([first.close(), second.close()]);
});

Deno.test("datagrams from other addresses to the client's port are ignored", async () => {
  const frontEnd = newFrontEnd();
  const stranger = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const server = new RadiusServer(LOOPBACK, {
    receive: async (octets, from, nowMs) => {
      const port = Number(from.split(":")[1]);
      const forged = Uint8Array.from([3, octets[1]!, 0, 20, ...new Uint8Array(16)]);
      await stranger.send(forged, { transport: "udp", hostname: "127.0.0.1", port });
      return frontEnd.receive(octets, from, nowMs);
    },
  });
  const client = newClient([server.address], { firstWaitMs: 5_000 });
  assert.equal((await logIn(client)).kind, "succeeded");
  assert.ok(client.strays >= 3);
  await client.close();
  await server.close();
  stranger.close();
});

Deno.test("300 logins at a time succeed, more than one socket has identifiers for", async () => {
  const server = new RadiusServer(LOOPBACK, newFrontEnd());
  const client = newClient([server.address], { tries: 6, firstWaitMs: 2_000 });
  const answers = await Promise.all(Array.from({ length: 300 }, () => logIn(client)));
  assert.equal(answers.filter(({ kind }) => kind === "succeeded").length, 300);
  await client.close();
  await server.close();
});

Deno.test("closing a login ends its wait for an answer", async () => {
  const server = new RadiusServer(LOOPBACK, SILENT);
  const client = newClient([server.address], { tries: 9, firstWaitMs: 600_000 });
  const login = client.open([]);
  const answer = login.start("bob");
  login.close();
  assert.equal(failure(await answer).cause, "silent server");
  await client.close();
  await server.close();
});

Deno.test("an address of another host is refused with the error of the system", () => {
  assert.throws(
    () => new RadiusServer({ hostname: "192.0.2.1", port: 1812 }, SILENT),
    /Cannot listen for RADIUS at 192\.0\.2\.1:1812: /,
  );
});

Deno.test("a message of a peer that is too long for RADIUS fails its login only", async () => {
  const server = new RadiusServer(LOOPBACK, newFrontEnd());
  const client = newClient([server.address]);
  const long = "b".repeat(300);
  assert.match(
    failure(await client.open([]).start(long)).why,
    /from "b+" does not fit a RADIUS packet/,
  );
  const login = client.open([]);
  assert.equal((await login.start("bob")).kind, "send");
  const huge = new Uint8Array(60_000).fill(7);
  huge.set([2, 1, 60_000 >> 8, 60_000 & 0xff, 26]);
  const { why, cause } = failure(await login.step(huge));
  assert.equal(cause, "malformed");
  assert.match(why, /EAP packet of 60000 octets from "bob" does not fit a RADIUS packet/);
  await client.close();
  await server.close();
});

Deno.test("an IPv6 server is recognized by its address in any notation", async () => {
  const frontEnd = newFrontEnd();
  const server = new RadiusServer({ hostname: "::1", port: 0 }, frontEnd);
  const client = newClient([{ hostname: "0:0:0:0:0:0:0:1", port: server.address.port }], {
    firstWaitMs: 5_000,
  });
  assert.equal((await logIn(client)).kind, "succeeded");
  await client.close();
  await server.close();
});
