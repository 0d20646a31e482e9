// A peer with the right keys that says what chance makes of good messages: RFC 7296 §2.21.
import assert from "node:assert/strict";
import { Writer } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeEvent } from "@/ike/records/event.ts";
import { CHILD } from "@/sim/scenarios.ts";
import { encodePayloads, type Payload } from "@/wire/message.ts";
import { sealContent } from "@/wire/protected.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { both } = checksOf(import.meta.url);
const { IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL } = ExchangeType;

/** The number of SAs in a test, and of messages to each. */
const BENCHES = 300;
const MESSAGES = 4;
const KE_AND_IPCOMP = { children: [{ ...CHILD, pfsGroups: [31], ipcomp: true }] };

function someBench(role: Role, random: SeededRandom): Bench {
  const config = random.below(2) ? {} : KE_AND_IPCOMP;
  return random.below(3) ? Bench.up(role, config, config) : Bench.keyed(role, config, config);
}

/** Payloads of a valid message, of which some are missing or replaced by those of another one. */
function payloads({ peer, sa }: Bench, random: SeededRandom): Payload[] {
  const spis = sa.children.map((c) => c.spiOut);
  const all: Payload[][] = [
    peer.createChild(),
    peer.rekeyIke(),
    peer.authPayloads(),
    [{ type: PayloadType.DELETE, protocol: 3, spis }],
    [{ type: PayloadType.DELETE, protocol: 1, spis: [] }],
    [notify(16_384 + random.below(60), random.octets(random.below(5)))],
    [notify(random.below(60), random.octets(random.below(5)))],
  ];
  const list = [...random.pick(all)];
  if (random.below(3) === 0) list.push(...random.pick(all));
  if (random.below(4) === 0) list.splice(random.below(list.length), 1);
  return list;
}

/** A message with random changes inside SK and a valid ICV. */
function nonsense(bench: Bench, random: SeededRandom): Uint8Array {
  const { peer, sa } = bench;
  const w = new Writer();
  const firstType = encodePayloads(payloads(bench, random), w);
  const content = w.done();
  for (let i = random.below(5); i > 0 && content.length > 0; i--) {
    content[random.below(content.length)] = random.below(256);
  }
  const end = random.below(10) ? content.length : random.below(content.length + 1);
  const exchange = random.pick([IKE_AUTH, CREATE_CHILD_SA, CREATE_CHILD_SA, INFORMATIONAL]);
  const header = sa.window.request && random.below(3)
    ? peer.header(sa.window.request.exchange, {
      messageId: sa.window.request.messageId,
      response: true,
    })
    : peer.header(exchange, { messageId: sa.window.nextPeerId });
  const protection = peer.protection();
  const iv = peer.random.octets(protection.cipher.ivOctets);
  return sealContent(header, { firstType, content: content.subarray(0, end) }, { protection, iv });
}

/** Makes the core send a request of its own. */
function busy(bench: Bench, random: SeededRandom): void {
  const [child] = bench.sa.children;
  const events: IkeEvent[] = [
    { kind: "rekey_ike" },
    { kind: "liveness_check" },
    { kind: "create_child", configIndex: 0 },
    ...(child ? [{ kind: "rekey_child", child }, { kind: "delete_child", child }] as const : []),
  ];
  bench.tell(random.pick(events));
}

both(
  "§2.21.3",
  "Authentic nonsense is answered or ends its SA, and leaves nothing behind",
  (role) => {
    const random = new SeededRandom(7);
    let ended = 0;
    for (let i = 0; i < BENCHES; i++) {
      const bench = someBench(role, random);
      for (let k = 0; k < MESSAGES && bench.live.length === 1; k++) {
        if (bench.sa.phase === "established" && random.below(2)) busy(bench, random);
        bench.hear(nonsense(bench, random));
      }
      bench.pass(600_000);
      const owned = bench.live.reduce((sum, sa) => sum + sa.children.length, 0);
      assert.equal(bench.core.env.childrenBySpi.size, owned, "no CHILD_SA without an IKE SA");
      assert.equal(bench.core.halfOpen, 0);
      if (bench.live.length === 0) ended++;
    }
    assert.ok(ended > BENCHES / 10 && ended < BENCHES, `${ended} of ${BENCHES} ended`);
  },
);
