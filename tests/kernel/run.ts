/**
 * Runs the tests of this directory where the kernel has ESP, as root: here, or where this kernel has
 * none inside the one that the command in ESPKERNEL boots (`$ESPKERNEL run -w DIR … -- COMMAND`). Each
 * file has a boot of its own, two at a time, and a time limit of its own, so that a kernel that hangs
 * costs one file. Whole tunnels are those of the program that MYIKEV2 names, such as `dist/myikev2`.
 *
 *   deno task test:kernel [--filter TEXT] [FILE...]
 * @module
 */
import { whyKernelCannot } from "@/datapath/open_kernel.ts";

/** Limit for one file in seconds; on a machine that does nothing else none takes a quarter of it. */
const LIMIT_S = 1500;
/** The most kernels that run at a time; each has one processor. */
const LANES = 2;
/** Files that are started first, as they take the longest. */
const LONGEST = ["load_test.ts", "userland_test.ts", "tunnels_test.ts", "ping_test.ts"];

/** The outcome of a file. */
interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
}

const { options, files } = await asked(Deno.args);
const lack = whyKernelCannot();
const booter = Deno.env.get("ESPKERNEL");
if (lack !== undefined && !booter) {
  console.error(`tests/kernel: ${lack}; ESPKERNEL names no command that boots a kernel with ESP`);
  Deno.exit(1);
}
const temporary = await Deno.makeTempDir({ prefix: "kernel-tests-" });
const outcomes: Outcome[] = [];
try {
  const waiting = [...files];
  // Tests in one kernel would find each other's devices, marks and rules.
  const lanes = lack === undefined ? 1 : LANES;
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let file; (file = waiting.shift());) outcomes.push(await runFile(file));
  }));
} finally {
  await Deno.remove(temporary, { recursive: true });
}
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
Deno.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** Options for `deno test`, and the files: those that are named, or all, the longest first. */
async function asked(args: readonly string[]) {
  const named = args.filter((arg) => arg.endsWith("_test.ts"));
  const options = args.filter((arg) => !named.includes(arg));
  if (named.length > 0) return { options, files: named };
  const names: string[] = [];
  for await (const { name } of Deno.readDir(import.meta.dirname!)) {
    if (name.endsWith("_test.ts")) names.push(name);
  }
  const rank = (name: string) =>
    (LONGEST.indexOf(name) + LONGEST.length + 1) % (LONGEST.length + 1);
  names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return { options, files: names.map((name) => `tests/kernel/${name}`) };
}

/** Runs one file in one boot; its output is shown when it has ended. */
async function runFile(file: string): Promise<Outcome> {
  const limits = `${import.meta.dirname}/limit.ts`;
  const test = ["test", "-A", "--unstable-net", "--no-check", "--preload", limits];
  const whole = [...test, ...options, file];
  const { code, said } = lack === undefined
    ? await run(Deno.execPath(), whole)
    : await boot(await directoryOf(files.indexOf(file)), whole);
  const counts = [...said.matchAll(/(\d+) passed(?: \([^)]*\))? \| (\d+) failed/g)].at(-1);
  const passed = Number(counts?.[1] ?? 0);
  const failed = Number(counts?.[2] ?? 0);
  console.log(`== ${file}\n${said}`);
  if (counts && (code === 0) === (failed === 0)) return { file, passed, failed };
  console.log(`${file}: FAILED: the run ended with ${code}`);
  return { file, passed, failed: failed + 1 };
}

function boot(directory: string, test: readonly string[]) {
  const environment = [`TMPDIR=${directory}`, `DENO_DIR=${directory}/deno`];
  const command = ["env", ...environment, Deno.execPath(), ...test];
  return run(booter!, ["run", "-w", directory, "-t", String(LIMIT_S), "--", ...command]);
}

async function run(command: string, args: readonly string[]) {
  const child = new Deno.Command(command, { args: [...args], stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await child.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return { code, said };
}

/**
 * A directory for one boot that contains one for Deno: code compiled for the processor of the other kernel
 * must not be found here, and two kernels must not share databases. Only the packages are shared.
 */
async function directoryOf(boot: number): Promise<string> {
  const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(info.stdout)) as { denoDir: string };
  // The path is short, as it has to fit into the name of a Unix socket.
  const directory = `${temporary}/${boot}`;
  await Deno.mkdir(`${directory}/deno`, { recursive: true });
  const { code, said } = await run("cp", ["-r", `${denoDir}/npm`, `${directory}/deno`]);
  if (code !== 0) throw new Error(`cp of ${denoDir}/npm ended with ${code}: ${said}`);
  return directory;
}
