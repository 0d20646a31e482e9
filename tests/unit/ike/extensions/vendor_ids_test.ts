import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fromHex, toHex } from "@/base/bytes.ts";
import { vendorWords } from "@/engine/show/vendor_words.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { vendorIdsInAuth, vendorIdsInInit } from "@/ike/extensions/vendor_ids.ts";
import type { Turn } from "@/ike/records/event.ts";
import { newPeerRecord } from "@/ike/records/peer.ts";
import type { Received } from "@/ike/records/received.ts";

const message = (...ids: readonly string[]) =>
  ({
    payloads: ids.map((hex) => ({ type: PayloadType.VENDOR, data: fromHex(hex)! })),
  }) as unknown as Received;

Deno.test("the Vendor IDs of a peer are kept once each, in a bounded number and length", () => {
  const peer = newPeerRecord();
  const turn = { sa: { peer } } as unknown as Turn;
  vendorIdsInInit.hears!(turn, message("01", "02", "01"));
  vendorIdsInAuth.hears!(turn, message("02", "03"));
  assert.deepEqual(peer.vendorIds, ["01", "02", "03"]);
  vendorIdsInAuth.hears!(turn, message(...Array.from({ length: 50 }, (_, i) => `aa${10 + i}`)));
  assert.equal(peer.vendorIds.length, 8);
  vendorIdsInInit.hears!(turn, message("ff".repeat(60_000)));
  assert.deepEqual(peer.vendorIds, ["ff".repeat(64)], "and IKE_SA_INIT begins anew");
});

Deno.test("Vendor IDs that are hashes of a text have its name, and texts are shown as such", () => {
  for (
    const text of [
      "strongSwan",
      "MS NT5 ISAKMPOAKLEY",
      "MS-Negotiation Discovery Capable",
      "Vid-Initial-Contact",
      "IKE CGA version 1",
      "FRAGMENTATION",
    ]
  ) {
    const hex = createHash("md5").update(text).digest("hex");
    assert.equal(vendorWords(hex), `${hex} (${text})`);
    assert.equal(vendorWords(`${hex}00000009`), `${hex}00000009 (${text})`, "with a version");
  }
  const hexOf = (text: string) => toHex(new TextEncoder().encode(text));
  const swan = hexOf("OE-Libreswan-5.2");
  assert.equal(vendorWords(swan), `${swan} ("OE-Libreswan-5.2")`);
  assert.equal(
    vendorWords(hexOf("a\x1b[2J")),
    hexOf("a\x1b[2J"),
    "control characters are not shown",
  );
  assert.equal(vendorWords(""), "");
  assert.equal(vendorWords("ab".repeat(64)), `${"ab".repeat(32)}…`);
});
