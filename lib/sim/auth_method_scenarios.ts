/**
 * Scenarios in which ends have several methods of authentication, and their peers announce which of them
 * they take (RFC 9593): with one in common, and with none.
 * @module
 */
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { signing, verifying } from "@/ike/auth/one_authority.ts";
import type { IkeConfig, OwnAuthConfig, PeerAuthConfig, PskAuth } from "@/ike/records/config.ts";
import { nameOf, pkiOf } from "@/sim/certificate_scenarios.ts";
import { establishedSa, type Pair, pair, PATIENT, type Scenario, SUITES } from "@/sim/scenarios.ts";
import type { World } from "@/sim/world.ts";

const PSK: PskAuth = { kind: "psk", secret: new TextEncoder().encode("announced by name") };
const { SHARED_KEY_MIC, DIGITAL_SIGNATURE } = AuthMethod;

/** What the ends of a world authenticate by. */
interface Means {
  readonly signs: Readonly<Record<"a" | "b", OwnAuthConfig>>;
  readonly verifies: PeerAuthConfig;
}

function meansOf(world: World): Means {
  const pki = pkiOf(world.crypto);
  return {
    signs: { a: signing({ credentials: [pki.a] }), b: signing({ credentials: [pki.b] }) },
    verifies: verifying(pki.root),
  };
}

/** Two hosts that announce; IKE_INTERMEDIATE exchanges take place in half of the worlds. */
function announcing(world: World, auth: Readonly<Record<"a" | "b", IkeConfig["auth"]>>): Pair {
  const additional = world.random.chance(0.5) ? [[KeGroup.ECP_256]] : [];
  const algorithms = { ...world.random.pick(SUITES), additional };
  const both = {
    ...PATIENT,
    algorithms,
    announcesAuth: true,
    signatureHashes: [HashAlgorithm.IDENTITY],
  };
  return pair(world, both, {
    a: { ownId: nameOf("a"), auth: auth.a },
    b: { ownId: nameOf("b"), auth: auth.b },
  });
}

/** Each end can sign and has a secret, and takes one of them: the other end finds out which. */
const announced: Scenario = {
  name: "announced_methods",
  start(world) {
    const { signs, verifies } = meansOf(world);
    const taken = { a: world.random.chance(0.5), b: world.random.chance(0.5) };
    const authOf = (host: "a" | "b") => {
      const methods = world.random.chance(0.5) ? [PSK, signs[host]] : [signs[host], PSK];
      const takes = taken[host] ? verifies : PSK;
      return { own: methods[0]!, ownOthers: [methods[1]!], peer: takes };
    };
    const { a, b } = announcing(world, { a: authOf("a"), b: authOf("b") });
    world.dial(a, b);
    return {
      stands: true,
      check() {
        const methods = { true: DIGITAL_SIGNATURE, false: SHARED_KEY_MIC };
        const isRight = [[a, taken.b], [b, taken.a]] as const;
        const wrong = isRight.some(([host, signs]) => {
          const sa = establishedSa(host);
          return sa && sa.peer.ownAuth !== methods[`${signs}`];
        });
        return wrong
          ? "an end authenticates by what its peer announced (RFC 9593 §3.1)"
          : undefined;
      },
    };
  },
};

/** One end can only sign, and its peer takes none of that: nobody sends what cannot be taken. */
const none: Scenario = {
  name: "announced_none",
  start(world) {
    const { signs, verifies } = meansOf(world);
    const ofA = world.random.chance(0.5);
    const can = (host: "a" | "b") => ({ own: signs[host], ownOthers: [], peer: verifies });
    const { a, b } = announcing(world, {
      a: ofA ? { ...can("a"), peer: verifies } : { ...can("a"), peer: { kind: "null_auth" } },
      b: ofA ? { ...can("b"), peer: PSK } : { ...can("b"), peer: verifies },
    });
    world.dial(a, b);
    return {
      stands: false,
      check() {
        const line = world.ladder.find((one) =>
          (ofA ? /a\S* -\S.*IKE_AUTH req/ : /b\S* -\S.*IKE_AUTH resp/).test(one) &&
          /\bAUTH\b/.test(one)
        );
        return line && "no AUTH of a method that the peer does not take (RFC 9593 §3.1)";
      },
    };
  },
};

/** All scenarios of this file. */
export const AUTH_METHOD_SCENARIOS: readonly Scenario[] = [announced, none];
