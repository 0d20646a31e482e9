/**
 * Measures set-ups over a veth pair between two namespaces, and writes the figures into docs/performance.md with
 * machine, date and commit: the curve from 1,000 to 100,000 tunnels of our client and our gateway, then each of both
 * programs against each, strongSwan by its load-tester, in turn within one run. It needs root, and for the
 * comparison a strongSwan 6 with load-tester under the prefix that STRONGSWAN6 names (/opt/ss6).
 *
 * Clients are reached by one route, so that the kernel's neighbour table is not needed for each.
 *
 * Run: deno run -A tests/bench/performance.ts [--write] [--curve 1000,10000,100000] [--each 4000] [--rounds 2] [--only PAIR]
 *     [--storm 10000] [--collision 1000] [--workers 10000]
 * MYIKEV2 names the program that is measured, by default dist/myikev2.
 * @module
 */
import { parseArgs } from "node:util";
import { delay, Lab, mustRun, type Site } from "../interop/harness.ts";

const { values: flags } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    curve: { type: "string", default: "1000,10000,100000" },
    each: { type: "string", default: "4000" },
    rounds: { type: "string", default: "2" },
    only: { type: "string", default: "" },
    storm: { type: "string", default: "10000" },
    collision: { type: "string", default: "1000" },
    workers: { type: "string", default: "10000" },
  },
});
const PROGRAM = Deno.env.get("MYIKEV2") ?? new URL("../../dist/myikev2", import.meta.url).pathname;
const PREFIX = Deno.env.get("STRONGSWAN6") ?? "/opt/ss6";
const PAGE = new URL("../../docs/performance.md", import.meta.url).pathname;
const PSK = "performance-0123456789";
const GATEWAY_ID = "gw.perf.test";
/** Tunnels of our client have addresses from here on, which the gateway reaches by the client's first one. */
const CLIENTS = "10.128.0.1/9";
/** The longest time of one measurement. */
const PATIENCE_MS = 120_000;
const TICKS_A_SECOND = 100;

/** What one measurement has shown. */
interface Figures {
  readonly tunnels: number;
  readonly ratePerSec: number;
  readonly clientCpuMs: number;
  readonly gatewayCpuMs: number;
  readonly clientMiB: number;
  readonly gatewayMiB: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly repeated: number | null;
  /** The first storm of our client. */
  readonly storm: Storm | undefined;
  /** Rekeys of IKE SAs that crossed one of the other end. */
  readonly crossed: number;
}

/** The figures of a storm. */
interface Storm {
  readonly tunnels: number;
  readonly done: number;
  readonly failed: number;
  readonly latencyMs: {
    readonly p50: number | null;
    readonly p99: number | null;
    readonly max: number | null;
  };
}

/** One end that runs. */
interface End {
  readonly child: Deno.ChildProcess;
  /** Number of tunnels that are established. */
  readonly established: () => Promise<number>;
  /** The JSON result of our program, once it has ended. */
  readonly result: Promise<Record<string, never> | undefined>;
}

type Starter = (lab: Lab, tunnels: number) => Promise<End>;

/** The options of IKE_SAs; `hybrid`: with ML-KEM-768 as an additional key exchange. */
const ikeOf = (hybrid: boolean) =>
  `ikeconf:
  psk: ${PSK}
  dhgrpid: 31
${hybrid ? "  addke1: 36\n  enablefragment: true\n" : ""}  ikeencyptalg: aes-gcm-16:128
  ikeprfalg: sha256
  initiatedpd: false
  retraninterval: 2s
  ikelifetime: 0s
`;
const CHILD = `  childlist:
    - encalg: aes-gcm-16:128
      lifetime: 0s
`;

