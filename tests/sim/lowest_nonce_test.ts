// Two rekeys that cross have four nonces. The SA made by the exchange with the lowest nonce, in
// its request or in its response, is deleted by the end that began this exchange (RFC 7296 §2.8.1,
// §2.8.2).
import assert from "node:assert/strict";
import type { Host } from "@/sim/world.ts";
import { established, losslessNetwork, twoHosts } from "../two_hosts.ts";

const NONCE_OCTETS = 32;

/**
 * For each message, a case in which its nonce is the lowest; the other nonces do not give the
 * result away.
 */
const POSITIONS = [
  { where: "the request of a", ofA: [1, 9], ofB: [5, 7], loser: "a" },
  { where: "the response to a", ofA: [5, 9], ofB: [7, 1], loser: "a" },
  { where: "the request of b", ofA: [5, 7], ofB: [1, 9], loser: "b" },
  { where: "the response to b", ofA: [7, 1], ofB: [5, 9], loser: "b" },
  // The nonces differ only in their last octets, which shows that octets are compared.
  { where: "the response to a, by its last octet", ofA: [5, 5], ofB: [5, 4.5], loser: "a" },
] as const;

/** Sets the next nonces that a host draws: first that of its request, then that of its response. */
function fixNonces(host: Host, firsts: readonly number[]): void {
  const env = host.endpoint.env as { random(count: number): Uint8Array };
  const draw = env.random;
  const left = [...firsts];
  env.random = (count) => {
    const octets = draw(count);
    const value = count === NONCE_OCTETS ? left.shift() : undefined;
    if (value === undefined) return octets;
    octets.fill(Math.ceil(value));
    if (value % 1 !== 0) octets[NONCE_OCTETS - 1]!--;
    return octets;
  };
}

for (const kind of ["rekey_child", "rekey_ike"] as const) {
  for (const { where, ofA, ofB, loser } of POSITIONS) {
    Deno.test(`ladder: ${kind} of both ends cross, the lowest nonce is in ${where}`, () => {
      const { world, a, b } = twoHosts({ seed: 11, conditions: losslessNetwork(50) });
      world.seamless = true;
      world.dial(a, b);
      let from = 0;
      world.at(8_000, () => {
        from = world.ladder.length;
        fixNonces(a, ofA);
        fixNonces(b, ofB);
        for (const host of [a, b]) {
          const [sa] = established(host);
          const event = kind === "rekey_ike" ? { kind } : { kind, child: sa!.children[0]! };
          world.tell(host, sa!, event);
        }
      });
      world.run();
      const lines = world.ladder.slice(from);
      const told = lines.join("\n");
      // The end that lost deletes the SA that it made, the other end the SA that both have
      // replaced.
      for (const [own, peer] of ["ab", "ba"]) {
        const deletes = lines.filter((line) =>
          line.includes(` ${own} -> ${peer}  INFORMATIONAL req`) && line.includes("{D")
        );
        assert.equal(deletes.length, 1, told);
      }
      for (const host of [a, b]) {
        const [sa, ...others] = established(host);
        const [child, ...more] = [...host.installed];
        assert.deepEqual([others.length, more.length], [0, 0], told);
        const madeHere = kind === "rekey_ike" ? sa!.originalInitiator : child!.initiatedHere;
        assert.equal(madeHere, host.name !== loser, told);
      }
    });
  }
}
