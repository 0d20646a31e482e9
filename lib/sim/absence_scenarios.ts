/**
 * Scenarios with peers that vanish, that restart, or that use an address which is not their own.
 * @module
 */
import { IdType } from "@/iana/id_type.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { Host } from "@/sim/world.ts";
import { establishedSa, pair, type Scenario } from "@/sim/scenarios.ts";

const returning: Scenario = {
  name: "initial_contact",
  start(world) {
    const { a, b } = pair(world, { ownId: fqdn("client") });
    world.dial(a, b);
    world.at(9_000, () => {
      for (const sa of [...a.endpoint.bySpi.values()]) {
        const event = { kind: "abandon", closeCode: CloseCode.STOPPED, why: "power cut" } as const;
        world.tell(a, sa, event);
      }
      world.dial(a, b);
    });
    return {
      stands: true,
      check() {
        const live = [...b.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
        const back = establishedSa(a) !== undefined;
        return back && live.length > 1
          ? "INITIAL_CONTACT leaves one SA of the identity"
          : undefined;
      },
    };
  },
};

function fqdn(name: string): IkeConfig["ownId"] {
  return {
    kind: "fixed",
    identity: { idType: IdType.ID_FQDN, data: new TextEncoder().encode(name) },
  };
}

const vanishing: Scenario = {
  name: "vanishing_initiator",
  start(world) {
    const { a, b } = pair(world);
    const sa = world.dial(a, b);
    world.at(20 + world.random.fraction() * 60, () => {
      world.tell(a, sa, { kind: "abandon", closeCode: CloseCode.STOPPED, why: "power cut" });
    });
    return {
      stands: false,
      check: () => b.endpoint.halfOpen > 0 ? "a half-open SA expires" : undefined,
    };
  },
};

const forgedCookie: Scenario = {
  name: "forged_cookie",
  start(world) {
    const { a, b } = pair(world, {}, { b: { cookieThreshold: 0 } });
    // The attacker sends its request from the address of another host, with an invented cookie.
    const sa = world.dial(a, b);
    world.at(20, () => {
      const request = sa.setup?.initRequest;
      if (request) world.inject(b, { octets: withCookie(request), path: spoofed(a, b) });
    });
    world.at(21, () => {
      const forged = [...b.endpoint.bySpi.values()].some((s) => s.path.peerAddress[3] === 99);
      if (forged) throw world.broken("a cookie that is not ours makes no SA");
    });
    return { stands: true };
  },
};

function spoofed(a: Host, b: Host) {
  const peerAddress = Uint8Array.from([...a.address.subarray(0, 3), 99]);
  return { ownAddress: b.address, ownPort: 500, peerAddress, peerPort: 500 };
}

/** The same IKE_SA_INIT with a COOKIE notify of 33 octets put first. */
function withCookie(request: Uint8Array): Uint8Array {
  const notify = [request[16]!, 0, 0, 8 + 33, 0, 0, 0x40, 0x06, ...new Array<number>(33).fill(1)];
  const octets = Uint8Array.from([...request.subarray(0, 28), ...notify, ...request.subarray(28)]);
  octets[16] = 41;
  octets[26] = octets.length >> 8;
  octets[27] = octets.length & 0xff;
  return octets;
}

/** All scenarios of this file. */
export const ABSENCE_SCENARIOS: readonly Scenario[] = [
  returning,
  vanishing,
  forgedCookie,
];
