/**
 * Runs the tests of this directory where the kernel has ESP, as root: here, or where this kernel has
 * none inside the one that the command in ESPKERNEL boots (`$ESPKERNEL run -w DIR … -- COMMAND`).
 * Whole tunnels are those of the program that MYIKEV2 names, such as `dist/myikev2`.
 *
 *   deno task test:kernel [--filter TEXT]
 * @module
 */
import { kernelLacks } from "@/datapath/open_kernel.ts";

/** Seconds; a test takes about five. */
const LIMIT_S = "3000";

const test = ["test", "-A", "--unstable-net", "--no-check", ...Deno.args, "tests/kernel"];
const lack = kernelLacks();
const booter = Deno.env.get("ESPKERNEL");
if (lack === undefined) Deno.exit(await run(Deno.execPath(), test));
if (!booter) {
  console.error(`tests/kernel: ${lack}; ESPKERNEL names no command that boots a kernel with ESP`);
  Deno.exit(1);
}
const temporary = await Deno.makeTempDir({ prefix: "kernel-tests-" });
try {
  const environment = [`TMPDIR=${temporary}`, `DENO_DIR=${await ownDenoDirectory(temporary)}`];
  const command = ["env", ...environment, Deno.execPath(), ...test];
  Deno.exitCode = await run(booter, ["run", "-w", temporary, "-t", LIMIT_S, "--", ...command]);
} finally {
  await Deno.remove(temporary, { recursive: true });
}

async function run(command: string, args: readonly string[]): Promise<number> {
  return (await new Deno.Command(command, { args: [...args] }).spawn().status).code;
}

/**
 * A directory for Deno inside: what it compiles for the other kernel's processor must not be found by
 * the one here, and two kernels do not share databases. Only the packages are the same.
 */
async function ownDenoDirectory(parent: string): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string };
  const own = `${parent}/deno`;
  await Deno.mkdir(own);
  const status = await run("cp", ["-r", `${denoDir}/npm`, own]);
  if (status !== 0) throw new Error(`cp of ${denoDir}/npm ended with ${status}`);
  return own;
}
