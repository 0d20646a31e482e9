/** Lets our EAP peer log in at a RADIUS server through our RADIUS client. */
import assert from "node:assert/strict";
import type { EapAnswer } from "@/eap/conversation.ts";
import type { EapCredentials } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { loadLibssl } from "@/native/libssl.ts";
import { RadiusClient } from "@/radius/client.ts";
import { random, SECRET } from "./_lab.ts";

const tls = loadLibssl();

/** How a login ended at both sides. */
export interface Ended {
  readonly peer: EapAnswer;
  readonly server: EapAnswer;
}

/** Logs in a peer; the client is in the place of the gateway. hostapd does not answer EAP-Start. */
export async function login(
  own: EapCredentials,
  port: number,
  sendStart = false,
): Promise<Ended> {
  const client = new RadiusClient({
    servers: [{ hostname: "127.0.0.1", port }],
    secret: new TextEncoder().encode(SECRET),
    nasIdentifier: "gateway",
    random,
    sendStart,
  });
  const peer = openEapPeer(own, { random, tls });
  const server = client.open([]);
  try {
    let answer = await server.start(own.identity);
    for (;;) {
      const octets = "octets" in answer ? answer.octets : undefined;
      const said = octets ? peer.step(octets) : undefined;
      if (answer.kind !== "send" || said?.kind !== "send") {
        return { peer: said ?? { kind: "discarded", why: "nothing to say" }, server: answer };
      }
      answer = await server.step(said.octets);
    }
  } finally {
    peer.close();
    server.close();
    await client.close();
  }
}

/** Checks that both ends have succeeded, with the same MSK. */
export function succeeded({ peer, server }: Ended): void {
  assert.ok(peer.kind === "succeeded", JSON.stringify(peer));
  assert.ok(server.kind === "succeeded", JSON.stringify(server));
  assert.deepEqual(peer.outcome.msk, server.outcome.msk);
}
