/**
 * Floods that each aim at one resource that a gateway keeps for strangers: half-open SAs, the queue of key
 * exchanges, SAs that failed to authenticate, refusals, unfinished frames in TCP. After each an honest client
 * must still be accepted, and the memory of the gateway is reported.
 * @module
 */
import { Reader } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { IdType } from "@/iana/id_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeAlgorithms } from "@/ike/records/config.ts";
import { ikeProposals } from "@/ike/negotiate/proposal.ts";
import { ScriptedPeer } from "@/script/peer.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { CHILD, worldConfig } from "@/sim/scenarios.ts";
import { frameOf, STREAM_PREFIX } from "@/transport/tcp_frames.ts";
import { encodeMessage } from "@/wire/message.ts";
import { askSummary, delay, End, freePort, type Result, until, within } from "./ends.ts";

/** Reports whether a condition holds. */
type Check = (name: string, holds: boolean, detail?: string) => void;

/** The suite of all ends of a flood: AES-GCM-16/128, PRF SHA2-256, Curve25519. */
const ALGORITHMS: IkeAlgorithms = {
  encryption: [{ id: 20, keyBits: 128 }],
  integrity: [],
  prf: [5],
  groups: [31],
};
/** With `numoftunneltoenablecookie: auto`, cookies begin at half of the limit of half-open SAs. */
const AUTO_COOKIES_FROM = 5_000;
/** Octets that may wait in the gateway's socket. */
const QUEUED_MAX = 60_000;
const TUNNELS = 5;
const random = new SeededRandom(7);

/** One flood: the configuration of the gateway, and what is done to it. */
interface BoundsFlood {
  readonly name: string;
  readonly groups?: string;
  /** Lines of the gateway's `ikeconf`; TCP_PORT stands for a free port. */
  readonly ike?: string;
  /** The most MiB by which its memory may grow. */
  readonly growthMaxMiB: number;
  /** Seconds within which five tunnels of an honest client must be up afterwards. */
  readonly honestSec: number;
  flood(gateway: End, check: Check, tcpPort: number): Promise<void>;
  ended?(result: Result, gateway: End, check: Check): Promise<void> | void;
}

const FLOODS: readonly BoundsFlood[] = [
  {
    name: "12,000 IKE_SA_INIT requests, none goes on",
    growthMaxMiB: 120,
    honestSec: 10,
    async flood(gateway, check) {
      await sendAll(gateway, 12_000, () => initRequest(ALGORITHMS, random.octets(32)));
      const { halfOpen } = await askSummary(gateway.apiPort);
      check("half-open SAs end where cookies begin", halfOpen <= AUTO_COOKIES_FROM, `${halfOpen}`);
    },
    ended({ cookies }, _gateway, check) {
      check(
        "automatic cookies are in the result",
        cookies.automatic > 5_000,
        `${cookies.automatic}`,
      );
    },
  },
  {
    name: "1,000 IKE_SA_INIT requests of group 18",
    groups: "[31, 18]",
    growthMaxMiB: 120,
    honestSec: 10,
    async flood(gateway) {
      const algorithms = { ...ALGORITHMS, groups: [18] };
      await sendAll(gateway, 1_000, () => initRequest(algorithms, random.octets(1_024)));
    },
  },
  {
    name: "10,000 IKE_SA_INIT requests that are refused",
    growthMaxMiB: 60,
    honestSec: 10,
    async flood(gateway, check) {
      const algorithms = { ...ALGORITHMS, prf: [2] };
      await sendAll(gateway, 10_000, () => initRequest(algorithms, random.octets(32)));
      const { total } = await askSummary(gateway.apiPort);
      check("none of them is listed", total === 0, `${total}`);
    },
    ended({ strangers }, _gateway, check) {
      const refused = strangers.find(({ cause }) => cause === "NO_PROPOSAL_CHOSEN")?.count ?? 0;
      check("all of them are counted as strangers", refused === 10_000, `${refused}`);
    },
  },
  {
    name: "1,500 IKE_AUTH requests that fail, with an identity of 60,000 octets",
    ike: "numoftunneltoenablecookie: -1",
    growthMaxMiB: 120,
    honestSec: 10,
    flood: (gateway) => failedAuths(gateway, 1_500),
    async ended({ strangers, tunnels }, gateway, check) {
      const [first] = strangers;
      check(
        "they are strangers",
        first?.cause === "AUTHENTICATION_FAILED" && first.count === 1_500,
      );
      check("no tunnel failed by them", tunnels.failed === 0, `${tunnels.failed}`);
      const { size } = await Deno.stat(gateway.log);
      console.log(`       log file: ${(size / 1024).toFixed(0)} KiB`);
      check("the log file tells of them within 1 MiB", size > 1_000 && size < 2 ** 20, `${size}`);
    },
  },
];

