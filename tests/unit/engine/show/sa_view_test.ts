import assert from "node:assert/strict";
import type { ChildSa } from "@/ike/records/sa.ts";
import { showChildren } from "@/engine/show/sa_view.ts";

const PLAIN = {
  spiIn: 0x1234567,
  spiOut: 0x89abcdef,
  tunnelMode: true,
  suite: { protocol: 3, esn: false },
  peerTakesTfc: true,
  cpiIn: 0,
  ipcomp: undefined,
  group: 0,
  additional: [],
  parent: { peer: { encapsulated: false }, path: { ownPort: 4500, peerPort: 20_001 } },
} as unknown as ChildSa;

Deno.test("the description of a CHILD_SA names unusual properties", () => {
  assert.equal(showChildren([]), "no CHILD_SA");
  const suite = { ...PLAIN.suite!, protocol: 2, esn: true };
  const odd = { ...PLAIN, spiIn: 0x200, suite, tunnelMode: false, peerTakesTfc: false };
  assert.equal(
    showChildren([PLAIN, odd]),
    "CHILD_SA 01234567/89ABCDEF, 00000200/89ABCDEF (AH, transport mode, ESN, TFC padding not " +
      "taken by the peer)",
  );
  assert.equal(
    showChildren([{ ...PLAIN, group: 31, additional: [36] }]),
    "CHILD_SA 01234567/89ABCDEF (key exchanges Curve25519 + ml-kem-768)",
  );
  assert.equal(
    showChildren([{ ...PLAIN, cpiIn: 300, ipcomp: { cpiOut: 400, transform: 2 } }]),
    "CHILD_SA 01234567/89ABCDEF (IPComp IPCOMP_DEFLATE, CPI 300/400)",
  );
  const parent = { ...PLAIN.parent, peer: { ...PLAIN.parent.peer, encapsulated: true } };
  assert.equal(
    showChildren([{ ...PLAIN, parent }, { ...odd, parent, peerTakesTfc: true }]),
    "CHILD_SA 01234567/89ABCDEF (in UDP), 00000200/89ABCDEF (AH, transport mode, ESN)",
  );
});
