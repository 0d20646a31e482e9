/**
 * tshark reads a session that is resumed (RFC 5723): it names IKE_SESSION_RESUME, finds its nonces and the ticket, which
 * are in clear, and decrypts the two IKE_AUTH exchanges with the tickets that they give.
 */
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { perform } from "@/engine/run/compute.ts";
import { dumpOf } from "@/engine/show/sa_view.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { SessionTicket } from "@/ike/records/resumption.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { IssuedCredentials } from "@/pki/issuing.ts";
import { PathMemory } from "@/pki/trust.ts";
import { CaptureFile } from "@/report/capture_file.ts";
import { KeylogDirectory } from "@/report/keylog.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { HAS_TSHARK } from "../esp/_tshark.ts";
import { PATH, TwoEnds } from "../../two_ends.ts";

const { IKE_AUTH, IKE_SA_INIT, IKE_SESSION_RESUME } = ExchangeType;
const { TICKET_LT_OPAQUE, TICKET_OPAQUE, TICKET_REQUEST } = NotifyType;
const STEPS_MAX = 100;

/** Sets up an IKE SA, loses it and resumes it; returns the ticket, and both IKE SAs of the client. */
async function resume(sent: (octets: Uint8Array, own: boolean) => void) {
  const crypto = portableBackend();
  const random = (seed: number) => {
    const seeded = new SeededRandom(seed);
    return (count: number) => seeded.octets(count);
  };
  const means = {
    crypto,
    paths: new PathMemory(crypto),
    issued: new IssuedCredentials(crypto),
    epochMs: () => 0,
  };
  const issues = { keyId: new Uint8Array(8), key: new Uint8Array(32), lifetimeMs: 60_000 };
  const tickets: SessionTicket[] = [];
  const ends: TwoEnds = new TwoEnds({
    crypto,
    a: worldConfig({ resumption: { asks: true } }),
    b: worldConfig({ resumption: { asks: false, issues } }),
    random: { a: random(1), b: random(2) },
    compute: (job) => Promise.resolve(perform(means, job)),
    effect(effect, _, end) {
      if (effect.kind === "ticket_given") tickets.push(effect.ticket);
      if (effect.kind === "send") sent(effect.octets, end === ends.a);
    },
  });
  const before = ends.dial();
  await ends.settle(STEPS_MAX);
  const lost = { kind: "abandon", closeCode: CloseCode.NO_ANSWER, why: "lost" } as const;
  const keys = dumpOf(before, (ms) => ms);
  ends.tell(ends.a, before, lost);
  const [ticket] = tickets;
  const after: IkeSa = ends.dial(0, PATH, ticket!);
  await ends.settle(STEPS_MAX);
  return { ticket: ticket!, after, keys };
}

Deno.test({
  name: "tshark names IKE_SESSION_RESUME, and reads tickets in clear and decrypted",
  ignore: !HAS_TSHARK,
  async fn() {
    const directory = await Deno.makeTempDir();
    try {
      const pcap = new CaptureFile(`${directory}/cap.pcap`);
      const { ticket, after, keys } = await resume((octets, own) =>
        pcap.add({ sent: own, octets, path: PATH, epochMs: 0, tunnel: undefined })
      );
      pcap.close();
      assert.equal(after.peer.resumed, true);
      const keylog = new KeylogDirectory(`${directory}/keys`);
      for (const dump of [keys, dumpOf(after, (ms) => ms)]) keylog.addIke(dump);
      keylog.close();
      const table = await Deno.readTextFile(`${directory}/keys/ikev2_decryption_table`);
      const fields = ["isakmp.exchangetype", "isakmp.notify.msgtype", "isakmp.notify.data"];
      const { code, stdout, stderr } = await new Deno.Command("tshark", {
        args: [
          ...["-r", `${directory}/cap.pcap`, "-Y", "isakmp", "-T", "fields"],
          ...table.trim().split("\n").flatMap((
            line,
          ) => ["-o", `uat:ikev2_decryption_table:${line}`]),
          ...[...fields, "_ws.col.Info"].flatMap((field) => ["-e", field]),
        ],
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const lines = new TextDecoder().decode(stdout).split("\n").slice(0, -1)
        .map((line) => line.split("\t"));
      const auth = [IKE_AUTH, IKE_AUTH];
      const exchanges = [IKE_SA_INIT, IKE_SA_INIT, ...auth, IKE_SESSION_RESUME];
      assert.deepEqual(lines.map(([type]) => Number(type)), [
        ...exchanges,
        IKE_SESSION_RESUME,
        ...auth,
      ]);
      const resumes = lines.filter(([type]) => Number(type) === IKE_SESSION_RESUME);
      for (const line of resumes) assert.match(line[3]!, /IKE_SESSION_RESUME/);
      assert.ok(resumes[0]![1]!.split(",").includes(String(TICKET_OPAQUE)));
      assert.ok(resumes[0]![2]!.split(",").includes(toHex(ticket.opaque)));
      const notified = lines.filter(([type]) => Number(type) === IKE_AUTH)
        .map((line) => line[1]!.split(",").map(Number));
      for (const [i, type] of [TICKET_REQUEST, TICKET_LT_OPAQUE].entries()) {
        assert.ok(notified[i]!.includes(type) && notified[i + 2]!.includes(type), `${type}`);
      }
      assert.ok(lines[3]![2]!.includes(toHex(ticket.opaque)), "decrypted");
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
