/**
 * Declares the command `echosvr` with its options and examples.
 * @module
 */
import type { Command } from "commander";
import { wholeNumber } from "@/cli/options.ts";
import type { EchosvrOptions } from "@/cli/echosvr.ts";

const COUNT_MAX = 1_000_000;
const STEP_MAX = 2 ** 31 - 1;

/** Adds `echosvr` to the program. */
export function addEchosvr(program: Command, exit: (status: number) => void): void {
  program.command("echosvr")
    .description("return UDP datagrams to their sender: the other end of pings with ptype: udp")
    .requiredOption(
      "--startip <address>",
      "the first address; addresses that this host lacks are added to lo while it runs",
    )
    .option("--count <n>", "addresses", wholeNumber(1, COUNT_MAX), 1)
    .option("--step <n>", "difference between two addresses", wholeNumber(1, STEP_MAX), 1)
    .option("--port <port>", "UDP port", wholeNumber(1, 65_535), 9922)
    .addHelpText(
      "after",
      `
Pings of a test (ptype: udp) are answered without a limit. Other clients get back what they send:
1000 datagrams of one port until it has paused for 10 s, and none from the server's own port number,
so that no two servers can be made to answer each other for ever.

Examples:
  myikev2 echosvr --startip 10.1.0.1
  myikev2 echosvr --startip 172.20.0.1 --count 1000 --step 256
  myikev2 echosvr --startip fd01::1 --port 9923`,
    )
    .action(async (options: EchosvrOptions) => {
      const { runEchosvr } = await import("@/cli/echosvr.ts");
      exit(await runEchosvr(options));
    });
}
