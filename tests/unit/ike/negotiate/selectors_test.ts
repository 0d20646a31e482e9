import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import { TsType } from "@/iana/ts_type.ts";
import {
  allCovered,
  covers,
  inOwnRecords,
  intersect,
  narrow,
  shifted,
  showSelector,
  showSelectors,
} from "@/ike/negotiate/selectors.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

function ts(
  start: string,
  end: string,
  protocol = 0,
  startPort = 0,
  endPort = 65535,
): TrafficSelector {
  const startAddress = parseAddress(start)!;
  const endAddress = parseAddress(end)!;
  const tsType = startAddress.length === 4 ? TsType.TS_IPV4_ADDR_RANGE : TsType.TS_IPV6_ADDR_RANGE;
  return { tsType, protocol, startPort, endPort, startAddress, endAddress };
}

Deno.test("intersect() takes the common addresses, the one protocol and the common ports", () => {
  const a = ts("10.0.0.0", "10.0.0.255", 17, 100, 200);
  const b = ts("10.0.0.128", "10.0.1.5", 0, 150, 300);
  assert.equal(showSelector(intersect(a, b)!), "10.0.0.128-10.0.0.255 proto 17 ports 150-200");
});

Deno.test("intersect() finds nothing across families, protocols, ports or disjoint ranges", () => {
  assert.equal(intersect(ts("10.0.0.0", "10.0.0.9"), ts("::", "::9")), undefined);
  assert.equal(intersect(ts("10.0.0.0", "10.0.0.9", 6), ts("10.0.0.0", "10.0.0.9", 17)), undefined);
  assert.equal(
    intersect(ts("10.0.0.0", "10.0.0.9", 6, 1, 5), ts("10.0.0.0", "10.0.0.9", 6, 6, 9)),
    undefined,
  );
  assert.equal(intersect(ts("10.0.0.0", "10.0.0.9"), ts("10.0.0.10", "10.0.0.11")), undefined);
});

Deno.test("OPAQUE ports match OPAQUE and ANY, and no port (RFC 7296 §3.13.1)", () => {
  const opaque = ts("10.0.0.0", "10.0.0.9", 6, 65535, 0);
  assert.equal(
    showSelector(intersect(opaque, ts("10.0.0.0", "10.0.0.9"))!),
    "10.0.0.0-10.0.0.9 proto 6 ports opaque",
  );
  assert.ok(intersect(opaque, opaque));
  assert.equal(intersect(opaque, ts("10.0.0.0", "10.0.0.9", 6, 80, 80)), undefined);
});

Deno.test("narrow() keeps the peer's order, each common part once, and the first packet's selector", () => {
  const proposed = [ts("10.1.0.5", "10.1.0.5", 17, 53, 53), ts("10.0.0.0", "10.255.255.255")];
  const allowed = [ts("10.1.0.0", "10.1.255.255"), ts("10.1.0.0", "10.1.0.255")];
  assert.equal(
    showSelectors(narrow(proposed, allowed)),
    "10.1.0.5 proto 17 ports 53-53, 10.1.0.0-10.1.255.255",
  );
  assert.deepEqual(narrow(proposed, [ts("192.0.2.0", "192.0.2.1")]), []);
});

Deno.test("covers() and allCovered() ask for all of the inner selector", () => {
  const wide = ts("10.0.0.0", "10.0.0.255");
  assert.ok(covers(wide, ts("10.0.0.1", "10.0.0.2", 6, 80, 80)));
  assert.ok(!covers(wide, ts("10.0.0.1", "10.0.1.0")));
  assert.ok(!allCovered([wide], [wide, ts("10.0.2.0", "10.0.2.1")]));
});

Deno.test("shifted() moves each tunnel on, but not a whole space", () => {
  const one = [ts("10.0.0.1", "10.0.0.1"), ts("0.0.0.0", "255.255.255.255")];
  assert.equal(showSelectors(shifted(one, 2, 200)), "10.0.1.145, 0.0.0.0-255.255.255.255");
  assert.equal(showSelectors(shifted([ts("fd00::1", "fd00::1")], 1, 65535)), "fd00::1:0");
});

Deno.test("what is agreed on as configured is our own record, so that no tunnel keeps a message for it", () => {
  const own = [ts("10.0.0.0", "10.0.0.255"), ts("10.0.1.0", "10.0.1.255")];
  const theirs = [ts("10.0.0.0", "10.0.0.255"), ts("10.0.1.0", "10.0.1.255")];
  assert.equal(narrow(theirs, own), own);
  assert.equal(inOwnRecords(theirs, own), own);
  const [first] = narrow([ts("10.0.1.0", "10.0.1.255"), ts("10.0.0.7", "10.0.0.7")], own);
  assert.equal(first, own[1]);
  const less = ts("10.0.0.7", "10.0.0.7");
  assert.deepEqual(inOwnRecords([less], own), [less]);
  // A part of ours has the addresses of ours where both ends name them.
  assert.equal(
    intersect(theirs[0]!, ts("10.0.0.0", "10.0.9.9"))!.endAddress,
    theirs[0]!.endAddress,
  );
  assert.equal(intersect(theirs[0]!, own[0]!)!.startAddress, own[0]!.startAddress);
});
