/** Two processes of our program at the two sites of a lab, a gateway and a client, and their results. */
import type { Lab, Site } from "../interop/harness.ts";
import { command } from "../interop/ours.ts";

/** The part of the JSON result that these tests check. */
export interface EndResult {
  readonly result: string;
  readonly error: string | null;
  readonly tunnels: { readonly established: number; readonly failed: number };
  readonly failures: readonly { readonly cause: string; readonly count: number }[];
  readonly datagrams: {
    readonly sent: number;
    readonly received: number;
    readonly sendErrors: readonly {
      readonly cause: string;
      readonly count: number;
      readonly example: string;
    }[];
    readonly neighbourOverflow: { readonly overflows: number } | null;
  };
}

/** Runs a setup at a site to its end; `flush`: whether its addresses are added to the interface. */
export async function runEnd(
  lab: Lab,
  site: Site,
  setup: string,
  flush: boolean,
): Promise<EndResult> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, setup);
    const [program, ...args] = await command();
    const flags = [flush ? "--flush=force" : "--flush=false", "--json", "--lf", `${file}.log`];
    const { stdout, stderr } = await lab.exec(site, program!, [...args, "test", file, ...flags]);
    const line = stdout.trim().split("\n").at(-1) ?? "";
    if (!line.startsWith("{")) throw new Error(`no result: ${stderr}`);
    return JSON.parse(line) as EndResult;
  } finally {
    await Deno.remove(file);
    await Deno.remove(`${file}.log`).catch(() => {});
  }
}
