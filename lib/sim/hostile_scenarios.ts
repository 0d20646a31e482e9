/**
 * Scenarios with an attacker on the network without keys, whose messages are made from those that it has
 * seen. It must not get an answer that is longer than its message, and must not affect the tunnels of others.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { isHalfOpen } from "@/ike/newcomers.ts";
import { pair, type Scenario } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";
import { encodeMessage } from "@/wire/message.ts";

const ATTACKER = Uint8Array.of(203, 0, 113, 66);
/** Ports from which the attacker sends headers that it made, and copies of messages that it saw. */
const MADE_PORT = 666;
const COPIED_PORT = 667;
/** When the attacker sends, in milliseconds after the tunnel is dialled. */
const AT_MS = [15, 30, 100, 500, 2_000, 20_000, 70_000];

/** The attacker repeats the IKE_SA_INIT request, and makes headers of SPIs and Message IDs. */
const COPIED_AND_MADE: Scenario = {
  name: "copied requests and made headers",
  start(world) {
    const { a, b } = pair(world);
    const sa = world.dial(a, b);
    let init: Uint8Array | undefined;
    for (const atMs of AT_MS) {
      world.at(world.nowMs + atMs, () => {
        init ??= sa.setup?.initRequest?.slice();
        if (init) arrive(world, b, init, COPIED_PORT);
        for (const octets of madeHeaders(b)) arrive(world, b, octets, MADE_PORT);
      });
    }
    return {
      stands: true,
      check: () => {
        const answered = world.ladder.some((line) => line.includes(`nobody:${MADE_PORT}`));
        return answered ? "a header alone gets no response (§2.1)" : undefined;
      },
    };
  },
};

function arrive(world: World, to: Host, octets: Uint8Array, peerPort: number): void {
  const path = { ownAddress: to.address, ownPort: 500, peerAddress: ATTACKER, peerPort };
  world.inject(to, { octets, path });
}

/** For each SA a header without payloads, as if it were the last request that was answered. */
function madeHeaders({ endpoint }: Host): Uint8Array[] {
  return [...endpoint.bySpi.values()].filter((sa) => sa.window.answered).map((sa) => {
    const { spiI, spiR, window: { nextPeerId } } = sa;
    const exchange = isHalfOpen(sa) ? ExchangeType.IKE_SA_INIT : ExchangeType.INFORMATIONAL;
    const header = { spiI, spiR, exchange, messageId: nextPeerId - 1, response: false };
    return encodeMessage({ ...header, initiator: !sa.originalInitiator }, []);
  });
}

/** All scenarios of this file. */
export const HOSTILE_SCENARIOS: readonly Scenario[] = [COPIED_AND_MADE];
