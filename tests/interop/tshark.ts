/**
 * Runs tshark on our capture with the keys that we export, to see our messages as another program does.
 * @module
 */
import { mustRun, run as runCommand } from "./harness.ts";
import { expect, type RowRun } from "./row.ts";

/**
 * The named fields of every frame, with commas between the values of one field.
 * @throws Error if tshark rejects a key table or finds a malformed frame.
 */
export async function decryptedFields(run: RowRun, fields: readonly string[]): Promise<string[][]> {
  const home = await Deno.makeTempDir({ dir: run.lab.directory, prefix: "tshark-" });
  const profile = `${home}/.config/wireshark`;
  await Deno.mkdir(profile, { recursive: true });
  for (const table of ["ikev2_decryption_table", "esp_sa"]) {
    await Deno.copyFile(`${run.ours.keyDirectory}/${table}`, `${profile}/${table}`);
  }
  const tshark = ["env", `HOME=${home}`, `XDG_CONFIG_HOME=${home}/.config`, "tshark"];
  const read = [...tshark, "-r", run.ours.pcap];
  const columns = fields.flatMap((field) => ["-e", field]);
  const args = [...read, "-T", "fields", "-E", "separator=|", ...columns];
  const listed = await runCommand(args[0]!, args.slice(1));
  expect(listed.code === 0, `tshark ended with ${listed.code}: ${listed.stderr}`);
  const refused = /(ikev2_decryption_table|esp_sa).*/.exec(listed.stderr);
  expect(refused === null, `tshark refuses a key table: ${refused?.[0]}`);
  const bad = [...read, "-Y", "_ws.malformed or _ws.expert.severity == error"];
  const malformed = await mustRun(bad[0]!, bad.slice(1));
  expect(malformed.trim() === "", `tshark finds malformed frames: ${malformed.trim()}`);
  return listed.stdout.trim().split("\n").map((line) => line.split("|"));
}
