// What becomes of the tasks of an IKE SA that a rekey replaces at any moment (RFC 7296 §2.8).
import assert from "node:assert/strict";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { notify } from "@/ike/records/notify.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { inheritTasks } from "@/ike/tasks/inheritance.ts";
import { peerRedirects } from "@/ike/tasks/redirect.ts";
import { isCurrent, isReplaced } from "@/ike/records/ike_sa.ts";
import { gatewayAt, gatewayData } from "@/ike/negotiate/gateway_identity.ts";
import type { Host } from "@/sim/world.ts";
import { established, type TwoHosts, twoHosts, type TwoHostsOptions } from "../../two_hosts.ts";

const ENDS = ["a", "b"] as const;
const ELSEWHERE = gatewayAt(Uint8Array.of(10, 0, 0, 9));
const FOLLOWING: TwoHostsOptions = { a: { redirect: { follows: true } } };
const REDIRECTING: TwoHostsOptions = {
  ...FOLLOWING,
  b: {
    redirect: { follows: false, sends: { to: [ELSEWHERE], at: "established", afterMs: 10_000 } },
  },
};

/** Begins the rekey of the IKE SA by an end at a time. */
function rekeyAt({ world, ...hosts }: TwoHosts, who: "a" | "b", ms: number): void {
  world.at(ms, () => {
    const [sa] = established(hosts[who]);
    if (sa) world.tell(hosts[who], sa, { kind: "rekey_ike" });
  });
}

/** Lets `does` happen at 5 s, in a world of its own for each delay of the end's rekey. */
function besideRekeys(
  who: "a" | "b",
  does: (hosts: TwoHosts) => void,
  check: (hosts: TwoHosts, delay: number) => void,
): void {
  for (let delay = -60; delay <= 30; delay += 3) {
    const hosts = twoHosts();
    hosts.world.dial(hosts.a, hosts.b);
    rekeyAt(hosts, who, 5_000 + delay);
    hosts.world.at(5_000, () => does(hosts));
    hosts.world.run();
    check(hosts, delay);
  }
}

/** All IKE SAs of both ends. */
function sasOf({ a, b }: TwoHosts): IkeSa[] {
  return [a, b].flatMap((host) => [...host.endpoint.bySpi.values()]);
}

/** The IKE SA that is the tunnel. */
function currentSa(host: Host): IkeSa {
  return established(host).find(isCurrent)!;
}

/** How often the client follows its gateway if an end rekeys so long after the REDIRECT was due. */
function redirections(who: "a" | "b", delay: number, options: TwoHostsOptions): number {
  const hosts = twoHosts(options);
  const { world, a, b } = hosts;
  let count = 0;
  world.redirects = () => void count++;
  world.dial(a, b);
  world.at(1_000, () => rekeyAt(hosts, who, currentSa(b).peer.redirectMs + delay));
  world.run();
  assert.deepEqual(sasOf(hosts), []);
  return count;
}

for (const who of ENDS) {
  Deno.test(`a REDIRECT is followed once beside a rekey of ${who}`, () => {
    for (let delay = -60; delay <= 30; delay += 3) {
      assert.equal(redirections(who, delay, REDIRECTING), 1, `${delay} ms after it was due`);
    }
  });

  Deno.test(`a REDIRECT is followed once beside a rekey of ${who} if messages overtake others`, () => {
    const conditions = { loss: 0, duplication: 0, delayMs: [2, 60] } as const;
    for (let seed = 1; seed <= 60; seed++) {
      const options = { ...REDIRECTING, conditions, seed };
      assert.equal(redirections(who, 30 - 2 * seed, options), 1, `seed ${seed}`);
    }
  });

  Deno.test(`a close beside a rekey of ${who} ends the tunnel`, () => {
    for (const closes of ENDS) {
      besideRekeys(who, ({ world, ...hosts }) => {
        world.tell(hosts[closes], currentSa(hosts[closes]), { kind: "close", closeCode: 1 });
      }, (hosts, delay) => assert.deepEqual(sasOf(hosts), [], `${closes}, ${delay} ms`));
    }
  });

  Deno.test(`the end of an authentication beside a rekey of ${who} ends the tunnel, with its cause`, () => {
    besideRekeys(who, ({ world, b }) => {
      const sa = currentSa(b);
      sa.peer.authEndMs = world.nowMs;
      world.tell(b, sa, { kind: "deadline" });
    }, (hosts, delay) => {
      assert.deepEqual(sasOf(hosts), [], `${delay} ms`);
      const causes = hosts.world.ladder.filter((line) => /did not authenticate again/.test(line));
      assert.equal(causes.length, 1, `${delay} ms`);
    });
  });
}

Deno.test("a liveness check that waits for a rekey is done by the new IKE SA", () => {
  const hosts = twoHosts();
  const { world, a, b } = hosts;
  world.dial(a, b);
  rekeyAt(hosts, "a", 5_000);
  let asked: IkeSa | undefined;
  world.at(5_005, () => {
    asked = currentSa(a);
    world.tell(a, asked, { kind: "liveness_check" });
  });
  let checkedMs: number | undefined;
  world.at(6_000, () => {
    const sa = currentSa(a);
    assert.notEqual(sa, asked);
    checkedMs = sa.lastLivenessMs;
    world.tell(a, sa, { kind: "close", closeCode: 1 });
  });
  world.run();
  assert.ok(checkedMs! > 5_005);
});

Deno.test("the new IKE SA has the tasks of the one before in their order, and its end first", () => {
  const { world, a, b } = twoHosts();
  world.dial(a, b);
  world.at(5_000, () => {
    const [sa, by] = [currentSa(a), currentSa(b)];
    sa.active = { kind: "redirect" };
    sa.queue.push({ kind: "liveness_check" }, { kind: "ticket_request" }, { kind: "crash_token" });
    sa.queue.push({ kind: "announce_addresses", path: sa.path });
    sa.queue.push({ kind: "delete_ike", closeCode: 5 });
    sa.closeAsked = 5;
    inheritTasks(sa, by);
    assert.deepEqual(by.queue.splice(0), [
      { kind: "delete_ike", closeCode: 5 },
      { kind: "redirect" },
      { kind: "liveness_check" },
      { kind: "announce_addresses", path: undefined },
    ]);
    assert.equal(by.closeAsked, 5);
    assert.equal(sa.queue.length, 0);
    sa.active = undefined;
    for (const end of [sa, by]) {
      world.tell(end === sa ? a : b, end, { kind: "close", closeCode: 5 });
    }
  });
  world.run();
  assert.ok(world.nowMs >= 5_000);
});

Deno.test("a client that gets REDIRECT by the IKE SA before leaves by the new one", () => {
  const hosts = twoHosts(FOLLOWING);
  const { world, a, b } = hosts;
  world.dial(a, b);
  rekeyAt(hosts, "a", 5_000);
  const effects: IkeEffect[] = [];
  world.at(5_030, () => {
    const old = [...a.endpoint.bySpi.values()].find(isReplaced)!;
    const out = { push: (effect: IkeEffect) => void effects.push(effect) };
    const said = notify(NotifyType.REDIRECT, gatewayData(ELSEWHERE));
    peerRedirects.answer({ sa: old, nowMs: world.nowMs, out }, [said], undefined!);
  });
  world.run();
  assert.deepEqual(effects.map(({ kind }) => kind), ["redirected", "rearmed"]);
  assert.deepEqual(sasOf(hosts), []);
});
