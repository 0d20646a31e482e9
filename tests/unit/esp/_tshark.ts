/**
 * tshark as an independent reader of ESP packets; many machines do not have it.
 * @module
 */
import { Writer } from "@/base/bytes.ts";

const LINKTYPE_RAW = 101;

/** Whether tshark can be started here. */
export const HAS_TSHARK = await (async () => {
  try {
    const version = new Deno.Command("tshark", {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    });
    return (await version.output()).success;
  } catch {
    return false;
  }
})();

/**
 * The fields that tshark shows of IP packets, a list for each packet; one that occurs twice, as in a
 * packet within a packet, shows both, with a comma between them. Its preferences are its own ones.
 * @param espSas lines of Wireshark's table `esp_sa`.
 */
export async function dissect(
  packets: readonly Uint8Array[],
  fields: readonly string[],
  espSas: readonly string[] = [],
): Promise<string[][]> {
  const home = await Deno.makeTempDir({ prefix: "myikev2-tshark-" });
  try {
    await Deno.mkdir(`${home}/.config/wireshark`, { recursive: true });
    await Deno.writeTextFile(
      `${home}/.config/wireshark/esp_sa`,
      espSas.map((l) => l + "\n").join(""),
    );
    await Deno.writeFile(`${home}/packets.pcap`, pcapOf(packets));
    const options = [
      "esp.enable_encryption_decode",
      "esp.enable_authentication_check",
      "ip.check_checksum",
      "udp.check_checksum",
      "tcp.check_checksum",
    ].flatMap((name) => ["-o", `${name}:TRUE`]);
    const shown = fields.flatMap((field) => ["-e", field]);
    const { code, stdout, stderr } = await new Deno.Command("tshark", {
      args: ["-r", `${home}/packets.pcap`, ...options, "-T", "fields", ...shown],
      env: { HOME: home, XDG_CONFIG_HOME: `${home}/.config` },
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
    const lines = new TextDecoder().decode(stdout).split("\n").slice(0, -1);
    return lines.map((line) => line.split("\t"));
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

function pcapOf(packets: readonly Uint8Array[]): Uint8Array {
  const w = new Writer(1024);
  w.u32(0xa1b2c3d4).u16(2).u16(4).u32(0).u32(0).u32(0x40000).u32(LINKTYPE_RAW);
  for (const [i, packet] of packets.entries()) {
    w.u32(i).u32(0).u32(packet.length).u32(packet.length).put(packet);
  }
  return w.done();
}
