/**
 * Two exchanges that cross on the path (RFC 7296 §2.25), each in both roles, for the tests of collisions.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeEvent } from "@/ike/records/event.ts";
import type { Host, World } from "@/sim/world.ts";
import { established, losslessNetwork, twoHosts } from "../two_hosts.ts";

/** The command by which one end begins an exchange. */
export type Command = "rekey_child" | "delete_child" | "rekey_ike" | "close";

function eventOf(command: Command, sa: IkeSa): IkeEvent {
  if (command === "rekey_ike") return { kind: command };
  if (command === "close") return { kind: command, closeCode: CloseCode.STOPPED };
  return { kind: command, child: sa.children[0]! };
}

/** Two exchanges that cross, and the expected result. */
export interface Crossing {
  readonly section: string;
  /** The exchange in which the receiver of the request is, and the request. */
  readonly busy: Command;
  readonly asked: Command;
  /** The expected answer of the receiver. */
  readonly reply: RegExp;
  /** The number of IKE SAs and CHILD_SAs of each end at rest. */
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

/** The end whose exchange the request of the other one meets. */
export const RECEIVERS = ["initiator", "responder"] as const;

/** A world that has come to rest. */
export interface CrossingOutcome {
  readonly world: World;
  readonly busyHost: Host;
  readonly asking: Host;
  /** Index in the ladder at which both exchanges begin. */
  readonly from: number;
  /** Number of datagrams since then. */
  readonly datagrams: number;
}

/**
 * Sets up a tunnel and lets both ends begin at once; `datagramFate` is called with the number of each datagram
 * since.
 */
export function runCrossing(
  crossing: Crossing,
  receiver: typeof RECEIVERS[number],
  datagramFate: (number: number) => "lost" | "twice" | undefined = () => undefined,
): CrossingOutcome {
  const { world, a, b } = twoHosts({ conditions: losslessNetwork(50) });
  const [busyHost, asking] = receiver === "initiator" ? [a, b] : [b, a];
  world.seamless = crossing.seamless;
  world.dial(a, b);
  let from = 0;
  let datagrams = 0;
  world.at(8_000, () => {
    from = world.ladder.length;
    world.datagramFate = () => datagramFate(datagrams++);
    const [mine] = established(busyHost);
    const [theirs] = established(asking);
    world.tell(busyHost, mine!, eventOf(crossing.busy, mine!));
    world.tell(asking, theirs!, eventOf(crossing.asked, theirs!));
  });
  world.run();
  return { world, busyHost, asking, from, datagrams };
}
