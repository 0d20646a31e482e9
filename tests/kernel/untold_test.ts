/**
 * What a test reports if its datagrams reach nobody: there is no route, a route forbids them, nothing listens
 * at the port, or a neighbour table is full. It uses one or two processes of our program in namespaces.
 * @module
 */
import assert from "node:assert/strict";
import { Lab, mustRun } from "../interop/harness.ts";
import { type EndResult, runEnd } from "./two_ends.ts";

/**
 * Thresholds of the neighbour table are those of all namespaces, so that only a kernel of our own may get
 * others.
 */
const IS_OWN_KERNEL = Deno.readTextFileSync("/proc/cpuinfo").includes("User Mode Linux");

interface Wish {
  readonly lab: Lab;
  readonly peer: string;
  readonly transport?: "native" | "portable";
  readonly ike?: string;
  readonly tunnels?: number;
}

function client(
  { lab, peer, transport = "native", ike = "", tunnels = 1 }: Wish,
): Promise<EndResult> {
  const setup = `role: client
numberoftunnels: ${tunnels}
runningtime: 20s
startclntaddr: ${lab.ours.many4}/16
peeraddr: ${peer}
bindifname: ${lab.ours.interface}
apilistenport: 0
tunnelmaxretry: 1
transport: ${transport}
ikeconf: {psk: a secret, dhgrpid: 31, retraninterval: 300ms${ike}}
`;
  return runEnd(lab, lab.ours, setup, false);
}

async function inLab(work: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await Lab.open("u");
  try {
    await work(lab);
  } finally {
    await lab.close();
  }
}

for (const transport of ["native", "portable"] as const) {
  Deno.test(`${transport}: what the system refuses to send is in the result, and no datagram counts as sent`, () =>
    inLab(async (lab) => {
      const prohibit = ["route", "add", "prohibit", "198.51.100.0/24"];
      await mustRun("ip", ["-n", lab.ours.namespace, ...prohibit]);
      for (
        const [peer, words] of [
          ["203.0.113.1", /Network is unreachable: no route leads there \(ENETUNREACH\)$/],
          ["198.51.100.1", /Permission denied: .*\(EACCES\)$/],
        ] as const
      ) {
        const { result, error, failures, datagrams } = await client({ lab, peer, transport });
        assert.equal(result, "failed");
        const cannot = `Cannot send to ${peer}:500 from ${lab.ours.many4}:500: `;
        assert.ok(error!.includes(cannot), error!);
        assert.match(error!, /; No answer to IKE_SA_INIT after 4 transmissions/);
        assert.deepEqual(failures.map(({ cause }) => cause), ["NOT_SENT"]);
        assert.deepEqual([datagrams.sent, datagrams.sendErrors.length], [0, 1]);
        const [{ cause, count, example }] = datagrams.sendErrors as [
          EndResult["datagrams"]["sendErrors"][0],
        ];
        assert.match(cause, words);
        assert.equal(count, 4);
        assert.ok(example.startsWith(cannot));
      }
    }));
}

Deno.test("a port that nobody listens at is told by ICMP, and a TCP port by the system", () =>
  inLab(async (lab) => {
    const peer = lab.theirs.address4;
    const udp = await client({ lab, peer });
    const said = `${peer} says of a datagram to ${peer}:500: ICMP port unreachable`;
    assert.ok(udp.error!.includes(said), udp.error!);
    assert.deepEqual(udp.failures.map(({ cause }) => cause), ["UNREACHABLE"]);
    assert.equal(udp.datagrams.sent, 4);
    assert.match(udp.datagrams.sendErrors[0]!.cause, /^ICMP port unreachable/);
    const tcp = await client({ lab, peer, ike: ", tcpencap: true" });
    assert.match(tcp.error!, /Cannot connect to .*: Connection refused \(ECONNREFUSED\)/);
    assert.equal(tcp.datagrams.sendErrors[0]!.cause, "TCP: Connection refused (ECONNREFUSED)");
  }));

Deno.test({
  name: "tunnels that a full neighbour table leaves without an answer say so at both ends" +
    (IS_OWN_KERNEL ? "" : " (left out: this kernel's table is not ours to make small)"),
  ignore: !IS_OWN_KERNEL,
  fn: () =>
    inLab(async (lab) => {
      const sizes = ["gc_thresh1=1", "gc_thresh2=8", "gc_thresh3=16"];
      await mustRun("sysctl", ["-qw", ...sizes.map((size) => `net.ipv4.neigh.default.${size}`)]);
      const tunnels = 64;
      const { theirs } = lab;
      const gateway = runEnd(
        lab,
        theirs,
        `role: gateway
numberoftunnels: ${tunnels}
runningtime: 40s
bindifaddr: ${theirs.address4}/16
bindifname: ${theirs.interface}
apilistenport: 0
ikeconf: {psk: a secret, dhgrpid: 31, retraninterval: 1s}
`,
        false,
      );
      const near = await client({ lab, peer: theirs.address4, tunnels });
      const far = await gateway;
      for (const { result, error, tunnels: { established }, datagrams } of [near, far]) {
        assert.ok(established < tunnels, `${established}`);
        assert.equal(result, "failed");
        assert.match(error!, /the kernel's neighbour table was full \d+ times: it takes 16 hosts/);
        assert.ok(datagrams.neighbourOverflow!.overflows > 0);
      }
    }),
});
