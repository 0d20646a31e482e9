import assert from "node:assert/strict";
import { type EventStream, serveWeb, type WebServer } from "@/web/http_server.ts";

const PAGE = { type: "text/plain; charset=utf-8", body: "grüß Gott\n" };

/** A server with a page, a page that fails, and a stream. */
async function served(): Promise<
  { server: WebServer; streams: EventStream[]; ended: () => number }
> {
  const streams: EventStream[] = [];
  let ended = 0;
  const server = await serveWeb(
    { address: "127.0.0.1", port: 0, tls: undefined, trust: {} },
    {
      pages: {
        "/": () => Promise.resolve(PAGE),
        "/fails": () => Promise.reject(new Error("no figures")),
      },
      streams: {
        "/events": (stream) => {
          streams.push(stream);
          return () => ended++;
        },
      },
    },
  );
  return { server, streams, ended: () => ended };
}

/** Sends octets and returns all that comes back. */
async function asked(port: number, text: string): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text));
  let answer = "";
  const octets = new Uint8Array(4_096);
  for (let n = await conn.read(octets); n !== null; n = await conn.read(octets)) {
    answer += new TextDecoder().decode(octets.subarray(0, n));
  }
  conn.close();
  return answer;
}

const until = async (is: () => boolean) => {
  for (let i = 0; i < 3_000 && !is(); i++) await new Promise((done) => setTimeout(done, 10));
  assert.ok(is());
};

Deno.test("web: a page, and what else is asked is refused with a sentence", async () => {
  const { server } = await served();
  try {
    const whole = await fetch(server.url);
    assert.equal(whole.headers.get("x-content-type-options"), "nosniff");
    assert.equal(await whole.text(), PAGE.body);
    const head = await fetch(server.url, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "12");
    const statusOf = async (path: string, init?: RequestInit) => {
      const answer = await fetch(server.url + path, init);
      return [answer.status, await answer.text()];
    };
    assert.deepEqual(await statusOf("other"), [
      404,
      "There is nothing here. There is: / /fails /events\n",
    ]);
    assert.deepEqual(await statusOf("", { method: "POST", body: "x" }), [
      405,
      "GET and HEAD are answered.\n",
    ]);
    assert.deepEqual(await statusOf("fails"), [500, "no figures\n"]);
  } finally {
    await server.close();
  }
});

Deno.test("web: on loopback the name of another site is refused (DNS rebinding)", async () => {
  const { server } = await served();
  const statusFor = async (host: string) =>
    (await asked(server.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`))
      .split(" ")[1];
  try {
    for (const host of ["127.0.0.1", `localhost:${server.port}`, "[::1]:80"]) {
      assert.equal(await statusFor(host), "200", host);
    }
    for (const host of ["evil.example", `evil.example:${server.port}`, "127.0.0.1.evil.example"]) {
      assert.equal(await statusFor(host), "421", host);
    }
  } finally {
    await server.close();
  }
});

Deno.test("web: what is no HTTP ends its connection, and no other", async () => {
  const { server } = await served();
  try {
    await asked(server.port, "\x16\x03\x01 this is no HTTP\r\n\r\n");
    assert.equal(await (await fetch(server.url)).text(), PAGE.body);
  } finally {
    await server.close();
  }
});

Deno.test("web: streams are bounded in number, and their end is told", async () => {
  const { server, streams, ended } = await served();
  const request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const all: Deno.TcpConn[] = [];
  try {
    for (let i = 0; i < 32; i++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      all.push(conn);
      await conn.write(new TextEncoder().encode(request));
      await until(() => streams.length === i + 1);
    }
    assert.match(
      await asked(server.port, request),
      /^HTTP\/1\.1 503 .*32 others watch already\.\n/s,
    );
    assert.equal(streams[0]!.send("change", "a\nb"), true);
    let heard = "";
    while (!heard.includes("data: b")) {
      const octets = new Uint8Array(4_096);
      heard += new TextDecoder().decode(octets.subarray(0, (await all[0]!.read(octets))!));
    }
    assert.match(heard, /event: change\ndata: a\ndata: b\n\n/);
    all.shift()!.close();
    await until(() => ended() === 1);
    streams[1]!.end();
    await until(() => ended() === 2);
  } finally {
    for (const conn of all) conn.close();
    await server.close();
  }
});

Deno.test("web: to whoever does not read nothing more is sent than fits", async () => {
  const { server, streams } = await served();
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  try {
    await conn.write(new TextEncoder().encode("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await until(() => streams.length === 1);
    const message = "x".repeat(1 << 18);
    let sent = 0;
    while (sent < 200 && streams[0]!.send("change", message)) sent++;
    assert.ok(sent < 200, `${sent} messages of 256 KiB were taken`);
  } finally {
    conn.close();
    await server.close();
  }
});
