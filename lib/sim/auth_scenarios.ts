/**
 * Scenarios in which IKE_AUTH takes several exchanges: EAP (RFC 7296 §2.16), EAP-only
 * authentication (RFC 5998) and two authentications of one end (RFC 4739). In some of them one end
 * does less than the RFC demands.
 * @module
 */
import type { EapAnswer, OwnEapServer } from "@/eap/conversation.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";
import { IdType } from "@/iana/id_type.ts";
import type {
  BothAuthConfigs,
  EapOnlyPeerAuth,
  EapPeerAuth,
  EapServerAuth,
  IdentityRule,
  PskAuth,
} from "@/ike/records/config.ts";
import { establishedSa, pair, type Scenario, worldConfig } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";

const NAME = "alice";
const PASSWORD = "wonderland";
const { MSCHAPV2, MD5_CHALLENGE, GTC } = EapType;

const text = (words: string) => new TextEncoder().encode(words);
const PSK: PskAuth = { kind: "psk", secret: text("a secret of the world") };
const OTHER_PSK: PskAuth = { kind: "psk", secret: text("another secret of the world") };

const EAP_ONLY: EapOnlyPeerAuth = { kind: "eap_only", verifying: undefined };

/** An identity of the type ID_FQDN. */
export function named(name: string): IdentityRule {
  return { kind: "fixed", identity: { idType: IdType.ID_FQDN, data: text(name) } };
}

/** Wraps the EAP server of a responder, to change what it answers. */
type Through = (server: OwnEapServer) => OwnEapServer;

function logsIn(world: World, method: number, password = PASSWORD): EapPeerAuth {
  const env = { random: (count: number) => world.random.octets(count), tls: undefined };
  return {
    kind: "eap",
    open: () => openEapPeer({ identity: NAME, methods: [method], password }, env),
  };
}

function asks(world: World, method: number, through: Through = (server) => server): EapServerAuth {
  const env = { random: (count: number) => world.random.octets(count), tls: undefined };
  const users = new EapUsers([{ identity: NAME, password: PASSWORD }]);
  return {
    kind: "eap",
    open: () => through(openEapServer({ methods: [method], users }, env)),
    asksIdentity: false,
  };
}

/** The configuration of the authentication of both hosts. */
export interface Ends {
  readonly a: BothAuthConfigs;
  readonly b: BothAuthConfigs;
}

function dial(world: World, { a: initiator, b: responder }: Ends): void {
  const { a, b } = pair(world, {}, {
    a: { ownId: named(NAME), auth: initiator },
    b: { auth: responder },
  });
  world.dial(a, b);
}

/** Two hosts of their own, of which the first dials the second; `net` is a part of their addresses. */
function dialApart(world: World, ends: (world: World) => Ends, net: number): readonly Host[] {
  const auth = ends(world);
  const at = (host: number) => Uint8Array.of(10, 0, net, host);
  const a = world.join(`a${net}`, at(1), worldConfig({ ownId: named(NAME), auth: auth.a }), false);
  const b = world.join(`b${net}`, at(2), worldConfig({ auth: auth.b }), true);
  world.dial(a, b);
  return [a, b];
}

function authScenario(name: string, ends: (world: World) => Ends): Scenario {
  return {
    name,
    start(world) {
      dial(world, ends(world));
      return { stands: true };
    },
  };
}

/** Wraps a server so that `change` is applied to each of its answers. */
function saying(change: (answer: EapAnswer) => EapAnswer): Through {
  return (server) => ({
    ...server,
    start: (identity) => change(server.start(identity)),
    step: (octets) => change(server.step(octets)),
    close: () => server.close(),
  });
}

/**
 * The server gives a key that is not the one of the method, like a RADIUS server with a wrong
 * MS-MPPE key.
 */
const otherKey = saying((answer) => {
  if (answer.kind !== "succeeded") return answer;
  return { ...answer, outcome: { ...answer.outcome, msk: new Uint8Array(64).fill(7) } };
});

/** The server sends EAP Success (RFC 3748 §4.2) in place of every request. */
const successAtOnce = saying((answer) => {
  if (answer.kind !== "send") return answer;
  return { kind: "send", octets: Uint8Array.of(EapCode.SUCCESS, answer.octets[1]!, 0, 4) };
});

type Drawn = readonly [rule: string, ends: (world: World) => Ends];

/** Authentications that succeed. */
export const LOGINS: readonly ((world: World) => Ends)[] = [
  (world) => ({
    a: { own: logsIn(world, MSCHAPV2), peer: PSK },
    b: { own: PSK, peer: asks(world, MSCHAPV2) },
  }),
  (world) => ({
    a: { own: logsIn(world, GTC), peer: PSK },
    b: { own: PSK, peer: asks(world, GTC) },
  }),
  (world) => ({
    a: { own: logsIn(world, MSCHAPV2), peer: EAP_ONLY },
    b: { own: { kind: "eap_only" }, peer: asks(world, MSCHAPV2) },
  }),
];

/** Authentications that must fail, each with the rule by which it fails. */
const REFUSALS: readonly Drawn[] = [
  ["a wrong password lets nobody in (RFC 3748 §4.2)", (world) => ({
    a: { own: logsIn(world, MD5_CHALLENGE, "guess"), peer: PSK },
    b: { own: PSK, peer: asks(world, MD5_CHALLENGE) },
  })],
  ["AUTH behind EAP is by its key (§2.16)", (world) => ({
    a: { own: logsIn(world, MSCHAPV2), peer: PSK },
    b: { own: PSK, peer: asks(world, MSCHAPV2, otherKey) },
  })],
  ["EAP Success without a method lets nobody in (§2.16)", (world) => ({
    a: { own: logsIn(world, MSCHAPV2), peer: EAP_ONLY },
    b: { own: { kind: "eap_only" }, peer: asks(world, MSCHAPV2, successAtOnce) },
  })],
  ["EAP-only needs a method with a key (RFC 5998 §4)", (world) => ({
    a: { own: logsIn(world, GTC), peer: EAP_ONLY },
    b: { own: { kind: "eap_only" }, peer: asks(world, GTC) },
  })],
  ["both authentications are asked for (RFC 4739)", () => ({
    a: { own: PSK, peer: PSK },
    b: { own: PSK, peer: PSK, peer2: OTHER_PSK },
  })],
];

const twice = (world: World): Ends => ({
  a: {
    own: PSK,
    peer: PSK,
    own2: { config: logsIn(world, MSCHAPV2), id: named(NAME) },
    peer2: OTHER_PSK,
  },
  b: {
    own: PSK,
    peer: PSK,
    own2: { config: OTHER_PSK, id: named("second.test") },
    peer2: asks(world, MSCHAPV2),
  },
});

/** All scenarios of this file. */
export const AUTH_SCENARIOS: readonly Scenario[] = [
  authScenario("eap", (world) => world.random.pick(LOGINS)(world)),
  authScenario("two authentications", twice),
  {
    name: "authentication that must fail",
    // Each world has all of them, as one of them alone would be drawn too seldom in a mix.
    start(world) {
      const isIn = (host: Host) => host.established > 0 || establishedSa(host) !== undefined;
      const pairs = REFUSALS.map(([rule, ends], i) => ({ rule, hosts: dialApart(world, ends, i) }));
      return { stands: false, check: () => pairs.find(({ hosts }) => hosts.some(isIn))?.rule };
    },
  },
];
