/**
 * Measures how many tunnels are set up in a second with each method of authentication. A gateway and a
 * client of this program run in two processes, over UDP on loopback, and need no root. The methods are
 * pre-shared keys, certificates of ECDSA P-256 and RSA-2048 (chains of a root and an end entity, with a
 * key pair for each tunnel), EAP-MSCHAPv2 and EAP-TLS.
 *
 * Run: deno run -A tests/bench/auth_bench.ts [TUNNELS [KIND…]]
 * @module
 */
import { stringify } from "yaml";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const tunnels = Number(Deno.args[0] ?? 1_000);
/** Names of the methods to measure; all of them if there is none. */
const selectedKinds = Deno.args.slice(1);
/** Seconds after which a gateway ends by itself. It is stopped earlier when its client has ended. */
const GATEWAY_SEC = 60;
/** Seconds that a client has to set up its tunnels. */
const CLIENT_SEC = Math.ceil(4 + tunnels / 100);

type Conf = Readonly<Record<string, unknown>>;

/** What a method of authentication needs. */
interface Kind {
  /** The key type of the certificates, as createpki takes it; undefined if there are none. */
  readonly key?: string;
  /** Options that it adds to `ikeconf` of each end. */
  readonly gateway: Conf;
  readonly client: Conf;
}

const DS = "digital-signature";
/** Both ends authenticate by signatures with keys of this type. */
const bySignatures = (key: string, method: string): Kind => ({
  key,
  gateway: { authownmethod: method, authpeermethod: method },
  client: { authownmethod: method, authpeermethod: method },
});
/** The client authenticates by EAP, and the gateway by a signature. */
const byEap = (method: string, gateway: Conf, client: Conf): Kind => ({
  key: "ecdsa:p-256",
  gateway: { authownmethod: DS, authpeermethod: "eap", eapmethod: method, ...gateway },
  client: { authownmethod: "eap", authpeermethod: DS, eapmethod: method, ...client },
});

const KINDS: Readonly<Record<string, Kind>> = {
  "psk": { gateway: {}, client: {} },
  "ecdsa-p256": bySignatures("ecdsa:p-256", "ecdsa-sha256-p256"),
  "rsa-2048": bySignatures("rsa:2048", "rsa"),
  "eap-mschapv2": byEap(
    "mschapv2",
    { eapaskidentity: true, eapusers: [{ identity: "user-&d", password: "secret-&d" }] },
    { eapidentity: "user-&d", eappassword: "secret-&d" },
  ),
  "eap-tls": byEap(
    "tls",
    { eapaskidentity: true, eapusers: [{ identity: "user-&d", methods: ["tls"] }] },
    { eapidentity: "user-&d" },
  ),
};

/** Runs a command of this program; returns its standard output. @throws Error with what it wrote. */
async function run(args: readonly string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  if (code === 0) return new TextDecoder().decode(stdout);
  throw new Error(new TextDecoder().decode(stderr) || new TextDecoder().decode(stdout));
}

/** Writes a root certificate, and a certificate with its key for each tunnel. The gateway uses them too. */
async function makeCertificates(directory: string, type: string): Promise<void> {
  const keys = [
    "--cakeytype",
    type,
    "--eekeytype",
    type,
    "--calvl",
    "0",
    "--cadir",
    `${directory}/ca`,
  ];
  for (const name of ["ca", "client"]) {
    await Deno.mkdir(`${directory}/${name}`, { recursive: true });
  }
  await run([
    "createpki",
    ...keys,
    "-c",
    String(tunnels),
    "--eedir",
    `${directory}/client`,
    "--eeprefix",
    "user-&d",
  ]);
}

/** Runs a gateway and a client with one method; returns their JSON results. */
async function measure(kind: Kind, directory: string) {
  if (kind.key) await makeCertificates(directory, kind.key);
  const common = {
    numberoftunnels: tunnels,
    bindifname: "lo",
    ownport: 5760,
    ownnattport: 5761,
    apilistenport: 0,
  };
  const ike = {
    psk: "a secret of the benchmark",
    dhgrpid: 31,
    ikeencyptalg: "aes-gcm-16:256",
    childlist: [{ encalg: "aes-gcm-16:128" }],
    ...(kind.key ? { cadir: `${directory}/ca`, eedir: `${directory}/client` } : {}),
  };
  const gateway = {
    ...common,
    role: "gateway",
    runningtime: `${GATEWAY_SEC}s`,
    bindifaddr: "127.0.0.1/8",
    ikeconf: { ...ike, myid: "gateway.bench", ...kind.gateway },
  };
  const client = {
    ...common,
    role: "client",
    runningtime: `${CLIENT_SEC}s`,
    startclntaddr: "127.1.0.1/8",
    peeraddr: "127.0.0.1",
    peerport: 5760,
    peernattport: 5761,
    setupinterval: "0s",
    ikeconf: { ...ike, myid: "user-&d.bench", ...kind.client },
  };
  for (const [name, setup] of [["gateway", gateway], ["client", client]] as const) {
    await Deno.writeTextFile(`${directory}/${name}.yaml`, stringify(setup));
  }
  const testCommand = (name: string) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", MAIN, "test", `${directory}/${name}.yaml`, "--flush=false", "--json"],
        ...["--lf", `${directory}/${name}.log`],
      ],
      stdout: "piped",
      stderr: "piped",
    });
  const gatewayProcess = testCommand("gateway").spawn();
  await listening(gatewayProcess.stderr);
  const { stdout } = await testCommand("client").output();
  gatewayProcess.kill("SIGINT");
  const said = [new TextDecoder().decode(stdout), await new Response(gatewayProcess.stdout).text()];
  await gatewayProcess.status;
  const results = said.map((text) => JSON.parse(text));
  return { ofClient: results[0], ofGateway: results[1] };
}

/** Waits until a gateway says that its sockets are open, which it does after its warm-up. */
async function listening(stderr: ReadableStream<Uint8Array>): Promise<void> {
  let said = "";
  for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.includes("gateway on")) return;
  }
  throw new Error(`The gateway has ended: ${said}`);
}

console.log(`${tunnels} tunnels, X25519, AES-256-GCM, two processes on loopback`);
for (const [name, kind] of Object.entries(KINDS)) {
  if (selectedKinds.length > 0 && !selectedKinds.includes(name)) continue;
  const directory = await Deno.makeTempDir({ prefix: "auth-bench-" });
  try {
    const { ofClient, ofGateway } = await measure(kind, directory);
    const { established, failed } = ofClient.tunnels;
    const cpu = [ofClient, ofGateway].map(({ cpuMsPerTunnel }) =>
      cpuMsPerTunnel?.toFixed(2) ?? "-"
    );
    console.log(
      `${name.padEnd(13)} ${
        String(ofClient.setupRate).padStart(9)
      }/s  established ${established}, ` +
        `failed ${failed}, CPU ms per tunnel: client ${cpu[0]}, gateway ${cpu[1]}` +
        (failed > 0 ? ` ${ofClient.failures[0]?.example}` : ""),
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