async function ours(lab: Lab, site: Site, name: string, text: string, port: number): Promise<End> {
  const file = `${lab.directory}/${name}.yaml`;
  await Deno.writeTextFile(file, `${text}bindifname: ${site.interface}\napilistenport: ${port}\n`);
  const words = ["test", file, "--json", "--flush=force", "--lf", `${lab.directory}/${name}.log`];
  const child = lab.spawn(site, [PROGRAM, ...words], { cwd: lab.directory });
  new Response(child.stderr).text().then((said) => lastWords.set(name, said));
  const result = new Response(child.stdout).text().then((text) => {
    const line = text.trim().split("\n").at(-1) ?? "";
    return line.startsWith("{") ? JSON.parse(line) : undefined;
  });
  const established = async () => {
    const asked = ["cli", "--svr", `127.0.0.1:${port}`, "--json", "summary"];
    const { stdout } = await lab.exec(site, PROGRAM, asked);
    return Number(/"CreatedTunnels?":\s*"?(\d+)/i.exec(stdout)?.[1] ?? 0);
  };
  return { child, established, result };
}

/** What processes of ours have said, by name, for errors. */
const lastWords = new Map<string, string>();

/** Options of one end beside those of every measurement: at the top of its setup. */
type More = string;

const gatewayWith = (more: More, hybrid = false): Starter => (lab, tunnels) =>
  ours(
    lab,
    lab.theirs,
    "gateway",
    `role: gateway
numberoftunnels: ${tunnels}
bindifaddr: ${lab.theirs.address4}/24
staticroute: ip route replace 10.128.0.0/9 via ${lab.ours.address4}
${more}${ikeOf(hybrid)}  myid: ${GATEWAY_ID}
${CHILD}`,
    12_341,
  );

const clientWith = (more: More, hybrid = false): Starter => (lab, tunnels) =>
  ours(
    lab,
    lab.ours,
    "client",
    `role: client
numberoftunnels: ${tunnels}
bindifaddr: ${lab.ours.address4}/24
startclntaddr: ${CLIENTS}
peeraddr: ${lab.theirs.address4}
setupinterval: 0s
tunnelmaxretry: 1
${more || "loadconf: {soak: 2s}\n"}${ikeOf(hybrid)}  myid: c-&d.perf.test
${CHILD}`,
    12_342,
  );

const ourGateway = gatewayWith("");
const ourClient = clientWith("");

/** strongSwan with its load-tester, as responder or with `initiators` threads. */
async function swan(
  lab: Lab,
  site: Site,
  { tunnels, initiators, hybrid }: {
    readonly tunnels: number;
    readonly initiators: number;
    readonly hybrid: boolean;
  },
): Promise<End> {
  const directory = await Deno.makeTempDir({ dir: lab.directory, prefix: "swan-" });
  const vici = `unix://${directory}/run/charon.vici`;
  await Deno.mkdir(`${directory}/run`);
  const conf = `charon {
  load = random nonce openssl aes sha1 sha2 hmac kdf gcm curve25519 ml drbg x509 pubkey load-tester kernel-netlink socket-default vici
  filelog { log {
      path = ${directory}/charon.log
      default = -1
  } }
  threads = 32
  install_routes = no
  ikesa_table_size = 4096
  ikesa_table_segments = 64
  half_open_timeout = 60
  dos_protection = no
  init_limit_half_open = 0
  init_limit_job_load = 0
  plugins {
    vici { 
      socket = ${vici}
    }
    load-tester {
      enable = yes
      fake_kernel = yes
      initiators = ${initiators}
      iterations = ${initiators > 0 ? Math.ceil(tunnels / initiators) : 0}
      init_limit = 150
      delay = 1
      responder = ${lab.theirs.address4}
      initiator = ${initiators > 0 ? lab.ours.address4 : "%any"}
      proposal = aes128gcm16-prfsha256-curve25519${hybrid ? "-ke1_mlkem768" : ""}
      esp = aes128gcm16
      initiator_auth = psk
      responder_auth = psk
      initiator_id = c-%d-%d@perf.test
      initiator_match = *
      responder_id = ${GATEWAY_ID}
      preshared_key = ${PSK}
      request_virtual_ip = no
      child_rekey = 0
      ike_rekey = 0
      shutdown_when_complete = no
    }
  }
}
swanctl { plugins { vici { 
  socket = ${vici} 
} } }
`;
  const env = { STRONGSWAN_CONF: `${directory}/strongswan.conf` };
  await Deno.writeTextFile(env.STRONGSWAN_CONF, conf);
  const script = `mount --bind ${directory}/run /run && exec ${PREFIX}/libexec/ipsec/charon`;
  const child = lab.spawn(site, ["sh", "-c", script], { env });
  child.stdout.cancel();
  child.stderr.cancel();
  const established = async () => {
    const { stdout } = await new Deno.Command(`${PREFIX}/sbin/swanctl`, { args: ["--stats"], env })
      .output();
    const said = new TextDecoder().decode(stdout);
    const [, total = "0", half = "0"] = /IKE_SAs:\s*(\d+) total,\s*(\d+) half-open/.exec(said) ??
      [];
    return Number(total) - Number(half);
  };
  for (let n = 0; n < 100; n++) {
    if (await Deno.stat(`${directory}/run/charon.vici`).catch(() => undefined)) break;
    await delay(50);
  }
  return { child, established, result: Promise.resolve(undefined) };
}

const swanGatewayWith = (hybrid: boolean): Starter => async (lab, tunnels) => {
  const route = ["route", "replace", "10.128.0.0/9", "via", lab.ours.address4];
  await mustRun("ip", ["-n", lab.theirs.namespace, ...route]);
  return await swan(lab, lab.theirs, { tunnels, initiators: 0, hybrid });
};
const swanClientWith = (hybrid: boolean): Starter => (lab, tunnels) =>
  swan(lab, lab.ours, { tunnels, initiators: 4, hybrid });
const swanGateway = swanGatewayWith(false);
const swanClient = swanClientWith(false);
const hybridSwan = swanClientWith(true);

/** User and system time of a process in milliseconds, and its resident memory in MiB. */
async function usage(pid: number): Promise<{ readonly cpuMs: number; readonly miB: number }> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  const kiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  return { cpuMs: 1_000 * ticks / TICKS_A_SECOND, miB: kiB / 1_024 };
}

