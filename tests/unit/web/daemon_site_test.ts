import assert from "node:assert/strict";
import { readTlsFiles } from "@/api/credentials.ts";
import { textAt } from "@/web/forward.ts";
import { serveDaemon } from "@/web/daemon_site.ts";
import { serveWeb } from "@/web/http_server.ts";
import type { DaemonView, InstanceRow } from "@/web/instance_row.ts";

const LISTEN = { address: "127.0.0.1", port: 0, tls: undefined, trust: {} };

const TLS = `${import.meta.dirname}/../../api/tls`;

const FIGURES = {
  role: "client",
  configured: 100,
  established: 99,
  live: 98,
  halfOpen: 1,
  setupRate: 12.34,
  pingsSent: 7,
  pingsAnswered: 6,
};

function instance(name: string, more: Partial<InstanceRow> = {}): InstanceRow {
  const row = { name, type: "myikev2", state: "running", verdict: "running", reason: "" };
  return { ...row, figures: FIGURES, hasPage: true, ...more };
}

/** The web server of an instance, with metrics and a stream. */
function instanceServer(tunnels: number) {
  const ended: string[] = [];
  const metrics = "# HELP myikev2_live Live tunnels\n# TYPE myikev2_live gauge\n" +
    `myikev2_live ${tunnels}\n# HELP myikev2_sas By state\n# TYPE myikev2_sas gauge\n` +
    `myikev2_sas{state="a \\"b\\" {c}"} 1\n`;
  const page = (type: string, body: string) => () => Promise.resolve({ type, body });
  const server = serveWeb(LISTEN, {
    pages: {
      "/": page("text/html; charset=utf-8", "the live page\n"),
      "/metrics": page("text/plain", metrics),
    },
    streams: {
      "/events": (stream) => {
        stream.send("change", "of the instance");
        return () => ended.push("events");
      },
    },
  });
  return server.then((web) => ({ web, ended }));
}

/** A daemon with these instances; the servers of some by name. */
async function daemon(rows: () => readonly InstanceRow[], servers: Record<string, number> = {}) {
  let asked = 0;
  const view: DaemonView = {
    instances: () => {
      asked++;
      return Promise.resolve(rows());
    },
    serverOf: (name) => {
      const port = servers[name];
      return port === undefined ? undefined : { host: "127.0.0.1", port, tls: false };
    },
    resultOf: (name) => name === "ended" ? '{"no": "result"}' : undefined,
  };
  const site = await serveDaemon(view, {
    ...LISTEN,
    reports: { masks: false, advice: () => undefined },
  });
  const textAt = async (path: string, init?: RequestInit) => {
    const answer = await fetch(site.url + path, init);
    return [answer.status, await answer.text()] as const;
  };
  return { site, textAt, asked: () => asked };
}

/** Reads a stream of events until it has as many as wanted. */
async function events(url: string, wanted: number): Promise<string[]> {
  const answer = await fetch(url);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("\n\n").length <= wanted) text += (await reader.read()).value;
  await reader.cancel();
  return text.split("\n\n").slice(0, wanted).map((event) => /^data: (.*)$/m.exec(event)![1]!);
}

Deno.test("daemon page: a table of the instances, in which texts of others are escaped", async () => {
  const hostile = instance("other", {
    figures: undefined,
    type: "other",
    reason: "<b>&",
    state: "died",
  });
  const { site, textAt } = await daemon(() => [instance("cl"), { ...hostile, hasPage: false }]);
  try {
    const [status, html] = await textAt("");
    assert.equal(status, 200);
    assert.match(html, /<a href="instances\/cl\/">cl<\/a>/);
    assert.match(html, /<td data-column="established" class="number">99<\/td>/);
    assert.match(html, /<th scope="row">other<\/th>/);
    assert.ok(html.includes("&lt;b>&amp;") || html.includes("&lt;b&gt;&amp;"));
    assert.ok(
      html.includes("2 instances: 1 running, 1 died. Tunnels of all: 99 of 100 established"),
    );
    assert.deepEqual(JSON.parse((await textAt("instances.json"))[1])[0].figures, FIGURES);
  } finally {
    await site.close();
  }
});

