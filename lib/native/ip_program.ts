/**
 * Runs the `ip` program of iproute2 to its end, for the rooms that change addresses, routes and links by it. What a
 * failure means to the user is decided by the caller.
 * @module
 */

/** The outcome of a call of `ip`. */
export interface IpOutcome {
  readonly success: boolean;
  /** What it has printed on standard output. */
  readonly output: string;
  /** The first line that it has printed on standard error; empty: none. */
  readonly why: string;
}

/** Runs `ip` with `input` on its standard input; undefined: the program is not installed. */
export async function runIp(args: readonly string[], input = ""): Promise<IpOutcome | undefined> {
  let process: Deno.ChildProcess;
  try {
    const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    process = new Deno.Command("ip", { args: [...args], ...pipes }).spawn();
  } catch {
    return undefined;
  }
  // Input is written while output is read, as a program whose output is not read stops reading its input.
  const [{ success, stdout, stderr }] = await Promise.all([
    process.output(),
    feed(process.stdin, input),
  ]);
  const decoder = new TextDecoder();
  const why = decoder.decode(stderr).trim().split("\n")[0]!;
  return { success, output: decoder.decode(stdout), why };
}

/** Writes the input. A process that ends before it has read all of it reports the reason itself. */
async function feed(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  if (input !== "") await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
}
