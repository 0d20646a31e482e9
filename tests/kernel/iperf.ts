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

interface Report {
  readonly error?: string;
  readonly end: {
    readonly sum?: { packets: number; lost_packets: number; seconds: number };
    readonly sum_sent?: { bytes: number };
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
  const { end, error } = await iperf3(lab, ends, [...shape, "--pacing-timer", "1000"]);
  const late = await overruns(lab.theirs) - before;
  assert.ok(end.sum, `iperf3: ${error}\n${await kernelDrops(lab)}`);
  const { packets, lost_packets, seconds: took } = end.sum;
  const lost = lost_packets - late;
  return { packets, lost: Math.max(0, lost), perSecond: (packets - lost_packets) / took };
}

/**
 * Sends octets by TCP; returns how many had been received when all were sent. Each segment is a packet of its
 * own, so that states count the same at both ends.
 */
export async function transfer(lab: Lab, ends: Ends, octets: number): Promise<number> {
  for (const { namespace, interface: device } of [lab.ours, lab.theirs]) {
    await mustRun("ip", ["-n", namespace, "link", "set", "dev", device, "gso_max_segs", "1"]);
  }
  const { end, error } = await iperf3(lab, ends, ["-n", `${octets}`]);
  assert.ok(end.sum_received, `iperf3: ${error}\n${await kernelDrops(lab)}`);
  return end.sum_received.bytes;
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
  const received: number[] = [];
  for (const words of [[], ["-R"]]) {
    const { end, error } = await iperf3(lab, ends, ["-n", `${octets}`, ...words]);
    assert.ok(end.sum_received, `iperf3: ${error}\n${await kernelDrops(lab)}`);
    received.push(end.sum_received.bytes);
  }
  let damaged = 0;
  for (const { namespace } of [lab.ours, lab.theirs]) {
    const text = await mustRun("ip", ["netns", "exec", namespace, "cat", "/proc/net/snmp"]);
    const [names, values] = text.split("\n").filter((line) => line.startsWith("Tcp:"))
      .map((line) => line.split(" ")) as [string[], string[]];
    damaged += Number(values[names.indexOf("InCsumErrors")]);
  }
  return { there: received[0]!, back: received[1]!, damaged };
}

async function iperf3(lab: Lab, [own, peer]: Ends, shape: readonly string[]): Promise<Report> {
  const server = lab.exec(lab.theirs, "iperf3", ["-s", "-1", "-B", peer]);
  await until(
    "iperf3 listening",
    20_000,
    async () => (await lab.exec(lab.theirs, "ss", ["-Hltn", "sport", "=", ":5201"])).stdout !== "",
  );
  const { stdout } = await lab.exec(lab.ours, "iperf3", ["-J", "-c", peer, "-B", own, ...shape]);
  await server;
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
