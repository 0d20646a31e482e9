/** Runs our `echosvr` as a process at a site. */
import { type Lab, type Site, until } from "../interop/harness.ts";
import { command } from "../interop/ours.ts";

/** A running `echosvr`. */
export interface RunningEchosvr {
  /** Ends it by SIGINT; returns its exit status and its output. */
  stop(): Promise<{ readonly code: number; readonly said: string }>;
}

/** Starts it, and waits until it answers. */
export async function startEchosvr(
  lab: Lab,
  site: Site,
  options: readonly string[],
): Promise<RunningEchosvr> {
  const child = lab.spawn(site, [...await command(), "echosvr", ...options], {});
  let said = "";
  let code: number | undefined;
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  child.status.then((status) => code = status.code);
  await until("echosvr", 20_000, () => {
    if (code !== undefined) throw new Error(`echosvr ended with ${code}: ${said}`);
    return said.includes("echoing UDP");
  });
  return {
    async stop() {
      child.kill("SIGINT");
      const status = await child.status;
      await Promise.all([reading, child.stdout.cancel()]);
      return { code: status.code, said };
    },
  };
}
