/**
 * Two exchanges that cross on the way (RFC 7296 §2.25), each in both roles: what the tests of collisions
 * play.
 * @module
 */
import { portableBackend } from "@/crypto/portable.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeEvent } from "@/ike/records/event.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { type Host, World } from "@/sim/world.ts";

const crypto = portableBackend(), keys = new WorldKeys(crypto);

/** What one end begins. */
export type Deed = "rekey_child" | "delete_child" | "rekey_ike" | "close";

function eventOf(deed: Deed, sa: IkeSa): IkeEvent {
  if (deed === "rekey_ike") return { kind: deed };
  if (deed === "close") return { kind: deed, closeCode: CloseCode.STOPPED };
  return { kind: deed, child: sa.children[0]! };
}

/** IKE SAs of a host that are up. */
export function established(host: Host): IkeSa[] {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
}

/** Which two exchanges cross, and what comes of it. */
export interface Crossing {
  readonly section: string;
  /** What the receiver of the request is doing, and what it is asked. */
  readonly busy: Deed;
  readonly asked: Deed;
  /** What the receiver answers. */
  readonly reply: RegExp;
  /** IKE SAs and CHILD_SAs of each end at rest. */
  readonly left: readonly [ikeSas: number, children: number];
  readonly seamless: boolean;
}

const TEMPORARY = /CREATE_CHILD_SA resp \d+ \{N\(TEMPORARY_FAILURE\)\}/;
const USUAL = /CREATE_CHILD_SA resp \d+ \{SA/;
const WITH_DELETE = /INFORMATIONAL resp \d+ \{D/;
const EMPTY = /INFORMATIONAL resp \d+ \{\}/;

/** Each sentence of §2.25.1 and §2.25.2 that begins "If a peer receives". */
// deno-fmt-ignore
export const CROSSINGS: readonly Crossing[] = [
  { section: "§2.25.1", busy: "delete_child", asked: "rekey_child", reply: TEMPORARY, left: [1, 0], seamless: false },
  { section: "§2.25.1, §2.8.1", busy: "rekey_child", asked: "rekey_child", reply: USUAL, left: [1, 1], seamless: true },
  { section: "§2.25.1", busy: "delete_child", asked: "delete_child", reply: EMPTY, left: [1, 0], seamless: false },
  { section: "§2.25.1", busy: "rekey_child", asked: "delete_child", reply: WITH_DELETE, left: [1, 0], seamless: false },
  { section: "§2.25.1", busy: "rekey_child", asked: "rekey_ike", reply: TEMPORARY, left: [1, 1], seamless: true },
  { section: "§2.25.1", busy: "delete_child", asked: "rekey_ike", reply: TEMPORARY, left: [1, 0], seamless: false },
  { section: "§2.25.2, §2.8.2", busy: "rekey_ike", asked: "rekey_ike", reply: USUAL, left: [1, 1], seamless: true },
  { section: "§2.25.2", busy: "close", asked: "rekey_ike", reply: TEMPORARY, left: [0, 0], seamless: false },
  { section: "§2.25.2", busy: "rekey_ike", asked: "close", reply: EMPTY, left: [0, 0], seamless: false },
  { section: "§2.25.2", busy: "close", asked: "close", reply: EMPTY, left: [0, 0], seamless: false },
  { section: "§2.25.2", busy: "rekey_ike", asked: "rekey_child", reply: TEMPORARY, left: [1, 1], seamless: true },
  { section: "§2.25.2", busy: "rekey_ike", asked: "delete_child", reply: WITH_DELETE, left: [1, 0], seamless: false },
];

/** Whose exchange the other one reaches. */
export const RECEIVERS = ["initiator", "responder"] as const;

/** A play that has come to rest. */
export interface Played {
  readonly world: World;
  readonly busyHost: Host;
  readonly asking: Host;
  /** Where in the ladder both exchanges begin. */
  readonly from: number;
  /** Datagrams sent since then. */
  readonly datagrams: number;
}

/** Sets a tunnel up, lets both ends begin at once; `meddle` is told the number of each datagram since. */
export function play(
  crossing: Crossing,
  receiver: typeof RECEIVERS[number],
  meddle: (number: number) => "lost" | "twice" | undefined = () => undefined,
): Played {
  const weather = { loss: 0, duplication: 0, delayMs: [50, 50] } as const;
  const options = { seed: 7, crypto, keys, weather, broken: new Set<FaultName>() };
  const world = new World({ ...options, computeMs: [1, 1] });
  const a = world.join("a", Uint8Array.of(10, 0, 0, 1), worldConfig(), false);
  const b = world.join("b", Uint8Array.of(10, 0, 0, 2), worldConfig(), true);
  const [busyHost, asking] = receiver === "initiator" ? [a, b] : [b, a];
  world.seamless = crossing.seamless;
  world.dial(a, b);
  let from = 0, datagrams = 0;
  world.at(8_000, () => {
    from = world.ladder.length;
    world.meddler = () => meddle(datagrams++);
    const [mine] = established(busyHost), [theirs] = established(asking);
    world.tell(busyHost, mine!, eventOf(crossing.busy, mine!));
    world.tell(asking, theirs!, eventOf(crossing.asked, theirs!));
  });
  world.run();
  return { world, busyHost, asking, from, datagrams };
}