async function measure(client: Starter, gateway: Starter, tunnels: number): Promise<Figures> {
  const lab = await Lab.open("p");
  const isSwan = client === swanClient || client === hybridSwan;
  try {
    const answering = await gateway(lab, tunnels);
    await delay(1_500);
    const before = await usage(answering.child.pid);
    const beganMs = performance.now();
    const dialling = await client(lab, tunnels);
    const atFirst = await usage(dialling.child.pid);
    let isOver = false;
    dialling.child.status.then(() => isOver = true);
    let count = 0;
    let atMs = beganMs;
    let firstMs: number | undefined;
    let firstCount = 0;
    while (count < tunnels && !isOver && performance.now() - beganMs < PATIENCE_MS) {
      await delay(250);
      const now = await (isSwan ? dialling : answering).established();
      if (now > count) atMs = performance.now();
      count = now;
      // The start of the client is not measured: the rate is that from a tenth of the tunnels on.
      if (firstMs === undefined && count >= tunnels / 10) [firstMs, firstCount] = [atMs, count];
    }
    const [own, theirs] = [await usage(dialling.child.pid), await usage(answering.child.pid)];
    const result = isSwan ? undefined : await dialling.result as unknown as OurResult;
    if ((result?.tunnels.established ?? count) < tunnels) {
      throw new Error(
        `${result?.tunnels.established ?? count} of ${tunnels} tunnels: ${result?.error ?? ""} ${
          [...lastWords.values()].join("\n").slice(-800)
        }`,
      );
    }
    const done = result?.tunnels.established ?? count;
    const seconds = (atMs - (firstMs ?? beganMs)) / 1_000;
    return {
      tunnels: done,
      ratePerSec: result?.setupRate ?? (seconds > 0 ? (count - firstCount) / seconds : 0),
      clientCpuMs: result?.cpuMsPerTunnel ?? (own.cpuMs - atFirst.cpuMs) / Math.max(1, done),
      gatewayCpuMs: (theirs.cpuMs - before.cpuMs) / Math.max(1, done),
      // Our client may have ended before it was looked at.
      clientMiB: result ? result.rssBytes / 2 ** 20 : own.miB,
      gatewayMiB: theirs.miB,
      p50Ms: result?.latencyMs.setup.p50 ?? null,
      p99Ms: result?.latencyMs.setup.p99 ?? null,
      repeated: result?.retransmissions ?? null,
      storm: result?.storms[0],
      crossed: result?.rekeys.crossed.ike ?? 0,
    };
  } finally {
    await lab.close();
  }
}

