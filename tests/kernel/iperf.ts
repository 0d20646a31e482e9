/**
 * Runs iperf3 through a tunnel by TCP and by UDP, whose sequence numbers the receiver compares.
 * @module
 */
import assert from "node:assert/strict";
import { type Lab, mustRun, type Site, until } from "../interop/harness.ts";
import { kernelDrops } from "./tunnel.ts";

/** The result of iperf3 for a stream of UDP. */
export interface Stream {
  readonly packets: number;
  /** Lost datagrams by their sequence numbers, without those that the receiver's full socket lost. */
  readonly lost: number;
  readonly perSecond: number;
}

/** An own and a peer's address. */
export type Ends = readonly [string, string];

/** A stream of UDP from our site. */
export interface StreamWish {
  readonly seconds: number;
  /** Packets per second; 0: as many as possible. */
  readonly packetsPerS: number;
  /** Octets of a datagram. */
  readonly octets: number;
}

/** Octets of buffer at the receiver, so that a late program is not mistaken for losses by IPsec. */
const BUFFER = 16 << 20;

/** How long a transfer may make no progress, in milliseconds. */
const SILENCE_MS = 60_000;

interface Report {
  readonly error?: string;
  readonly end: {
    readonly sum?: { packets: number; lost_packets: number; seconds: number };
    readonly sum_received?: { bytes: number };
  };
}

/** Sends datagrams at a rate. */
export async function stream(lab: Lab, ends: Ends, wish: StreamWish): Promise<Stream> {
  const { seconds, packetsPerS, octets } = wish;
  await mustRun("sysctl", ["-qw", `net.core.rmem_max=${BUFFER}`, `net.core.wmem_max=${BUFFER}`]);
  const rate = packetsPerS === 0 ? "0" : String(packetsPerS * octets * 8);
  const before = await overruns(lab.theirs);
  const shape = ["-u", "-l", `${octets}`, "-b", rate, "-t", `${seconds}`];
  const { end, error } = await iperf3(lab, pairOf(lab, ends), [...shape, "--pacing-timer", "1000"]);
  const late = await overruns(lab.theirs) - before;
  assert.ok(end.sum, `iperf3: ${error}\n${await kernelDrops(lab)}`);
  const { packets, lost_packets, seconds: took } = end.sum;
  const lost = lost_packets - late;
  return { packets, lost: Math.max(0, lost), perSecond: (packets - lost_packets) / took };
}

/**
 * Sends octets by TCP from us; returns how many were received. Each segment is a packet of its own, so that
 * states count the same at both ends.
 */
export async function transfer(lab: Lab, ends: Ends, octets: number): Promise<number> {
  for (const { namespace, interface: device } of [lab.ours, lab.theirs]) {
    await mustRun("ip", ["-n", namespace, "link", "set", "dev", device, "gso_max_segs", "1"]);
  }
  return await received(lab, reversed(lab, ends), octets);
}

/**
 * Sends octets by TCP from us, then to us, in large segments if the systems make them.
 * @returns octets that were received, and segments that either system rejected by checksum.
 */
export async function transferBothWays(
  lab: Lab,
  ends: Ends,
  octets: number,
): Promise<{ readonly there: number; readonly back: number; readonly damaged: number }> {
  const there = await received(lab, reversed(lab, ends), octets);
  const back = await received(lab, pairOf(lab, ends), octets);
  let damaged = 0;
  for (const { namespace } of [lab.ours, lab.theirs]) {
    const text = await mustRun("ip", ["netns", "exec", namespace, "cat", "/proc/net/snmp"]);
    const [names, values] = text.split("\n").filter((line) => line.startsWith("Tcp:"))
      .map((line) => line.split(" ")) as [string[], string[]];
    damaged += Number(values[names.indexOf("InCsumErrors")]);
  }
  return { there, back, damaged };
}

/** The sites and addresses between which iperf3 runs. */
interface Pair {
  readonly client: Site;
  readonly server: Site;
  readonly from: string;
  readonly to: string;
}

function pairOf({ ours, theirs }: Lab, [from, to]: Ends): Pair {
  return { client: ours, server: theirs, from, to };
}

function reversed({ ours, theirs }: Lab, [to, from]: Ends): Pair {
  return { client: theirs, server: ours, from, to };
}

/**
 * Sends octets by TCP from the server to the client, which ends the test when it has got all of them. If the
 * client sent them, the test would end as soon as they were written into the socket's buffer, which may be
 * long before they arrive. It takes as long as it takes, unless nothing arrives for `SILENCE_MS`.
 * @returns octets that were received.
 */
async function received(lab: Lab, pair: Pair, octets: number): Promise<number> {
  const shape = ["-R", "-n", `${octets}`, "--rcv-timeout", `${SILENCE_MS}`];
  const { end, error } = await iperf3(lab, pair, shape);
  assert.ok(end.sum_received, `iperf3: ${error}\n${await kernelDrops(lab)}`);
  return end.sum_received.bytes;
}

async function iperf3(lab: Lab, pair: Pair, shape: readonly string[]): Promise<Report> {
  const { client, server, from, to } = pair;
  const serving = lab.exec(server, "iperf3", ["-s", "-1", "-B", to]);
  await until(
    "iperf3 listening",
    20_000,
    async () => (await lab.exec(server, "ss", ["-Hltn", "sport", "=", ":5201"])).stdout !== "",
  );
  const { stdout } = await lab.exec(client, "iperf3", ["-J", "-c", to, "-B", from, ...shape]);
  await serving;
  return JSON.parse(stdout) as Report;
}

/** Datagrams that came out of the tunnel and were lost by the socket of a late program. */
async function overruns({ namespace }: Site): Promise<number> {
  const words = ["netns", "exec", namespace, "cat", "/proc/net/snmp", "/proc/net/snmp6"];
  const text = await mustRun("ip", words);
  const [names, values] = text.split("\n").filter((line) => line.startsWith("Udp:"))
    .map((line) => line.split(" ")) as [string[], string[]];
  const six = /^Udp6RcvbufErrors\s+(\d+)$/m.exec(text)?.[1] ?? 0;
  return Number(values[names.indexOf("RcvbufErrors")]) + Number(six);
}
