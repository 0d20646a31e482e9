import assert from "node:assert/strict";
import type { IkeSa } from "@/ike/records/sa.ts";
import { parseAddress, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { pingPlanOf } from "@/engine/load/ping_plan.ts";
import { endsOfTask, endsOfTunnel, type TaskEnds, taskWithin } from "@/engine/load/task_ends.ts";
import type { Setup } from "@/setup/setup.ts";
import { setup } from "../setups.ts";

const at = (text: string) => parseAddress(text)!;

function planOf(conf: Partial<Setup["pingconf"]>, numberoftunnels = 10) {
  const pingconf = { ...setup().pingconf, destaddr: at("10.3.0.1"), ...conf };
  return pingPlanOf(setup({ numberoftunnels, pingconf }))!;
}

/** A tunnel between these ranges, with the inner addresses of remote access if there are any. */
function tunnel(own: string, peer: string, ...inner: string[]): IkeSa {
  const [ownTs, peerTs] = [own, peer].map((range) => {
    const [start, end = start] = range.split("-");
    return [{ startAddress: at(start!), endAddress: at(end!) }];
  });
  const config = { remoteAccess: inner.length > 0 };
  return {
    children: [{ ownTs, peerTs }],
    config,
    inner: { addresses: inner.map(at) },
  } as unknown as IkeSa;
}

const show = ({ own, peer }: TaskEnds) => `${showAddress(own)} ${showAddress(peer)}`;
const ANY = "0.0.0.0-255.255.255.255";

Deno.test("without a destination nothing is pinged", () => {
  assert.equal(planOf({ destaddr: undefined }), undefined);
});

Deno.test("addresses differ from task to task by their steps, and stay within the address family", () => {
  const plan = planOf({ deststep: 256, srcaddr: at("10.2.0.9"), srcstep: -1 });
  assert.equal(show(endsOfTask(plan, 3)), "10.2.0.6 10.3.3.1");
  assert.equal(show(endsOfTask(planOf({}), 3)), "0.0.0.0 10.3.0.4");
  const past = () => planOf({ destaddr: at("255.255.255.254") });
  assert.throws(
    past,
    (e) => e instanceof SetupError && /destaddr 255\.255\.255\.254 .*past the end/.test(e.message),
  );
});

Deno.test("sources of remote access are the peer's to assign", () => {
  const pingconf = { ...setup().pingconf, destaddr: at("10.3.0.1"), assignsrc: true };
  assert.equal(pingPlanOf(setup({ pingconf }))!.assignsOwn, true);
  assert.equal(pingPlanOf(setup({ pingconf }, { ratunnel: true }))!.assignsOwn, false);
});

Deno.test("autoaddr: the first address of each selector, or the configured or assigned one if a selector is for any address", () => {
  const auto = planOf({ autoaddr: true, destaddr: at("192.0.2.1"), deststep: 0 });
  assert.equal(
    show(endsOfTunnel(auto, 2, tunnel("10.2.0.2", "10.3.0.0-10.3.0.255"))),
    "10.2.0.2 10.3.0.0",
  );
  assert.equal(show(endsOfTunnel(auto, 2, tunnel("10.2.0.2", ANY))), "10.2.0.2 192.0.2.1");
  assert.equal(show(endsOfTunnel(auto, 2, tunnel(ANY, ANY, "10.9.9.9"))), "10.9.9.9 192.0.2.1");
  assert.equal(show(endsOfTunnel(auto, 2, tunnel(ANY, ANY))), "0.0.0.0 192.0.2.1");
  const said = planOf({ autoaddr: true, srcaddr: at("10.8.0.1") });
  assert.equal(show(endsOfTunnel(said, 2, tunnel(ANY, ANY))), "10.8.0.3 10.3.0.3");
  const six = tunnel("fd02::2", "fd01::1");
  assert.equal(show(endsOfTunnel(auto, 0, six)), "fd02::2 fd01::1");
});

Deno.test("a source that is not configured is the tunnel's, of the destination's family", () => {
  const open = planOf({});
  assert.equal(show(endsOfTunnel(open, 1, tunnel("10.2.0.7", "10.3.0.2"))), "10.2.0.7 10.3.0.2");
  assert.equal(
    show(endsOfTunnel(open, 1, tunnel(ANY, ANY, "fd00::9", "10.9.9.9"))),
    "10.9.9.9 10.3.0.2",
  );
  assert.equal(show(endsOfTunnel(open, 1, tunnel("fd02::2", "fd01::1"))), "0.0.0.0 10.3.0.2");
});

Deno.test("the task of a tunnel is the first whose destination is within its selectors", () => {
  const plan = planOf({ deststep: 4 });
  assert.equal(taskWithin(plan, tunnel(ANY, "10.3.0.5"), 0), 1);
  assert.equal(taskWithin(plan, tunnel(ANY, "10.3.0.6-10.3.0.12"), 0), 2);
  assert.equal(taskWithin(plan, tunnel(ANY, "10.3.0.6-10.3.0.8"), 0), undefined, "between two");
  assert.equal(taskWithin(plan, tunnel(ANY, ANY), 3), 3);
  assert.equal(taskWithin(plan, tunnel(ANY, "10.3.0.41"), 0), undefined, "the eleventh of ten");
  assert.equal(taskWithin(plan, tunnel(ANY, "fd01::1"), 0), undefined);
  const down = planOf({ destaddr: at("10.3.0.100"), deststep: -2 });
  assert.equal(taskWithin(down, tunnel(ANY, "10.3.0.90-10.3.0.95"), 0), 3);
  const same = planOf({ deststep: 0 });
  assert.equal(taskWithin(same, tunnel(ANY, "10.3.0.1"), 7), 7);
  assert.equal(taskWithin(same, tunnel(ANY, "10.3.0.1"), 10), undefined);
});
