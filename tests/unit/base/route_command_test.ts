import assert from "node:assert/strict";
import { routeCommand } from "@/base/route_command.ts";

Deno.test("a static route is one route or rule, and no other command of ip", () => {
  const good = [
    "ip route replace 10.99.0.0/16 via 10.77.9.1",
    "ip -6 route add 2001:db8::/32 via fe80::1 dev eth1.100 metric 5",
    "ip ro add default via 192.0.2.1 table 330",
    " ip  rule add from 10.0.0.0/8 table 100 pref 7 ",
    "ip route del 10.0.0.0/8",
  ];
  for (const command of good) {
    assert.deepEqual(routeCommand(command).words, command.trim().split(/\s+/).slice(1));
  }
  const bad: [command: string, found: string][] = [
    ["ip netns exec x sh -c reboot", "ip netns"],
    ["ip -n other route add 10.0.0.0/8 dev lo", "ip -n"],
    ["ip -batch /etc/passwd", "ip -batch"],
    ["ip -4 -b x", "ip -b"],
    ["ip route", "ip route nothing"],
    ["ip route flush all", "ip route flush"],
    ["ip route restore", "ip route restore"],
    ["ip rule flush", "ip rule flush"],
    ["ip link del eth0", "ip link"],
    ["ip route add 10.0.0.0/8 dev lo ; reboot", ";"],
    ["ip route add 10.0.0.0/8 $(reboot)", "$(reboot)"],
    ["ip route add 10.0.0.0/8 -batch x", "-batch"],
    ["ip route add 10.0.0.0/8 encap bpf out obj /tmp/x.o dev lo", "bpf"],
    ["/sbin/ip route add 10.0.0.0/8 dev lo", "/sbin/ip"],
    ["ipx route add x", "ipx"],
  ];
  for (const [command, found] of bad) {
    assert.deepEqual(routeCommand(command), { found });
  }
});
