/**
 * Lets an EAP peer and an EAP server of ours talk to each other, with what the tests give them.
 */
import { SeededRandom } from "@/base/random.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import type { EapCredentials, EapEnvironment, EapServerSettings } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";

/** Is called with each packet on its way, and returns the packet that arrives instead of it. */
export type Meddle = (packet: Uint8Array, from: "server" | "peer") => Uint8Array;

/** The last answer of each end, and all packets that were sent. */
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

/** Passes packets between a peer and a server until both have ended. */
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
  let atPeer: EapAnswer = { kind: "discarded", why: "no packet has arrived" };
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

/** The reason of an answer that is a failure; fails the test for any other answer. */
export function whyOf(answer: EapAnswer): string {
  if (answer.kind !== "failed") throw new Error(`not a failure: ${JSON.stringify(answer)}`);
  return answer.why;
}
