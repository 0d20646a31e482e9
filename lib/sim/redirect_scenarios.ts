/**
 * Scenarios with redirection (RFC 5685): a gateway redirects its client at each possible moment, two gateways
 * redirect it to each other, and an attacker sends REDIRECT.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { notify } from "@/ike/records/notify.ts";
import { type RedirectConfig, REDIRECTS_MAX } from "@/ike/records/redirect.ts";
import { gatewayAt, gatewayData } from "@/ike/negotiate/gateway_identity.ts";
import { establishedSa, pair, PATIENT, type Scenario } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";
import { encodeMessage } from "@/wire/message.ts";

const FOLLOWS: RedirectConfig = { follows: true };
/** The address of the gateway that a client dials first, in scenarios with another one. */
const FIRST = Uint8Array.of(10, 0, 0, 3);
const MOMENTS = ["init", "auth", "established"] as const;

function sendsTo(world: World, address: Uint8Array): RedirectConfig {
  const at = world.random.pick(MOMENTS);
  return { follows: false, sends: { to: [gatewayAt(address)], at, afterMs: 2_000 } };
}

/** Adds another gateway with the configuration of a host, and its own plan of redirection. */
function firstGateway(world: World, { endpoint }: Host, change: Partial<IkeConfig>): Host {
  return world.join("g", FIRST, { ...endpoint.config, ...change }, true);
}

/** Lets the client follow REDIRECT, and counts how often it does. */
function followed(world: World, a: Host): { count: number } {
  const redirects = { count: 0 };
  world.redirects = (_host, to, trail) => {
    redirects.count++;
    const there = world.hosts.find(({ address }) => address.join() === to.data.join());
    if (there) world.dial(a, there, 0, { trail });
  };
  return redirects;
}

/** Lets an end rekey the IKE SA shortly before its gateway redirects the client by INFORMATIONAL. */
function rekeyBefore(world: World, host: Host, gateway: Host): void {
  const before = world.random.pick([1, 5, 20]);
  world.at(1_000, () => {
    const dueMs = establishedSa(gateway)?.peer.redirectMs ?? Infinity;
    if (dueMs === Infinity) return;
    world.at(dueMs - before, () => {
      const sa = establishedSa(host);
      if (sa) world.tell(host, sa, { kind: "rekey_ike" });
    });
  });
}

/** The client ends at the gateway to which the first one redirects it, and the first one keeps no SA. */
const sent: Scenario = {
  name: "redirect",
  start(world) {
    const { a, b } = pair(world, PATIENT, { a: { redirect: FOLLOWS } });
    const g = firstGateway(world, b, { redirect: sendsTo(world, b.address) });
    const redirects = followed(world, a);
    world.dial(a, g);
    rekeyBefore(world, world.random.pick([a, g, g]), g);
    return {
      stands: true,
      check() {
        if (establishedSa(g)) {
          return "a gateway has no IKE SA with a peer that it sent away (RFC 5685 §5)";
        }
        if (redirects.count === 0) return undefined;
        const arrival = world.ladder.find((line) => /a -\S b +IKE_SA_INIT req 0 /.test(line));
        return arrival?.includes("N(REDIRECTED_FROM)")
          ? undefined
          : "a redirected client says from where (RFC 5685 §4)";
      },
    };
  },
};

/** A client that does not support redirection stays, and so does one whose gateway redirects nobody. */
const stays: Scenario = {
  name: "redirect_unsupported",
  start(world) {
    const { a, b } = pair(world, PATIENT, { b: { redirect: sendsTo(world, FIRST) } });
    world.dial(a, b);
    return { stands: true };
  },
};

/** Two gateways redirect the client to each other, and it gives up. */
const loop: Scenario = {
  name: "redirect_loop",
  start(world) {
    const { a, b } = pair(world, PATIENT, {
      a: { redirect: FOLLOWS },
      b: { redirect: sendsTo(world, FIRST) },
    });
    const g = firstGateway(world, b, { redirect: sendsTo(world, b.address) });
    const redirects = followed(world, a);
    world.dial(a, g);
    return {
      stands: false,
      check() {
        if (redirects.count > REDIRECTS_MAX) {
          return "five redirections are followed at most (RFC 5685 §5.2)";
        }
        return establishedSa(a) ? "a client that is sent in a circle gives up" : undefined;
      },
    };
  },
};

/**
 * An attacker that has not seen the request answers it with REDIRECT, which the client recognizes by the
 * missing nonce.
 */
const forged: Scenario = {
  name: "redirect_forged",
  start(world) {
    const { a, b } = pair(world, PATIENT, { a: { redirect: FOLLOWS } });
    const redirects = followed(world, a);
    const { spiI, path } = world.dial(a, b);
    const data = gatewayData(gatewayAt(FIRST), world.random.octets(32));
    const octets = encodeMessage({
      spiI,
      spiR: 0n,
      exchange: ExchangeType.IKE_SA_INIT,
      messageId: 0,
      initiator: false,
      response: true,
    }, [notify(NotifyType.REDIRECT, data)]);
    for (let ms = 10; ms < 40; ms += 5) world.inject(a, { octets, path }, ms);
    return {
      stands: true,
      check: () =>
        redirects.count === 0
          ? undefined
          : "a REDIRECT has the nonce of the request that it answers (RFC 5685 §3)",
    };
  },
};

/** No message of the redirected client arrives any more, so that the gateway ends the IKE SA by itself. */
const notLeft: Scenario = {
  name: "redirect_not_left",
  start(world) {
    const { a, b } = pair(world, PATIENT, { a: { redirect: FOLLOWS } });
    const sends = { to: [gatewayAt(b.address)], at: "auth", afterMs: 0 } as const;
    const g = firstGateway(world, b, { redirect: { follows: false, sends } });
    let isSent = false;
    world.isUnreachable = () =>
      isSent ||= world.ladder.at(-1)?.includes("a: is redirected") ?? false;
    world.dial(a, g);
    return {
      stands: false,
      check: () =>
        establishedSa(g)
          ? "a gateway ends the IKE SA of a peer that it sent away (RFC 5685 §5)"
          : undefined,
    };
  },
};

/** All scenarios of this file. */
export const REDIRECT_SCENARIOS: readonly Scenario[] = [sent, stays, loop, forged, notLeft];
