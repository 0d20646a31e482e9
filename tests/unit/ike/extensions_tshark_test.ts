/**
 * tshark reads our messages with a puzzle in IKE_SA_INIT and for IKE_AUTH (RFC 8019), with IP-TFS (RFC 9347) and
 * with a CHILD_SA for a resource (RFC 9611): it finds the payloads where the RFCs have them, decrypts IKE_AUTH behind a solution, and shows the same octets.
 */
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { dumpOf } from "@/engine/show/sa_view.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { CaptureFile } from "@/report/capture_file.ts";
import { KeylogDirectory } from "@/report/keylog.ts";
import { CHILD } from "@/sim/scenarios.ts";
import { decodeMessage, findPayload } from "@/wire/message.ts";
import { HAS_TSHARK } from "../esp/_tshark.ts";
import { setUp } from "./auth/two_ends.ts";

const PATH = {
  ownAddress: Uint8Array.of(10, 0, 0, 1),
  ownPort: 500,
  peerAddress: Uint8Array.of(10, 0, 0, 2),
  peerPort: 500,
};
const { PUZZLE, SA_RESOURCE_INFO, USE_AGGFRAG } = NotifyType;
const { PS, SK } = PayloadType;

Deno.test({
  name: "tshark reads puzzles, their solutions, USE_AGGFRAG and SA_RESOURCE_INFO",
  ignore: !HAS_TSHARK,
  async fn() {
    const directory = await Deno.makeTempDir();
    try {
      const pcap = new CaptureFile(`${directory}/cap.pcap`);
      const messages: Uint8Array[] = [];
      const sent = (octets: Uint8Array, own: boolean) => {
        messages.push(octets.slice());
        pcap.add({ sent: own, octets, path: PATH, epochMs: 0, tunnel: undefined });
      };
      const aggfrag = { use: "force", takesFragments: false, payloadOctets: 0, rate: 0 } as const;
      const children = [{ ...CHILD, aggfrag, resources: 1 }];
      const solves = { threshold: Infinity, difficulty: 0, inAuth: false, bitsMax: 10 };
      const gives = { threshold: 0, difficulty: 5, inAuth: true, bitsMax: -1 };
      const ends = await setUp(portableBackend(), {
        initiator: { children, puzzles: solves },
        responder: { children, puzzles: gives },
        sent,
      });
      assert.deepEqual([...ends.initiator.failures, ...ends.responder.failures], []);
      pcap.close();
      const keylog = new KeylogDirectory(`${directory}/keys`);
      keylog.addIke(dumpOf(ends.initiator.sa, (ms) => ms));
      keylog.close();
      const keys = (await Deno.readTextFile(`${directory}/keys/ikev2_decryption_table`)).trim();
      const fields = ["isakmp.typepayload", "isakmp.notify.msgtype", "isakmp.notify.data"];
      const { code, stdout, stderr } = await new Deno.Command("tshark", {
        args: [
          ...["-r", `${directory}/cap.pcap`, "-Y", "isakmp", "-T", "fields"],
          ...["-o", `uat:ikev2_decryption_table:${keys}`],
          ...fields.flatMap((field) => ["-e", field]),
        ],
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const lines = new TextDecoder().decode(stdout).split("\n").slice(0, -1)
        .map((line) => line.split("\t").map((cell) => cell.split(",")));
      assert.equal(lines.length, messages.length);
      const typesOf = (line: string[][]) => line[0]!.map(Number);
      const notified = (line: string[][]) => line[1]!.map(Number);
      const solved = messages.flatMap((octets, i) => {
        const ps = findPayload(decodeMessage(octets).payloads, PS);
        return ps ? [{ line: lines[i]!, data: toHex(ps.data) }] : [];
      });
      assert.deepEqual(solved.length, 2, "in IKE_SA_INIT and in IKE_AUTH");
      for (const { line, data } of solved) {
        assert.ok(typesOf(line).includes(PS));
        assert.equal(data.length % 8, 0);
      }
      assert.deepEqual(typesOf(solved[1]!.line).slice(0, 2), [PS, SK]);
      assert.ok(notified(solved[1]!.line).includes(USE_AGGFRAG), "behind the solution, decrypted");
      const given = lines.filter((line) => notified(line).includes(PUZZLE));
      assert.equal(given.length, 2);
      for (const line of given) assert.ok(line[2]!.includes("000505"), String(line[2]));
      const agreed = lines.filter((line) => notified(line).includes(USE_AGGFRAG));
      assert.equal(agreed.length, 4, "in IKE_AUTH, and in CREATE_CHILD_SA for the resource");
      for (const line of agreed) assert.ok(line[2]!.includes("01"), String(line[2]));
      for (const line of agreed) assert.ok(notified(line).includes(SA_RESOURCE_INFO));
      for (const line of agreed.slice(2)) assert.ok(line[2]!.includes("00000001"), String(line[2]));
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