const TCP_FLOOD: BoundsFlood = {
  name: "1,000 TCP connections, each with most of a frame of 60,000 octets",
  ike: "tcpencap: true\n  traditionalencap: true\n  owntcpport: TCP_PORT",
  growthMaxMiB: 60,
  honestSec: 10,
  flood: (_gateway, _check, tcpPort) => unfinishedFrames(tcpPort),
  ended({ connections }, _gateway, check) {
    const hoarding = connections?.["hoarding"] ?? 0;
    check("connections for which much waited were closed", hoarding > 500, `${hoarding}`);
  },
};

/** Runs every flood of this file against a gateway of its own. */
export async function floodBounds(transport: string, check: Check): Promise<void> {
  const floods = transport === "native" ? [...FLOODS, TCP_FLOOD] : FLOODS;
  for (const flood of floods) await floodOne(transport, flood, check);
}

async function floodOne(transport: string, one: BoundsFlood, check: Check): Promise<void> {
  console.log(`== ${transport}: ${one.name}`);
  const directory = await Deno.makeTempDir({ prefix: "flood-" });
  const port = await freePort("udp");
  const apiPort = await freePort("tcp");
  const tcpPort = await freePort("tcp");
  const { groups } = one;
  const ike = (one.ike ?? "").replace("TCP_PORT", String(tcpPort));
  const options = { transport, port, apiPort, ...(groups ? { groups } : {}) };
  const setup = `bindifaddr: 127.0.0.1/8\nownport: ${port}\nnumberoftunnels: ${TUNNELS}\n` +
    `abortonerr: true\nloglevel: 4\n`;
  const gateway = await End.start(directory, "gateway", options, setup, ike);
  try {
    await delay(500);
    const before = await gateway.memoryMiB();
    const beganMs = performance.now();
    await one.flood(gateway, check, tcpPort);
    const floodSec = (performance.now() - beganMs) / 1000;
    const honestSec = await honestClient(directory, { transport, port }, one.honestSec);
    check(`an honest client is in within ${one.honestSec} s`, honestSec < one.honestSec);
    const after = await memoryAfter(gateway, before + one.growthMaxMiB);
    console.log(
      `       flood ${floodSec.toFixed(1)} s, honest client ${honestSec.toFixed(1)} s, RSS ` +
        `${before.toFixed(0)} MiB before, ${after.toFixed(0)} MiB after`,
    );
    const grown = after - before;
    check(`memory grew by less than ${one.growthMaxMiB} MiB`, grown < one.growthMaxMiB, `${grown}`);
    const result = await gateway.ended();
    check("the gateway passed", result.result === "passed", `${result.result}: ${result.error}`);
    await one.ended?.(result, gateway, check);
  } finally {
    gateway.kill();
    await Deno.remove(directory, { recursive: true });
  }
}

/**
 * Its memory once it is below a bound, or 20 s later. V8 collects what is garbage in octets outside of its heap
 * some ten seconds after the last of it at the latest; the check is about what is kept.
 */
async function memoryAfter(gateway: End, boundMiB: number): Promise<number> {
  let memory = await gateway.memoryMiB();
  for (let second = 0; second < 20 && memory >= boundMiB; second++) {
    await delay(1_000);
    memory = await gateway.memoryMiB();
  }
  return memory;
}

