/**
 * Measures how many ESP states our batches of netlink requests add to the kernel in a second, and how
 * many `ip -batch` adds with the same states in the same run; prints both and the ratio. If the kernel of
 * this host has no ESP, the benchmark runs in a kernel that the command in ESPKERNEL boots. The rates
 * there are comparable with each other only.
 *
 * Run as root: deno run -A tests/bench/netlink_bench.ts [PAIRS [ROUNDS]]
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { showAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { stateIn, stateOut } from "@/datapath/kernel_plan.ts";
import { whyKernelCannot } from "@/datapath/open_kernel.ts";
import { newState, type XfrmState } from "@/datapath/xfrm_state.ts";
import { loadShim } from "@/native/load.ts";
import { NetlinkFamily, NetlinkSocket } from "@/native/netlink.ts";
import { mustRun } from "../interop/harness.ts";
import { pairOf } from "../kernel/site.ts";

const PAIRS = Number(Deno.args[0] ?? 2_000);
const ROUNDS = Number(Deno.args[1] ?? 3);
const NAMESPACE = `netlink-bench-${Deno.pid}`;
const SCOPE = { reqidBase: 1 << 24, ifId: 0 };

function allStates(): XfrmState[] {
  return Array.from({ length: PAIRS }, (_, i) => {
    const [end] = pairOf({ number: i, rekeyChain: 1 + i });
    const pair = { ...end, replayWindow: 32 };
    return [stateIn(pair, SCOPE), stateOut(pair, SCOPE)];
  }).flat();
}

/** The line of `ip -batch` that adds a state. */
function ipLine({ source, destination, spi, reqid, keys, replayWindow = 0 }: XfrmState): string {
  return `xfrm state add src ${showAddress(source)} dst ${showAddress(destination)} proto esp ` +
    `spi ${spi} reqid ${reqid} mode tunnel flag af-unspec replay-window ${replayWindow} ` +
    `aead rfc4106(gcm(aes)) 0x${toHex(keys.encryption)} 128\n`;
}

/** States that this program adds in a second. The time includes the encoding of the requests. */
function ownRate(states: readonly XfrmState[]): number {
  const { symbols } = loadShim();
  must(symbols !== undefined, "the shim (deno task shim)");
  const socket = new NetlinkSocket(symbols, {
    family: NetlinkFamily.XFRM,
    namespacePath: `/run/netns/${NAMESPACE}`,
  });
  const startMs = performance.now();
  const refused = socket.request(states.map(newState)).filter((r) => r !== undefined);
  const tookMs = performance.now() - startMs;
  socket.close();
  must(refused.length === 0, "the kernel takes all of our states");
  return states.length / tookMs * 1_000;
}

/**
 * States that `ip -batch` adds in a second. The time is that of one process of `ip` for all states; the
 * file it reads is written before.
 */
async function ipBatchRate(states: readonly XfrmState[]): Promise<number> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, states.map(ipLine).join(""));
    const startMs = performance.now();
    await mustRun("ip", ["-n", NAMESPACE, "-batch", file]);
    return states.length / (performance.now() - startMs) * 1_000;
  } finally {
    await Deno.remove(file);
  }
}

/** Checks that the kernel has all the states, and removes them. */
async function checkAndFlush(): Promise<void> {
  const listing = await mustRun("ip", ["-n", NAMESPACE, "xfrm", "state", "count"]);
  const count = `${2 * PAIRS}`;
  must(listing.includes(count), `${count} states in the kernel's listing, not ${listing}`);
  await mustRun("ip", ["-n", NAMESPACE, "xfrm", "state", "flush"]);
}

async function bench(): Promise<void> {
  const states = allStates();
  const rates = { ours: [] as number[], ip: [] as number[] };
  await mustRun("ip", ["netns", "add", NAMESPACE]);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      rates.ours.push(ownRate(states));
      await checkAndFlush();
      rates.ip.push(await ipBatchRate(states));
      await checkAndFlush();
    }
  } finally {
    await mustRun("ip", ["netns", "del", NAMESPACE]);
  }
  const [ours, ip] = [rates.ours, rates.ip].map((all) =>
    all.toSorted((a, b) => a - b)[all.length >> 1]!
  );
  console.log(
    `${states.length} states of AES-GCM-16: ${Math.round(ours!)}/s by this program, ` +
      `${Math.round(ip!)}/s by ip -batch, ratio ${(ours! / ip!).toFixed(2)} (medians of ${ROUNDS})`,
  );
}

const kernelLack = whyKernelCannot();
const bootCommand = Deno.env.get("ESPKERNEL");
if (Deno.uid() !== 0) console.log("left out: this benchmark needs root");
else if (kernelLack === undefined) await bench();
else if (!bootCommand || Deno.env.has("NETLINK_BENCH_BOOTED")) {
  console.log(`left out: ${kernelLack}; ESPKERNEL names no command that boots a kernel with ESP`);
} else {
  const temporary = await Deno.makeTempDir({ prefix: "netlink-bench-" });
  const command = [Deno.execPath(), "run", "-A", import.meta.filename!, ...Deno.args];
  const variables = [`TMPDIR=${temporary}`, `DENO_DIR=${temporary}/deno`, "NETLINK_BENCH_BOOTED=1"];
  const args = ["run", "-w", temporary, "-t", "300", "--", "env", ...variables, ...command];
  Deno.exitCode = (await new Deno.Command(bootCommand, { args }).spawn().status).code;
  await Deno.remove(temporary, { recursive: true });
}
