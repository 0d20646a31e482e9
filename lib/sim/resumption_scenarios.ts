/**
 * Scenarios of session resumption (RFC 5723): a client that has lost its IKE SA, or whose gateway has lost it,
 * presents its ticket, a ticket that is not valid any more, or the ticket of another gateway.
 * @module
 */
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { ResumptionConfig } from "@/ike/records/ticket_issuing.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import {
  establishedSa,
  oneTunnel,
  onRandomHosts,
  pair,
  PATIENT,
  type Scenario,
} from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";
import { patienceMs } from "@/ike/window/patience.ts";

const ASKS: ResumptionConfig = { asks: true };
const LIFETIME_MS = 600_000;
/** The time at which a client returns, in milliseconds, long after all earlier exchanges have ended. */
const BACK_MS = 60_000;
const FOREVER_MS = 1e9;

/** The configuration of a gateway whose ticket key consists of one repeated octet. */
function issuing(octet: number, lifetimeMs = LIFETIME_MS): ResumptionConfig {
  const issues = {
    keyId: new Uint8Array(8).fill(octet),
    key: new Uint8Array(32).fill(octet),
    lifetimeMs,
  };
  return { asks: false, issues };
}

/** A client that asks for tickets, and a gateway that issues them and may ask for cookies. */
function resumable(world: World, b: Partial<IkeConfig> = {}): { a: Host; b: Host } {
  const cookieThreshold = world.random.chance(0.5) ? 0 : -1;
  return pair(world, PATIENT, {
    a: { resumption: ASKS },
    b: { resumption: issuing(1), cookieThreshold, ...b },
  });
}

/** The client loses its IKE SAs, and dials again by the last ticket that it was given. */
function comeBack(world: World, a: Host, b: Host): void {
  for (const sa of live(a)) {
    const event = {
      kind: "abandon",
      closeCode: CloseCode.NO_ANSWER,
      why: "The client is lost",
    } as const;
    world.tell(a, sa, event);
  }
  world.dial(a, b, 0, { ticket: world.tickets.get(a) });
}

function live(host: Host): IkeSa[] {
  return [...host.endpoint.bySpi.values()].filter(({ phase }) => phase !== "closed");
}

/** After a rekey by either end, or none, the client resumes, and both ends have one IKE SA. */
const resumes: Scenario = {
  name: "resume",
  start(world) {
    const { a, b } = resumable(world);
    world.dial(a, b);
    if (world.random.chance(0.8)) {
      onRandomHosts(world, { a, b }, (host, sa) => world.tell(host, sa, { kind: "rekey_ike" }));
    }
    let had = false;
    world.at(BACK_MS, () => {
      had = establishedSa(a) !== undefined && establishedSa(b) !== undefined &&
        world.tickets.has(a);
      comeBack(world, a, b);
    });
    return {
      stands: true,
      check() {
        if (had && world.resumptions === 0 && establishedSa(a)) {
          return "a client with a ticket is resumed by it";
        }
        return oneTunnel({ a, b });
      },
    };
  },
};

/** The gateway restarts, and keeps only its ticket key. */
const restarted: Scenario = {
  name: "resume_restarted",
  start(world) {
    const { a, b } = resumable(world);
    world.dial(a, b);
    world.at(BACK_MS, () => {
      world.restart(b);
      comeBack(world, a, b);
    });
    return { stands: true, check: () => oneTunnel({ a, b }) };
  },
};

/** A client presents the same ticket twice. The second time the IKE SA is set up by IKE_SA_INIT. */
const twice: Scenario = {
  name: "resume_twice",
  start(world) {
    const { a, b } = resumable(world);
    world.dial(a, b);
    world.at(BACK_MS, () => {
      const ticket = world.tickets.get(a);
      comeBack(world, a, b);
      world.at(2 * BACK_MS, () => {
        if (ticket) world.tickets.set(a, ticket);
        comeBack(world, a, b);
      });
    });
    return { stands: true };
  },
};

/** A client presents a ticket after its expiry, or after the gateway has ended its IKE SA. */
const late: Scenario = {
  name: "resume_late",
  start(world) {
    const expires = world.random.chance(0.5);
    const { a, b } = resumable(world, expires ? { resumption: issuing(1, 20_000) } : {});
    world.dial(a, b);
    if (!expires) {
      world.at(20_000, () => {
        const sa = establishedSa(b);
        if (sa) world.tell(b, sa, { kind: "close", closeCode: CloseCode.STOPPED });
      });
    }
    world.at(10_000, () => {
      for (const sa of live(a)) sa.peer.ticketDueMs = Infinity;
    });
    world.at(2 * BACK_MS, () => {
      const ticket = world.tickets.get(a);
      if (ticket) world.tickets.set(a, { ...ticket, expiresMs: FOREVER_MS });
      comeBack(world, a, b);
    });
    return {
      stands: true,
      check: () =>
        expires && world.resumptions > 0
          ? "nothing is resumed by a ticket that has expired (RFC 5723 §4.3.2)"
          : undefined,
    };
  },
};

/** A client presents its ticket to a gateway that has another key. */
const elsewhere: Scenario = {
  name: "resume_elsewhere",
  start(world) {
    const { a, b } = resumable(world);
    const { config } = b.endpoint;
    const g = world.join("g", Uint8Array.of(10, 0, 0, 3), {
      ...config,
      resumption: issuing(2),
    }, true);
    world.dial(a, g);
    world.at(BACK_MS, () => {
      world.restart(g);
      comeBack(world, a, b);
    });
    return {
      stands: true,
      check: () =>
        world.resumptions > 0 ? "a gateway takes its own tickets alone (RFC 5723 §6.1)" : undefined,
    };
  },
};

/**
 * A client resumes again and again within the time for which its authentication is accepted, and does not
 * authenticate again: the gateway ends its IKE SA as if it had not resumed.
 */
const bounded: Scenario = {
  name: "resume_reauth",
  start(world) {
    const { a, b } = resumable(world, { reauth: { lifetimeMs: BACK_MS } });
    world.dial(a, b);
    let fault: string | undefined;
    world.at(BACK_MS / 3, () => {
      const first = establishedSa(b);
      if (!first) return;
      const endMs = first.establishedMs! + BACK_MS + patienceMs(first.config);
      comeBack(world, a, b);
      world.at(BACK_MS * 2 / 3, () => comeBack(world, a, b));
      world.at(endMs + 1_000, () => {
        if (establishedSa(b)?.peer.resumed) {
          fault = "a resumption does not prolong an authentication (RFC 5723 §6.2)";
        }
      });
    });
    return { stands: false, check: () => fault };
  },
};

/** All scenarios of this file. */
export const RESUMPTION_SCENARIOS: readonly Scenario[] = [
  resumes,
  restarted,
  twice,
  late,
  elsewhere,
  bounded,
];