/** Sets up five tunnels and closes them; returns the seconds until they were up. */
async function honestClient(
  directory: string,
  { transport, port }: { readonly transport: string; readonly port: number },
  maxSec: number,
): Promise<number> {
  const apiPort = await freePort("tcp");
  const top = `startclntaddr: 127.2.0.1/8\npeeraddr: 127.0.0.1\npeerport: ${port}\nownport: 0\n` +
    `numberoftunnels: ${TUNNELS}\n`;
  const client = await End.start(directory, "honest", { transport, port, apiPort }, top);
  const beganMs = performance.now();
  const up = async () => (await askSummary(apiPort)).live === TUNNELS;
  await until("the honest tunnels", up, 2_000 * maxSec).catch(() => {});
  const seconds = (performance.now() - beganMs) / 1000;
  await client.ended().finally(() => client.kill());
  return seconds;
}

/** An IKE_SA_INIT request of a peer that does not continue. */
function initRequest(algorithms: IkeAlgorithms, publicValue: Uint8Array): Uint8Array {
  const spiI = new Reader(random.octets(8)).u64() || 1n;
  const header = { spiI, spiR: 0n, exchange: ExchangeType.IKE_SA_INIT, messageId: 0 };
  return encodeMessage({ ...header, initiator: true, response: false }, [
    { type: PayloadType.SA, proposals: ikeProposals(algorithms) },
    { type: PayloadType.KE, group: algorithms.groups[0]!, data: publicValue },
    { type: PayloadType.NONCE, data: random.octets(32) },
  ]);
}

/** Sends datagrams from many addresses at the rate at which the gateway reads them. */
async function sendAll(gateway: End, count: number, make: () => Uint8Array): Promise<void> {
  // One of them has the gateway's own port, as may happen by chance: what waits there is not the gateway's.
  const sockets = Array.from({ length: 64 }, (_, i) => {
    const at = { hostname: `127.9.1.${1 + i}`, port: i === 0 ? gateway.port : 0 };
    return Deno.listenDatagram({ transport: "udp", ...at });
  });
  const to = { transport: "udp", hostname: "127.0.0.1", port: gateway.port } as const;
  for (let i = 0; i < count; i++) {
    await sockets[i % sockets.length]!.send(make(), to);
    if (i % 32 === 31) await gateway.readsDownTo(QUEUED_MAX);
  }
  await gateway.readsDownTo(0);
  for (const socket of sockets) socket.close();
}

/** Simulates peers with a correct IKE_SA_INIT that fail in IKE_AUTH with an identity of 60,000 octets. */
async function failedAuths(gateway: End, count: number): Promise<void> {
  const crypto = portableBackend();
  const config = worldConfig({ algorithms: ALGORITHMS, children: [CHILD] });
  const peer = new ScriptedPeer({ initiator: true, config, crypto, keys: new WorldKeys(crypto) });
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.9.2.1", port: 0 });
  const to = { transport: "udp", hostname: "127.0.0.1", port: gateway.port } as const;
  const id = { idType: IdType.ID_KEY_ID, data: random.octets(60_000) };
  const ask = async (octets: Uint8Array) => {
    await socket.send(octets, to);
    const [answer] = await within(10_000, socket.receive(new Uint8Array(65_536)));
    return answer.slice();
  };
  for (let i = 0; i < count; i++) {
    peer.spiI++;
    peer.spiR = 0n;
    peer.learn(await ask(peer.init()));
    const payloads = [peer.identity(id), peer.auth(id), ...peer.childPayloads()];
    await ask(peer.seal(peer.header(ExchangeType.IKE_AUTH), payloads));
  }
  socket.close();
}

/** Opens connections that begin a frame and do not finish it, until the gateway closes most of them. */
async function unfinishedFrames(port: number): Promise<void> {
  const part = frameOf(random.octets(60_000), 4).subarray(0, 55_000);
  const conns: Deno.TcpConn[] = [];
  for (let i = 0; i < 1_000; i++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(STREAM_PREFIX).catch(() => 0);
    await conn.write(part).catch(() => 0);
    conns.push(conn);
  }
  await delay(500);
  for (const conn of conns) conn.close();
}