Deno.test("daemon page: the page of an instance is that of its process, or its report", async () => {
  const { web, ended } = await instanceServer(5);
  const { site, textAt } = await daemon(() => [], { cl: web.port, gone: 1 });
  try {
    assert.deepEqual(await textAt("instances/cl/"), [200, "the live page\n"]);
    assert.deepEqual(await textAt("instances/cl/", { method: "HEAD" }), [200, ""]);
    assert.deepEqual(await events(`${site.url}instances/cl/events`, 1), ["of the instance"]);
    for (let i = 0; i < 500 && ended.length === 0; i++) {
      await new Promise((done) => setTimeout(done, 10));
    }
    assert.deepEqual(ended, ["events"], "the instance hears that its reader has gone");
    const [status, words] = await textAt("instances/gone/");
    assert.deepEqual([status, /cannot be read/.test(words)], [502, true]);
    assert.match((await textAt("instances/ended/"))[1], /no JSON result/);
    for (
      const path of ["instances/nobody/", "instances/cl/other", "instances/%ff/", "instances/cl"]
    ) {
      const [status, words] = await textAt(path);
      assert.deepEqual([path, status], [path, 404]);
      assert.ok(words.endsWith("There is: / /instances.json /metrics /events /instances/NAME/\n"));
    }
    assert.equal((await textAt("instances/cl/", { method: "POST", body: "x" }))[0], 405);
  } finally {
    await site.close();
    await web.close();
  }
});

Deno.test("daemon page: who watches hears of changes, and the instances are asked once for all", async () => {
  const rows = [instance("a")];
  const { site, asked } = await daemon(() => [...rows]);
  try {
    const both = [1, 2].map(() => events(`${site.url}events`, 2));
    const change = setInterval(() => {
      if (asked() > 0) rows[1] = instance("b", { state: "failed", verdict: "failed" });
    }, 50);
    for (const told of await Promise.all(both)) {
      const [first, second] = told.map((text) => JSON.parse(text));
      assert.deepEqual(first.rows.map(({ name }: { name: string }) => name), ["a"]);
      assert.deepEqual(second.rows[1], {
        name: "b",
        href: "instances/b/",
        cells: ["failed", "failed", "client", "100", "99", "98", "1", "12.3", "7", "6", ""],
        tone: "failed",
      });
    }
    clearInterval(change);
    assert.ok(asked() <= 4, `asked ${asked()} times`);
  } finally {
    await site.close();
  }
});

Deno.test("daemon metrics: each sample has the name of its instance, each metric one TYPE", async () => {
  const [one, two] = await Promise.all([instanceServer(5), instanceServer(6)]);
  const rows = [instance("one"), instance("two"), instance('t"3'), instance("gone")];
  const servers = { one: one.web.port, two: two.web.port, gone: 1 };
  const { site, textAt, asked } = await daemon(() => rows, servers);
  try {
    const lines = (await textAt("metrics"))[1].split("\n");
    const at = lines.indexOf("# TYPE myikev2_live gauge");
    assert.deepEqual(lines.slice(at + 1, at + 3), [
      'myikev2_live{test="one"} 5',
      'myikev2_live{test="two"} 6',
    ]);
    assert.ok(lines.includes('myikev2_sas{test="two",state="a \\"b\\" {c}"} 1'));
    assert.ok(lines.includes("myikev2_instances 4"));
    assert.ok(lines.includes("myikev2_instance_pages_unanswered 1"));
    assert.ok(lines.includes('myikev2_instance_tunnels_established{test="t\\"3"} 99'));
    const types = lines.filter((line) => line.startsWith("# TYPE"));
    assert.equal(new Set(types).size, types.length);
    const again = await Promise.all(Array.from({ length: 20 }, () => textAt("metrics")));
    assert.equal(new Set(again.map(([, text]) => text)).size, 1);
    assert.ok(asked() <= 2, `asked ${asked()} times`);
  } finally {
    await Promise.all([site.close(), one.web.close(), two.web.close()]);
  }
});

Deno.test("daemon page: an instance with TLS is asked by it; one that wants a certificate is not shown", async () => {
  const files = { certificate: `${TLS}/server.pem`, key: `${TLS}/server.key`, clientCa: "" };
  const body = "by TLS\n";
  const serve = (clientCa: string) =>
    serveWeb({ ...LISTEN, tls: readTlsFiles({ ...files, clientCa }) }, {
      pages: { "/": () => Promise.resolve({ type: "text/plain; charset=utf-8", body }) },
      streams: {},
    });
  const open = await serve("");
  const closed = await serve(`${TLS}/authority.pem`);
  const upstream = { host: "127.0.0.1", tls: true, path: "/" };
  try {
    assert.equal(await textAt({ ...upstream, port: open.port }), body);
    await assert.rejects(textAt({ ...upstream, port: closed.port }));
    await assert.rejects(textAt({ ...upstream, port: open.port, path: "/none" }), /answers 404/);
  } finally {
    await Promise.all([open.close(), closed.close()]);
  }
});
