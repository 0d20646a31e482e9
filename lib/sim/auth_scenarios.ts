/**
 * Plays about IKE_AUTH in several exchanges: EAP (RFC 7296 §2.16), EAP-only (RFC 5998) and two
 * authentications of an end (RFC 4739), with ends that do less than they must.
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
import { pair, type Scenario, up } from "@/sim/scenarios.ts";
import type { World } from "@/sim/world.ts";

const NAME = "alice";
const PASSWORD = "wonderland";
const { MSCHAPV2, MD5_CHALLENGE, GTC } = EapType;

const text = (words: string) => new TextEncoder().encode(words);
const PSK: PskAuth = { kind: "psk", secret: text("a secret of the world") };
const OTHER_PSK: PskAuth = { kind: "psk", secret: text("another secret of the world") };

const EAP_ONLY: EapOnlyPeerAuth = { kind: "eap_only", verifying: undefined };

function named(name: string): IdentityRule {
  return { kind: "fixed", identity: { idType: IdType.ID_FQDN, data: text(name) } };
}

/** Stands between a responder and its EAP server. */
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

/** How the hosts of a play are authenticated. */
interface Ends {
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

function play(name: string, ends: (world: World) => Ends): Scenario {
  return {
    name,
    play(world) {
      dial(world, ends(world));
      return { stands: true };
    },
  };
}

/** A server that says what `change` makes of its answers. */
function saying(change: (answer: EapAnswer) => EapAnswer): Through {
  return (server) => ({
    ...server,
    start: (identity) => change(server.start(identity)),
    step: (octets) => change(server.step(octets)),
    close: () => server.close(),
  });
}

/** As a RADIUS server with a wrong MS-MPPE key. */
const otherKey = saying((answer) => {
  if (answer.kind !== "succeeded") return answer;
  return { ...answer, outcome: { ...answer.outcome, msk: new Uint8Array(64).fill(7) } };
});

/** Success (RFC 3748 §4.2) in place of the first request, and of any other. */
const successAtOnce = saying((answer) => {
  if (answer.kind !== "send") return answer;
  return { kind: "send", octets: Uint8Array.of(EapCode.SUCCESS, answer.octets[1]!, 0, 4) };
});

type Drawn = readonly [rule: string, ends: (world: World) => Ends];

/** Logins that succeed. */
const LOGINS: readonly ((world: World) => Ends)[] = [
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

/** Host a does less than it must, or its responder says what is not true. */
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

/** The plays of this file. */
export const AUTH_SCENARIOS: readonly Scenario[] = [
  play("eap", (world) => world.random.pick(LOGINS)(world)),
  play("two authentications", twice),
  {
    name: "authentication that must fail",
    play(world) {
      const [rule, ends] = world.random.pick(REFUSALS);
      dial(world, ends(world));
      const isIn = () => world.hosts.some((host) => host.established > 0 || up(host));
      return { stands: false, check: () => isIn() ? rule : undefined };
    },
  },
];