/** The part of our result that is read. */
interface OurResult {
  readonly tunnels: { readonly established: number };
  readonly setupRate: number | null;
  readonly error: string | null;
  readonly retransmissions: number;
  readonly storms: readonly Storm[];
  readonly rekeys: { readonly crossed: { readonly ike: number } };
  readonly cpuMsPerTunnel: number | null;
  readonly rssBytes: number;
  readonly latencyMs: {
    readonly setup: { readonly p50: number | null; readonly p99: number | null };
  };
}

/** A storm of rekeys of all tunnels, by the client alone or by both ends. */
async function storm(tunnels: number, ends: "client" | "both"): Promise<string> {
  const storms = "storms: [{kind: rekey-ike, after: 3s}]";
  const client = clientWith(`loadconf: {soak: 25s, ${storms}}\n`);
  const gateway = ends === "both" ? gatewayWith(`loadconf: {${storms}}\n`) : ourGateway;
  const { storm, crossed, repeated } = await measure(client, gateway, tunnels);
  const ms = (value: number | null) => value === null ? "–" : value.toFixed(0);
  const { done = 0, failed = 0, latencyMs } = storm ?? {};
  const cells = [
    ends,
    tunnels,
    done,
    failed,
    crossed,
    ...[
      latencyMs?.p50 ?? null,
      latencyMs?.p99 ?? null,
      latencyMs?.max ?? null,
    ].map(ms),
    repeated ?? "–",
  ];
  return `| ${cells.join(" | ")} |`;
}

const STORM_HEAD = [
  "| rekeys by | tunnels | done | failed | crossed | p50 ms | p99 ms | max ms | repeated requests |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
];

function row(name: string, figures: Figures): string {
  const ms = (value: number | null) => value === null ? "–" : value.toFixed(value < 10 ? 1 : 0);
  return `| ${
    [
      name,
      String(figures.tunnels),
      figures.ratePerSec.toFixed(0),
      figures.clientCpuMs.toFixed(2),
      figures.gatewayCpuMs.toFixed(2),
      figures.clientMiB.toFixed(0),
      figures.gatewayMiB.toFixed(0),
      ms(figures.p50Ms),
      ms(figures.p99Ms),
      figures.repeated === null ? "–" : String(figures.repeated),
    ].join(" | ")
  } |`;
}

const HEAD = [
  "| client → gateway | tunnels | set-ups a second | CPU ms a tunnel, client | gateway | RSS MiB, client | gateway | set-up p50 ms | p99 ms | repeated requests |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
];

/** The figures of the round with the median rate. */
function median(all: readonly Figures[]): Figures {
  return [...all].sort((a, b) => a.ratePerSec - b.ratePerSec)[Math.floor((all.length - 1) / 2)]!;
}

async function machine(): Promise<string> {
  const cpu = /model name\s*:\s*(.*)/.exec(await Deno.readTextFile("/proc/cpuinfo"))?.[1] ??
    "unknown";
  const kernel = (await Deno.readTextFile("/proc/sys/kernel/osrelease")).trim();
  const gib = (Deno.systemMemoryInfo().total / 2 ** 30).toFixed(0);
  return `${navigator.hardwareConcurrency} × ${cpu}, ${gib} GiB, Linux ${kernel}`;
}

