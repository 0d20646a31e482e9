/**
 * Tests our UDP echo server with an independent client over a link: IPv4 and IPv6, several addresses by one
 * socket, and sources that must not be answered.
 * @module
 */
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { EchoWriter } from "@/ping/echo.ts";
import { Lab, mustRun, until } from "../interop/harness.ts";
import { startEchosvr } from "./echosvr.ts";
import { kernelSays } from "./tunnel.ts";

/** A client that sends to each address, and prints who answered with the same payload. */
const CLIENT = `
import socket, sys
own, port, *peers = sys.argv[1:]
family = socket.AF_INET6 if ":" in own else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((own, int(port)))
s.settimeout(0.5)
for n, peer in enumerate(peers):
    for payload in (b"", b"x" * (1 + n), bytes(range(256)) * 20):
        s.sendto(payload, (peer, 9922))
        try:
            got, source = s.recvfrom(65535)
            print(peer, len(payload), source[:2] == (peer, 9922) and got == payload)
        except socket.timeout:
            print(peer, len(payload), "nothing")
`;

/** A client that sends a datagram with a forged source; the ends and the payload in hex are its arguments. */
const FORGER = `
import socket, struct, sys
source, source_port, destination, port, payload = sys.argv[1:]
payload = bytes.fromhex(payload)
udp = struct.pack("!HHHH", int(source_port), int(port), 8 + len(payload), 0) + payload
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                 socket.inet_aton(source), socket.inet_aton(destination))
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(ip + udp, (destination, 0))
`;
const PLAIN = toHex(new TextEncoder().encode("loop"));
const REQUEST = toHex(
  new EchoWriter({ protocol: "udp", port: 9922, payloadOctets: 64, tag: 3 }).request(4, 1, 1),
);

async function python(lab: Lab, code: string, ...args: string[]): Promise<string[]> {
  const { code: status, stdout, stderr } = await lab.exec(lab.ours, "python3", [
    "-c",
    code,
    ...args,
  ]);
  assert.equal(status, 0, stderr);
  return stdout.split("\n").filter((line) => line !== "");
}

Deno.test("echosvr answers at each of its addresses from that address, and at no other", async () => {
  const lab = await Lab.open("e");
  try {
    const { ours, theirs } = lab;
    await mustRun("ip", [
      "-n",
      ours.namespace,
      "route",
      "add",
      "10.5.0.0/16",
      "via",
      theirs.address4,
    ]);
    await mustRun("ip", [
      "-n",
      ours.namespace,
      "-6",
      "route",
      "add",
      "fd05::/64",
      "via",
      theirs.address6,
    ]);
    await mustRun("ip", ["-n", theirs.namespace, "addr", "add", "10.5.0.2/32", "dev", "lo"]);
    await mustRun("ip", ["-n", theirs.namespace, "addr", "add", "10.5.0.3/32", "dev", "lo"]);
    const options = ["--startip", "10.5.0.1", "--count", "2", "--step", "2"];
    const server = await startEchosvr(lab, theirs, options);
    const six = ["--startip", "fd05::1", "--count", "2", "--port", "9922"];
    const server6 = await startEchosvr(lab, theirs, six);
    assert.deepEqual(
      await python(lab, CLIENT, ours.address4, "4000", "10.5.0.1", "10.5.0.2", "10.5.0.3"),
      [
        "10.5.0.1 0 True",
        "10.5.0.1 1 True",
        "10.5.0.1 5120 True",
        "10.5.0.2 0 nothing",
        "10.5.0.2 2 nothing",
        "10.5.0.2 5120 nothing",
        "10.5.0.3 0 True",
        "10.5.0.3 3 True",
        "10.5.0.3 5120 True",
      ],
    );
    assert.deepEqual(await python(lab, CLIENT, ours.address6, "4000", "fd05::2"), [
      "fd05::2 0 True",
      "fd05::2 1 True",
      "fd05::2 5120 True",
    ]);
    assert.match(
      await kernelSays(theirs, "addr", "show", "dev", "lo"),
      /10\.5\.0\.1\/32[^]*fd05::2/,
    );
    const { code, said } = await server.stop();
    assert.equal(code, 0, said);
    assert.match(
      said,
      /^echoing UDP at 10\.5\.0\.1:9922 and 1 more addresses, 1 of them added to lo$/m,
    );
    assert.match(said, /^6 datagrams sent back, 3 ignored \(3 misaddressed\)$/m);
    await server6.stop();
    const left = await kernelSays(theirs, "addr", "show", "dev", "lo");
    assert.doesNotMatch(left, /10\.5\.0\.1\/|fd05/, "what it added is gone");
    assert.match(left, /10\.5\.0\.3\/32/, "what was there stays");
  } finally {
    await lab.close();
  }
});

Deno.test("echosvr does not talk to itself when its own address is forged", async () => {
  const lab = await Lab.open("e");
  try {
    const server = await startEchosvr(lab, lab.ours, [
      "--startip",
      "10.5.0.1",
      "--count",
      "3",
    ]);
    await python(lab, FORGER, "10.5.0.1", "9922", "10.5.0.3", "9922", REQUEST);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { said } = await server.stop();
    assert.match(said, /^0 datagrams sent back, 1 ignored \(1 misaddressed\)$/m);
  } finally {
    await lab.close();
  }
});

/** Waits until no more datagrams are sent for a second: how fast they go is the machine's affair. */
async function silence(lab: Lab): Promise<void> {
  const sent = async () => {
    const { stdout } = await lab.exec(lab.ours, "cat", ["/proc/net/snmp"]);
    const [names, values] = stdout.split("\n").filter((line) => line.startsWith("Udp:"))
      .map((line) => line.split(" "));
    return Number(values![names!.indexOf("OutDatagrams")]);
  };
  let before = -1;
  await until("no more datagrams", 30_000, async () => {
    const now = await sent();
    const isSilent = now === before;
    before = now;
    if (!isSilent) await new Promise((resolve) => setTimeout(resolve, 1_000));
    return isSilent;
  });
}

Deno.test("two echo servers that a forged datagram sets on each other fall silent", async () => {
  const lab = await Lab.open("e");
  try {
    const { ours, theirs } = lab;
    const near = await startEchosvr(lab, ours, ["--startip", ours.address4]);
    const far = await startEchosvr(lab, theirs, ["--startip", theirs.address4]);
    const other = await startEchosvr(lab, theirs, ["--startip", theirs.address4, "--port", "9923"]);
    for (const [port, payload] of [["9922", REQUEST], ["9922", PLAIN], ["9923", PLAIN]] as const) {
      await python(lab, FORGER, theirs.address4, port, ours.address4, "9922", payload);
    }
    await silence(lab);
    const said = [await near.stop(), await far.stop(), await other.stop()].map((end) => end.said);
    // The request is answered once, plain datagrams from an echo server's port are not, and others a limited
    // number of times.
    assert.match(said[0]!, /^1001 datagrams sent back, 2 ignored \(2 possible loop\)$/m);
    assert.match(said[1]!, /^0 datagrams sent back, 1 ignored \(1 reply of a server\)$/m);
    assert.match(said[2]!, /^1000 datagrams sent back, 0 ignored$/m);
  } finally {
    await lab.close();
  }
});
