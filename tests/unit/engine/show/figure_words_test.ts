// The words of the closing report for counters whose names come from elsewhere.
import assert from "node:assert/strict";
import { UserlandDrops } from "@/datapath/userland_counters.ts";
import { PACKET_DROPS, packetLines } from "@/engine/show/figure_words.ts";

Deno.test("each cause for which ESP in this process drops packets has words", () => {
  const causes = [...Object.keys(new UserlandDrops()), "notSent"];
  assert.deepEqual(Object.keys(PACKET_DROPS).sort(), causes.sort());
});

Deno.test("payloads of IP-TFS are told where there are any", () => {
  const packets = { sent: 5, received: 4, drops: { queueFull: 2 } };
  const payloads = { sent: 9, received: 3, octetsOfPadding: 700 };
  assert.deepEqual(packetLines({ ...packets, payloads }), [
    "Packets: 5 sent, 4 received by ESP in this process",
    "IP-TFS: 9 payloads sent with 700 octets of padding, 3 received",
    "Packets dropped: 2 for want of room in the queue of IP-TFS (its rate is too low)",
  ]);
  const none = { sent: 0, received: 0, octetsOfPadding: 0 };
  assert.equal(packetLines({ ...packets, payloads: none }).length, 2);
});