const lines: string[] = [];
const tell = (line: string) => {
  console.log(line);
  lines.push(line);
};
const curve: string[] = [];
for (const tunnels of flags.curve.split(",").map(Number).filter((n) => n > 0)) {
  const figures = await measure(ourClient, ourGateway, tunnels);
  curve.push(row("myikev2 → myikev2", figures));
  tell(curve.at(-1)!);
}
const stormRows: string[] = [];
for (
  const [tunnels, ends] of [[Number(flags.storm), "client"], [
    Number(flags.collision),
    "both",
  ]] as const
) {
  if (tunnels === 0) continue;
  stormRows.push(await storm(tunnels, ends));
  tell(stormRows.at(-1)!);
}
const workerRows: string[] = [];
for (const workers of Number(flags.workers) > 0 ? [1, 2, 1, 2] : []) {
  const more = `shards: ${workers}\n`;
  const client = clientWith(`${more}loadconf: {soak: 2s}\n`);
  const figures = await measure(client, gatewayWith(more), Number(flags.workers));
  workerRows.push(row(`${workers} at each end`, figures));
  tell(workerRows.at(-1)!);
}
const each = Number(flags.each);
const hasSwan = await Deno.stat(`${PREFIX}/libexec/ipsec/charon`).then(() => true, () => false);
const version = hasSwan
  ? new TextDecoder().decode(
    (await new Deno.Command(`${PREFIX}/libexec/ipsec/charon`, { args: ["--version"] }).output())
      .stdout,
  ).trim()
  : "";
const HYBRID = "with ML-KEM-768";
const PAIRS: readonly (readonly [name: string, client: Starter, gateway: Starter])[] = [
  ["myikev2 → myikev2", ourClient, ourGateway],
  ["load-tester → myikev2", swanClient, ourGateway],
  ["myikev2 → strongSwan", ourClient, swanGateway],
  ["load-tester → strongSwan", swanClient, swanGateway],
  [`myikev2 → myikev2, ${HYBRID}`, clientWith("", true), gatewayWith("", true)],
  [`load-tester → strongSwan, ${HYBRID}`, hybridSwan, swanGatewayWith(true)],
];
const compared = new Map<string, Figures[]>();
for (let round = 0; round < Number(flags.rounds) && hasSwan && each > 0; round++) {
  for (const [name, client, gateway] of PAIRS) {
    if (!name.includes(flags.only)) continue;
    try {
      const figures = await measure(client, gateway, each);
      compared.set(name, [...compared.get(name) ?? [], figures]);
      tell(row(name, figures));
    } catch (error) {
      tell(`${name}: not measured, ${(error as Error).message}`);
    }
  }
}
if (!hasSwan) console.log(`no strongSwan under ${PREFIX}: it is not compared`);
if (flags.write) {
  const commit = (await mustRun("git", ["rev-parse", "--short", "HEAD"])).trim();
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  const page = `<!-- deno-fmt-ignore-file -->
# Performance

Written by \`deno run -A tests/bench/performance.ts --write\`, which \`deno task bench --performance\` runs. ${date} UTC,
commit ${commit}, ${await machine()}. Both ends are on this machine, in two network namespaces with a veth pair
between them, and share its processors. X25519, AES-GCM-16 with 128 bits, PRF-HMAC-SHA2-256, pre-shared keys; each
tunnel has an address of its own with myikev2, and the load-tester has one for all. CHILD_SAs are negotiated and not
installed at either end (strongSwan: \`fake_kernel\`).

## From 1,000 to 100,000 tunnels

${[...HEAD, ...curve].join("\n")}

## Storms of rekeys

All tunnels rekey their IKE SAs at once, 3 s after the last of them was set up.

${[...STORM_HEAD, ...stormRows].join("\n")}

## Workers

\`shards\`: the tunnels of each end divided among workers. Both ends share ${navigator.hardwareConcurrency} processors,
so that more workers cannot be faster here; the cost is that of the division.

${[HEAD[0]!.replace("client → gateway", "workers"), HEAD[1]!, ...workerRows].join("\n")}

## Beside strongSwan

${
    hasSwan
      ? `${version}, its load-tester with four threads and at most 150 half-open SAs, as responder with ` +
        `\`dos_protection = no\`. The median of ${flags.rounds} rounds in turn.\n\n` +
        [...HEAD, ...[...compared].map(([name, all]) => row(name, median(all)))].join("\n")
      : `There was no strongSwan under ${PREFIX}.`
  }
`;
  await Deno.writeTextFile(PAGE, page);
  console.log(`wrote ${PAGE}`);
}
