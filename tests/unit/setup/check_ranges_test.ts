// Address ranges with an address that no tunnel can have, and link-local peers with their interface.
import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import { errorsOf, load } from "./_rig.ts";

/** The warnings of a text, without the file name `f:` in front. */
function warningsOf(text: string): string[] {
  return load(text).warnings.map((w) => w.replace(/^f:/, ""));
}

/** A client with `more` as further lines. */
function client(tunnels: number, start: string, peer: string, more = ""): string {
  return `role: client\nnumberoftunnels: ${tunnels}\nstartclntaddr: ${start}\npeeraddr: ${peer}\n` +
    `bindifname: eth0\n${more}ikeconf: {psk: secret}\n`;
}

/** A gateway whose section poolconf has the line `pool`. */
function gateway(tunnels: number, pool: string): string {
  return `role: gateway\nnumberoftunnels: ${tunnels}\nbindifname: eth0\nbindifaddr: 10.7.0.9/24\n` +
    `poolconf:\n  ${pool}\nikeconf: {psk: secret}\n`;
}

Deno.test("a warning is given if the addresses of tunnels contain the broadcast address or that of the gateway", () => {
  assert.deepEqual(warningsOf(client(254, "10.0.0.1/24", "10.0.1.1")), []);
  assert.deepEqual(warningsOf(client(255, "10.0.0.1/24", "10.0.1.1")), [
    "3:1: tunnel 254 of 255 gets 10.0.0.255, which is the broadcast address of 10.0.0.0/24",
  ]);
  assert.deepEqual(warningsOf(client(300, "10.0.0.0/24", "10.0.0.9")), [
    "3:1: tunnel 0 of 300 gets 10.0.0.0, which is the address of the network 10.0.0.0/24 itself",
    "3:1: tunnel 255 of 300 gets 10.0.0.255, which is the broadcast address of 10.0.0.0/24",
    "3:1: tunnel 9 of 300 gets 10.0.0.9, which is peeraddr, the gateway's",
  ]);
  assert.deepEqual(
    warningsOf(client(2, "10.0.0.0/31", "10.0.1.1")),
    [],
    "RFC 3021: a /31 has no broadcast address",
  );
  assert.deepEqual(warningsOf(client(300, "2001:db8::1/120", "2001:db8::8")), [
    "3:1: tunnel 7 of 300 gets 2001:db8::8, which is peeraddr, the gateway's",
  ]);
});

Deno.test("a warning is given if the addresses of the other family for MOBIKE contain the broadcast address", () => {
  const other = (more: string) =>
    warningsOf(
      client(3, "fd00::1/64", "fd00::ff", `mobike: true\nmobikechangeaddrtype: both\n${more}`),
    );
  assert.deepEqual(other("mobikeotheraddr: 10.0.0.249/24\n"), []);
  assert.deepEqual(other("mobikeotheraddr: 10.0.0.250/24\n"), [
    "8:1: tunnel 2 of 3 gets 10.0.0.255, which is the broadcast address of 10.0.0.0/24",
  ]);
});

Deno.test("a warning is given if the pool addresses of the expected clients contain the broadcast address or that of the gateway", () => {
  assert.deepEqual(warningsOf(gateway(9, "v4startaddr: 10.7.0.250/24")), [
    "6:3: client 6 of 9 gets 10.7.0.255, which is the broadcast address of 10.7.0.0/24",
  ]);
  assert.deepEqual(warningsOf(gateway(5, "v4startaddr: 10.7.0.250/24")), []);
  assert.deepEqual(warningsOf(gateway(9, "v4startaddr: 10.7.0.1/24")), [
    "6:3: client 9 of 9 gets 10.7.0.9, which is bindifaddr, the gateway's own",
  ]);
  assert.deepEqual(warningsOf(gateway(9, "v6startaddr: fd00::/64")), []);
});

Deno.test("a link-local gateway may name its interface, which is bindifname", () => {
  const { setup } = load(client(2, "fe80::a:1/64", "fe80::1%eth0"));
  assert.deepEqual(setup.peeraddr, parseAddress("fe80::1"));
  const place = "4:1: peeraddr";
  assert.deepEqual(errorsOf(client(2, "fe80::a:1/64", "fe80::1%eth1")), [
    `${place} fe80::1 is at the interface "eth1", and bindifname is "eth0"`,
  ]);
  assert.deepEqual(errorsOf(client(2, "2001:db8::1/64", "2001:db8::9%eth0")), [
    `${place} 2001:db8::9 has the interface "eth0": only link-local addresses have one`,
  ]);
  for (
    const peer of ["fe80::1%", "fe80::1%a/b", "fe80::1%eth0%eth0", "fe80::1%an-interface-name"]
  ) {
    assert.match(errorsOf(client(2, "fe80::a:1/64", peer))[0]!, /^4:11: Expected an IPv4 or IPv6/);
  }
});

Deno.test("a link-local gateway can be reached in TCP only from a link-local address", () => {
  const tcp = (start: string) =>
    client(2, start, "fe80::1").replace("{psk: secret}", "{psk: secret, tcpencap: true}");
  assert.equal(load(tcp("fe80::a:1/64")).warnings.length, 0);
  assert.deepEqual(errorsOf(tcp("2001:db8::1/64")), [
    "3:1: tcpencap reaches the link-local peeraddr fe80::1 from a link-local startclntaddr alone",
  ]);
});
