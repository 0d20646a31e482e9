/**
 * Two ends in one place, and what the tests hand them.
 */
import { SeededRandom } from "@/base/random.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import type { EapCredentials, EapEnvironment, EapServerSettings } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";

/** Packets on their way; what is returned arrives instead. */
export type Meddle = (packet: Uint8Array, from: "server" | "peer") => Uint8Array;

/** How it ended at both ends, and all that was said. */
export interface Talk {
  readonly peer: EapAnswer;
  readonly server: EapAnswer;
  readonly packets: readonly { readonly from: "server" | "peer"; readonly octets: Uint8Array }[];
}

/** An environment with seeded randomness and no TLS. */
export function seededEnv(seed = 1): EapEnvironment {
  const random = new SeededRandom(seed);
  return { random: (count) => random.octets(count), tls: undefined };
}

/** Lets both talk until both have ended. */
export function talk(
  own: EapCredentials,
  settings: EapServerSettings,
  { env = seededEnv(), identity, meddle = (p) => p }: {
    readonly env?: EapEnvironment;
    readonly identity?: string;
    readonly meddle?: Meddle;
  } = {},
): Talk {
  const peer = openEapPeer(own, env);
  const server = openEapServer(settings, env);
  const packets: { from: "server" | "peer"; octets: Uint8Array }[] = [];
  let atServer = server.start(identity);
  let atPeer: EapAnswer = { kind: "discarded", why: "nothing was said" };
  for (let i = 0; i < 1000; i++) {
    const octets = "octets" in atServer ? atServer.octets : undefined;
    if (octets) {
      packets.push({ from: "server", octets });
      atPeer = peer.step(meddle(octets, "server"));
    }
    if (atServer.kind !== "send" || atPeer.kind !== "send") break;
    packets.push({ from: "peer", octets: atPeer.octets });
    atServer = server.step(meddle(atPeer.octets, "peer"));
  }
  peer.close();
  server.close();
  return { peer: atPeer, server: atServer, packets };
}

/** What failed says; fails the test where it did not. */
export function whyOf(answer: EapAnswer): string {
  if (answer.kind !== "failed") throw new Error(`it did not fail: ${JSON.stringify(answer)}`);
  return answer.why;
}
