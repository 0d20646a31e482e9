// The rules about the options of IP-TFS, each with the option that is at fault.
import assert from "node:assert/strict";
import { CLIENT, errorsOf, load } from "./_rig.ts";

/** CLIENT with an entry of `childlist`, and further options of `ikeconf`. */
function withChild(entry: string, more = ""): string {
  return `${CLIENT}  childlist: [{${entry}}]\n${more}`;
}

Deno.test("IP-TFS is ESP in tunnel mode without IPComp, and nothing else", () => {
  const cases = [
    ["iptfs: allow, tunnelmode: false", /iptfs needs tunnel mode/],
    ["iptfs: force, protocol: ah, integrityalg: [sha256]", /iptfs needs ESP/],
    ["iptfs: allow, ipcomp: true", /iptfs and ipcomp exclude each other/],
    ["iptfs: allow, iptfssize: 63", /iptfssize is 0, or 64 and more/],
  ] as const;
  for (const [entry, why] of cases) {
    assert.match(errorsOf(withChild(entry)).join("\n"), why, entry);
    // An option of IP-TFS that is not used has no rule to break.
    load(withChild(entry.replace(/allow|force/, "never")));
  }
  load(withChild("iptfs: force, iptfssize: 64"));
});

Deno.test("a constant rate needs ESP in this process", () => {
  const entry = "iptfs: force, iptfsrate: 100";
  for (const datapath of ["kernel", "auto"]) {
    const more = `  installfastpath: true\n  datapath: ${datapath}\n`;
    assert.match(errorsOf(withChild(entry, more)).join(), /iptfsrate needs datapath: userland/);
  }
  load(withChild(entry, "  installfastpath: true\n  datapath: userland\n"));
  load(withChild(entry));
});

Deno.test("payloads that are too small for IPv6 without fragments are warned of", () => {
  const host = (address: string) => `{startaddr: "${address}", endaddr: "${address}"}`;
  const ts = `ownts: ${host("fd01::1")}, peerts: ${host("fd02::1")}`;
  const warned = (entry: string) =>
    load(withChild(entry)).warnings.filter((words) => words.includes("iptfssize"));
  const small = `iptfs: force, iptfsfragments: false, iptfssize: 1283, ${ts}`;
  assert.match(warned(small).join(), /no room for an IPv6 packet of 1280 octets/);
  for (
    const fine of [
      small.replace("1283", "1284"),
      small.replace("1283", "0"),
      small.replace("iptfsfragments: false", "iptfsfragments: true"),
      small.replaceAll(/fd0([12])::1/g, "10.0.$1.1"),
    ]
  ) {
    assert.deepEqual(warned(fine), [], fine);
  }
});
