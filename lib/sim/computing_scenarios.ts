/**
 * Scenarios about slow computations: the peer sends a request while the keys of an exchange are computed, at
 * either end.
 * @module
 */
import { KeGroup } from "@/iana/ke_group.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeEvent } from "@/ike/records/event.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";
import { CHILD, establishedSa, pair, PATIENT, type Scenario } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";

/** When the exchange begins, in milliseconds: the tunnel is established by then in the worst network. */
const START_MS = 15_000;

/** Tries an action at intervals until it has succeeded once. */
function asSoonAsPossible(world: World, action: () => boolean): void {
  let done = false;
  for (let ms = 5; ms < 8_000; ms += 5) world.at(START_MS + ms, () => done ||= action());
}

function liveSas(host: Host): IkeSa[] {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
}

/** The CHILD_SAs of a host by their SPIs; `mirrored`: as the peer sees them. */
function pairsOf(host: Host, mirrored: boolean): string {
  return liveSas(host).flatMap((sa) => sa.children).map(({ spiIn, spiOut }) =>
    mirrored ? `${spiOut} ${spiIn}` : `${spiIn} ${spiOut}`
  ).sort().join();
}

/** The end that answers a CREATE_CHILD_SA request deletes or rekeys the new CHILD_SA at once. */
const newChild: Scenario = {
  name: "asked_while_computing",
  start(world) {
    const children = [{ ...CHILD, pfsGroups: [KeGroup.CURVE25519] }];
    const { a, b } = pair(world, { ...PATIENT, children });
    const [by, other] = world.random.pick([[a, b], [b, a]]);
    world.computationMs = () => world.random.fraction() * 900;
    world.dial(a, b);
    const known = new Set<number>();
    world.at(START_MS, () => {
      const sa = establishedSa(by);
      const child = sa?.children[0];
      for (const host of [a, b]) {
        for (const c of establishedSa(host)?.children ?? []) known.add(c.spiIn);
      }
      if (!sa || !child) return;
      const more = world.random.chance(0.5);
      world.tell(
        by,
        sa,
        more ? { kind: "create_child", configIndex: 0 } : { kind: "rekey_child", child },
      );
    });
    const kind = world.random.pick(["delete_child", "delete_child", "rekey_child"] as const);
    asSoonAsPossible(world, () => {
      const sa = establishedSa(other);
      const made = sa?.children.find((c) => !known.has(c.spiIn) && c.keys);
      if (!made) return false;
      world.tell(other, sa!, { kind, child: made } as IkeEvent);
      return true;
    });
    return {
      stands: true,
      check() {
        const same = !establishedSa(a) || !establishedSa(b) ||
          pairsOf(a, false) === pairsOf(b, true);
        return same ? undefined : "both ends hold the same CHILD_SAs";
      },
    };
  },
};

/** The end that answers the rekey of the IKE SA deletes the old one at once. */
const oldIkeSa: Scenario = {
  name: "old_ike_sa_goes_first",
  start(world) {
    const { a, b } = pair(world, PATIENT);
    const [by, other] = world.random.pick([[a, b], [b, a]]);
    world.computationMs = () => world.random.fraction() * 900;
    world.dial(a, b);
    world.at(START_MS, () => {
      const sa = establishedSa(by);
      if (sa) world.tell(by, sa, { kind: "rekey_ike" });
    });
    asSoonAsPossible(world, () => {
      const old = liveSas(other).find((sa) => isReplaced(sa));
      // The peer must have the response before, as it would otherwise forget its request (RFC 7296 §2.25.2).
      const answered = liveSas(by).some(({ active }) =>
        active?.kind === "rekey_ike" && active.stage === "deriving"
      );
      if (!old || !answered) return false;
      world.tell(other, old, { kind: "close", closeCode: CloseCode.STOPPED });
      return true;
    });
    return {
      stands: true,
      check() {
        const [ofA, ofB] = [a, b].map((host) => liveSas(host).map((sa) => `${sa.spiI} ${sa.spiR}`));
        if (ofA!.join() !== ofB!.join()) return "both ends hold the same IKE SA after its rekey";
        return ofA!.length < 2 ? undefined : "one IKE SA is left after its rekey";
      },
    };
  },
};

/** All scenarios of this file. */
export const COMPUTING_SCENARIOS: readonly Scenario[] = [newChild, oldIkeSa];
