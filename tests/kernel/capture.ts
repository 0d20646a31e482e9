/**
 * Captures what passes a device by tcpdump: each packet with its IP header on one line.
 * @module
 */
import { type Lab, mustRun, type Site, until } from "../interop/harness.ts";

/** The device of a site at which packets of tunnels in the process come out. */
export async function tunDevice({ namespace }: Site): Promise<string> {
  const links = await mustRun("ip", ["-n", namespace, "-br", "link"]);
  const name = /^(myikev2t\w*)/m.exec(links)?.[1];
  if (name === undefined) throw new Error(`No device of ours: ${links}`);
  return name;
}

/** The packets that pass `device` while `during` runs and match tcpdump's `filter`. */
export async function captured(
  lab: Lab,
  where: { readonly site: Site; readonly device: string; readonly filter: string },
  during: () => Promise<unknown>,
): Promise<string[]> {
  const { site, device, filter } = where;
  const words = ["-l", "-n", "-v", "--immediate-mode", "-Z", "root", "-i", device, filter];
  const child = lab.spawn(site, ["tcpdump", ...words]);
  let told = "";
  let said = "";
  const reading = Promise.all([
    read(child.stdout, (text) => said += text),
    read(child.stderr, (text) => told += text),
  ]);
  await until("tcpdump listening", 20_000, () => told.includes("listening on"));
  await during();
  child.kill("SIGINT");
  await child.status;
  await reading;
  // A packet continues in lines that begin with a space.
  return said.replaceAll(/\n\s+/g, " ").split("\n").filter((line) => line !== "");
}

async function read(stream: ReadableStream<Uint8Array>, take: (text: string) => void) {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
