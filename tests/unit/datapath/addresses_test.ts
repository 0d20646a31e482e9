/**
 * The start and the end of a test on the addresses of a network namespace. Needs root and iproute2.
 */
import assert from "node:assert/strict";
import { SetupError } from "@/base/errors.ts";
import { prepareAddresses } from "@/datapath/addresses.ts";
import { loadShim } from "@/native/load.ts";
import type { Told } from "./_prepare.ts";

const NAMESPACE = `myikev2-addr-${Deno.pid}`;
const ip = (...args: string[]) =>
  run("ip", args).then(({ success }) => assert.ok(success, args.join(" ")));
const inside = (line: string) => ip("-n", NAMESPACE, ...line.split(" "));

async function run(command: string, args: string[], env: Record<string, string> = {}) {
  const process = new Deno.Command(command, { args, env, stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await process.output();
  const text = (octets: Uint8Array) => new TextDecoder().decode(octets);
  return { success, stdout: text(stdout), stderr: text(stderr) };
}

interface Surroundings {
  readonly flush?: "force";
  readonly env?: Record<string, string>;
  /** Lines of `ip` that come first, in the namespace. */
  readonly before?: readonly string[];
}

/** Prepares and undoes in a namespace with lo and the interface v0. */
async function prepared(plan: object, around: Surroundings = {}): Promise<Told> {
  await ip("netns", "add", NAMESPACE);
  try {
    for (const line of ["link set lo up", "link add v0 type veth peer name v1", "link set v1 up"]) {
      await inside(line);
    }
    for (const line of around.before ?? []) await inside(line);
    const script = `${import.meta.dirname}/_prepare.ts`;
    const { stdout, stderr } = await run("ip", [
      "netns",
      "exec",
      NAMESPACE,
      Deno.execPath(),
      "run",
      "-A",
      script,
      JSON.stringify({ bindifname: "v0", ...plan }),
      around.flush ?? "true",
    ], around.env);
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout);
  } finally {
    await ip("netns", "del", NAMESPACE);
  }
}

const hasIp = await run("ip", ["-V"]).then(() => true, () => false);
const isRoot = Deno.uid() === 0 && hasIp;

/** A test with prepared addresses in the namespace, until it ends or is killed. */
interface Held {
  readonly told: Omit<Told, "after">;
  readonly process: Deno.ChildProcess;
  /** Ends in order. */
  end(): Promise<void>;
}

async function held(plan: object): Promise<Held> {
  const script = `${import.meta.dirname}/_prepare.ts`;
  const process = new Deno.Command("ip", {
    args: [
      ...["netns", "exec", NAMESPACE, Deno.execPath(), "run", "-A", script],
      ...[JSON.stringify({ bindifname: "v0", ...plan }), "true", "hold"],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) text += (await lines.read()).value ?? "{}\n";
  const end = async () => {
    await process.stdin.close();
    while (!(await lines.read()).done);
    await process.status;
  };
  return { told: JSON.parse(text.split("\n")[0]!), process, end };
}

/** Makes the namespace with lo and the interface v0 for as long as `work` takes. */
async function withNamespace(work: () => Promise<void>): Promise<void> {
  await ip("netns", "add", NAMESPACE);
  try {
    for (const line of ["link set lo up", "link add v0 type veth peer name v1", "link set v1 up"]) {
      await inside(line);
    }
    await work();
  } finally {
    await ip("netns", "del", NAMESPACE);
  }
}

/** What `ip` shows in the namespace. */
async function shown(line: string): Promise<string> {
  return (await run("ip", ["-n", NAMESPACE, ...line.split(" ")])).stdout;
}

/** A test that makes a network namespace. */
function inNamespace(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name} (needs root)`, ignore: !isRoot, fn });
}

const CLIENT = { startclntaddr: "10.77.0.1/16", bindifaddr: "10.77.9.9/16" };

inNamespace("tunnel addresses and bindifaddr are put on the interface, and taken off", async () => {
  const { said, during, after } = await prepared(CLIENT);
  assert.match(during!, /^v0@v1 UP 10\.77\.0\.1\/16 10\.77\.9\.9\/16 /m);
  assert.match(during!, /^local 10\.77\.0\.2 dev v0 .*proto 234/m);
  assert.doesNotMatch(after, /10\.77/);
  assert.deepEqual(said, [
    "removing 127.0.0.1/8 from lo",
    "removing all XFRM states and policies, and routes of table 330",
  ]);
});

inNamespace("lo is left with 127.0.0.1/32 and ::1/128", async () => {
  const before = ["addr add 192.0.2.7/32 dev lo"];
  const { said, during, after } = await prepared(CLIENT, { before });
  for (const state of [during!, after]) {
    assert.match(state, /^lo UNKNOWN 127\.0\.0\.1\/32 ::1\/128 $/m);
  }
  assert.ok(said.includes("removing 192.0.2.7/32 from lo"));
});

inNamespace("tunnels on lo itself keep what lo always has", async () => {
  const plan = { role: "gateway", bindifname: "lo", bindifaddr: "127.0.0.1/32" };
  const { during, after } = await prepared(plan);
  for (const state of [during!, after]) {
    assert.match(state, /^lo UNKNOWN 127\.0\.0\.1\/32 ::1\/128 $/m);
  }
});

inNamespace("what an interface had is told, then removed: several of one subnet too", async () => {
  const before = [
    "addr add 10.77.5.1/16 dev v0",
    "addr add 10.77.5.2/16 dev v0",
    "addr add 2001:db8::5/64 dev v0 nodad",
    "link set v0 up",
  ];
  const { said, during } = await prepared(CLIENT, { before });
  assert.deepEqual(said.slice(0, 3), [
    "removing 10.77.5.1/16 from v0",
    "removing 10.77.5.2/16 from v0",
    "removing 2001:db8::5/64 from v0",
  ]);
  assert.match(
    during!,
    /^v0@v1 UP 10\.77\.0\.1\/16 10\.77\.9\.9\/16 link-local $/m,
  );
});

inNamespace("an address that was there before stays at the end", async () => {
  const { after } = await prepared(CLIENT, { before: ["addr add 10.77.9.9/16 dev v0"] });
  assert.match(after, /^v0@v1 UP 10\.77\.9\.9\/16 /m);
});

inNamespace("IPv6 addresses can be used at once", async () => {
  const { during } = await prepared({ startclntaddr: "2001:db8::a/64", bindifaddr: undefined });
  assert.match(during!, /2001:db8::a\/64/);
  if (loadShim().symbols) assert.match(during!, /^local 2001:db8::b dev v0 .*proto 234/m);
  else assert.match(during!, /2001:db8::b\/64/);
  assert.doesNotMatch(during!, /tentative/);
});

inNamespace("the static route is there while the test runs", async () => {
  const staticroute = "ip route replace 10.99.0.0/16 via 10.77.9.1";
  const { said, during, after } = await prepared({ ...CLIENT, staticroute });
  assert.match(during!, /^10\.99\.0\.0\/16 via 10\.77\.9\.1 dev v0/m);
  assert.doesNotMatch(after, /10\.99/);
  assert.equal(said.at(-1), `running ${staticroute}`);
});

inNamespace("a static route that fails takes the addresses back", async () => {
  const staticroute = "ip route replace 10.99.0.0/16 via 203.0.113.1";
  const { error, after } = await prepared({ ...CLIENT, staticroute });
  assert.match(error!, /Cannot run staticroute .*Nexthop has invalid gateway/);
  assert.doesNotMatch(after, /10\.77/);
});

inNamespace("only ip is run for a static route", async () => {
  const { error, after } = await prepared({ ...CLIENT, staticroute: "rm -rf x" });
  assert.match(error!, /expected `ip route …` or `ip rule …` .*, found rm/);
  assert.match(after, /^lo UNKNOWN 127\.0\.0\.1\/8/m);
});

inNamespace("policies of the kernel and routes of table 330 go", async () => {
  const before = [
    "xfrm policy add src 10.44.0.0/16 dst 10.45.0.0/16 dir out action block",
    "link set v0 up",
    "route add 10.46.0.0/16 dev v0 table 330",
  ];
  const { error, during } = await prepared(CLIENT, { before });
  assert.equal(error, undefined);
  assert.doesNotMatch(during!, /10\.4[456]/);
});

inNamespace("an interface that is not there is named", async () => {
  const { error } = await prepared({ ...CLIENT, bindifname: "v9" });
  assert.equal(error, "Cannot use bindifname v9: there is no such interface");
});

inNamespace("many tunnel addresses are a few local routes", async () => {
  const plan = { startclntaddr: "10.64.0.1/10", numberoftunnels: 100_000 };
  const { during, after } = await prepared(plan);
  const routes = during!.split("\n").filter((line) => line.includes("proto 234"));
  assert.ok(routes.length < 34, `${routes.length} routes`);
  // The last tunnel's address is 10.64.0.1 + 99,999.
  assert.ok(routes.some((line) => line.startsWith("local 10.65.134.160 ")), routes.join("\n"));
  assert.doesNotMatch(after, /10\.6[45]/);
});

inNamespace(
  "two tests on one interface leave each other's addresses alone",
  () =>
    withNamespace(async () => {
      const first = await held({ startclntaddr: "10.77.1.1/16", numberoftunnels: 9 });
      const second = await held({ startclntaddr: "10.77.2.1/16", numberoftunnels: 9 });
      assert.ok(second.told.said.some((line) => /another test here: XFRM states/.test(line)));
      assert.match(second.told.during!, /10\.77\.1\.1\/16 10\.77\.2\.1\/16/);
      assert.match(second.told.during!, /^local 10\.77\.1\.4\/30 dev v0/m);
      await first.end();
      assert.match(await shown("-br addr show dev v0"), /10\.77\.2\.1\/16/);
      const routes = await shown("route show table local proto 234");
      assert.match(routes, /10\.77\.2\.4\/30/);
      assert.doesNotMatch(routes, /10\.77\.1\./);
      await second.end();
      assert.doesNotMatch(await shown("route show table all"), /10\.77/);
    }),
);

inNamespace(
  "what a killed test left is taken away by the next one",
  () =>
    withNamespace(async () => {
      await inside("link add v2 type veth peer name v3");
      const killed = await held({
        bindifname: "v2",
        startclntaddr: "10.77.1.1/16",
        numberoftunnels: 9,
      });
      killed.process.kill("SIGKILL");
      await killed.process.status;
      await killed.end();
      assert.match(await shown("route show table local proto 234"), /10\.77\.1\.4\/30/);
      const next = await held({ startclntaddr: "10.78.1.1/16", numberoftunnels: 9 });
      assert.match(next.told.said[0]!, /^removing what process \d+ left on v2$/);
      assert.doesNotMatch(await shown("-br addr"), /10\.77/);
      assert.doesNotMatch(await shown("route show table all"), /10\.77/);
      await next.end();
    }),
);

const DEFAULT_ROUTES: readonly (readonly [what: string, lines: string[]])[] = [
  ["the default route", ["route add default via 10.8.0.1"]],
  ["a default route of several ways", [
    "route add default nexthop via 10.8.0.1 nexthop via 10.8.0.2",
  ]],
  ["a default route of another table", ["route add default via 10.8.0.1 table 7"]],
  ["the IPv6 default route", [
    "addr add 2001:db8::1/64 dev v0 nodad",
    "-6 route add default via 2001:db8::9",
  ]],
];

for (const [what, lines] of DEFAULT_ROUTES) {
  const before = ["addr add 10.8.0.5/24 dev v0", "link set v0 up", ...lines];
  inNamespace(`an interface with ${what} is not flushed, but by force`, async () => {
    const { error, said, after } = await prepared(CLIENT, { before });
    assert.match(
      error!,
      /^Cannot flush: bindifname v0 carries the default route\. .*--flush=force$/,
    );
    assert.deepEqual(said, []);
    assert.match(after, /10\.8\.0\.5\/24/);
    const forced = await prepared(CLIENT, { before, flush: "force" });
    assert.ok(forced.said.includes("removing 10.8.0.5/24 from v0"));
  });
}

inNamespace("routes of table 330, and those that lead nowhere, are no default route", async () => {
  const before = [
    "addr add 10.8.0.5/24 dev v0",
    "link set v0 up",
    "route add default via 10.8.0.1 table 330",
    "route add unreachable default metric 9",
  ];
  assert.equal((await prepared(CLIENT, { before })).error, undefined);
});

inNamespace("the interface of the caller's SSH session is not flushed", async () => {
  const before = ["addr add 10.8.0.5/24 dev v0", "link set v0 up"];
  const env = { SSH_CONNECTION: "10.8.0.99 51000 10.8.0.5 22" };
  const { error } = await prepared(CLIENT, { before, env });
  assert.match(error!, /bindifname v0 carries this SSH session/);
  const elsewhere = { SSH_CONNECTION: "10.8.0.5 51000 10.8.0.99 22" };
  assert.equal((await prepared(CLIENT, { before, env: elsewhere })).error, undefined);
});

const PLAN = {
  role: "gateway" as const,
  bindifname: "lo",
  bindifaddr: undefined,
  startclntaddr: undefined,
  numberoftunnels: 1,
  mobike: false,
  mobikeaddrpertunnel: 2,
  mobikeaddrpergw: 2,
  staticroute: "",
};

Deno.test("--flush=false does nothing, and says that a static route is not run", async () => {
  const said: string[] = [];
  const plan = { ...PLAN, bindifname: "no-such-link", staticroute: "ip route replace x" };
  const { undo } = await prepareAddresses(plan, false, (line) => void said.push(line));
  await undo();
  assert.deepEqual(said, ["--flush=false: staticroute is not run"]);
});

// In a namespace of its own, flushing lo is allowed, so that it is not tried.
const isOwn = await Deno.readLink("/proc/1/ns/net").then(
  async (first) => first !== await Deno.readLink("/proc/self/ns/net"),
  () => false,
);

Deno.test({
  name: "lo of the machine's own network is not flushed (needs iproute2)",
  ignore: !hasIp || isOwn,
  fn: () =>
    assert.rejects(
      // A removal is announced before it is done; if it were not refused, this would fail.
      prepareAddresses(PLAN, true, () => assert.fail("something was removed")),
      (e) => e instanceof SetupError && /lo would be flushed, .*--flush=false/.test(e.message),
    ),
});
