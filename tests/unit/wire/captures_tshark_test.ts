/**
 * tshark reads the same as we do in the captures with a PPK, ML-KEM, a childless IKE SA and reauthentication:
 * the types of all payloads and notifies, decrypted, for each key exchange.
 */
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { notifies } from "@/ike/records/notify.ts";
import { openCapture, readCapture } from "../../captures.ts";
import { HAS_TSHARK } from "../esp/_tshark.ts";

const DIRECTORY = new URL("../../vectors/captures/", import.meta.url);
/** Proposal and transform, which are parts of SA here and payloads to tshark. */
const SUBSTRUCTURES = [2, 3];

/** Payload types, sorted, and notify types of each IKE message that tshark shows with one line of keys. */
async function dissected(name: string, keys: string): Promise<(readonly [number[], number[]])[]> {
  const fields = ["isakmp.typepayload", "isakmp.notify.msgtype"].flatMap((field) => ["-e", field]);
  const { code, stdout, stderr } = await new Deno.Command("tshark", {
    args: [
      ...["-r", new URL(`${name}/cap.pcap`, DIRECTORY).pathname, "-Y", "isakmp", "-T", "fields"],
      ...["-o", `uat:ikev2_decryption_table:${keys}`, ...fields],
    ],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const numbers = (text = "") => text.split(",").filter((n) => n !== "").map(Number);
  return new TextDecoder().decode(stdout).split("\n").slice(0, -1).map((line) => {
    const [types, notified] = line.split("\t");
    const payloads = numbers(types).filter((type) => !SUBSTRUCTURES.includes(type));
    return [payloads.sort((a, b) => a - b), numbers(notified)] as const;
  });
}

for (const name of ["ppk", "mlkem768", "childless", "reauth_bbm"]) {
  Deno.test({
    name: `tshark decrypts ${name} to the payloads that we find`,
    ignore: !HAS_TSHARK,
    async fn() {
      const capture = readCapture(name, portableBackend());
      const opened = openCapture(capture);
      const table = await Deno.readTextFile(new URL(`${name}/ikev2_decryption_table`, DIRECTORY));
      const lines = table.split("\n").filter((line) => line !== "");
      assert.equal(lines.length, capture.keys.length);
      let compared = 0;
      for (const [i, { initiator, responder }] of capture.keys.entries()) {
        const theirs = await dissected(name, lines[i]!);
        assert.equal(theirs.length, opened.length);
        for (const [at, { sealed, message }] of opened.entries()) {
          if (sealed?.protection !== initiator && sealed?.protection !== responder) continue;
          if (!sealed?.payloads) continue; // a fragment, of which tshark shows the last one alone
          const outer = message.payloads.map(({ type }) => type);
          const inner = sealed.payloads.map(({ type }) => type);
          const types = [...outer, ...inner].sort((a, b) => a - b);
          const notified = notifies(sealed.payloads).map(({ notify }) => notify);
          assert.deepEqual(theirs[at], [types, notified], `${name}, message ${at + 1}`);
          compared++;
        }
      }
      const whole = opened.filter(({ sealed }) => sealed?.payloads).length;
      assert.equal(compared, whole);
      assert.ok(
        opened.some(({ message }) => message.payloads.some((p) => p.type === PayloadType.SA)),
      );
    },
  });
}
