/**
 * Client profiles in setup files: what they inherit, and what is refused of them.
 */
import assert from "node:assert/strict";
import { profilesOf } from "@/setup/profiles.ts";
import { compactSetup, defaultSetup } from "@/setup/write.ts";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

Deno.test("a profile has the options of ikeconf, except those that it sets itself", () => {
  const { setup, warnings } = load(`${CLIENT}  dhgrpid: 31
  ikelifetime: 20m
profiles:
  - name: office
    weight: 3
  - name: home
    ikeconf: {dhgrpid: [14, 19], myid: home-&d.test, ppk: {id: p, value: 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff}}
`);
  const [office, home] = profilesOf(setup);
  assert.deepEqual([office!.name, office!.weight, home!.name, home!.weight], [
    "office",
    3,
    "home",
    1,
  ]);
  assert.equal(office!.ikeconf, setup.ikeconf);
  assert.deepEqual([home!.ikeconf.dhgrpid, home!.ikeconf.myid], [[14, 19], "home-&d.test"]);
  assert.deepEqual([home!.ikeconf.psk, home!.ikeconf.ikelifetime], ["secret", 1_200_000]);
  assert.deepEqual([home!.ikeconf.ppk.id, setup.ikeconf.ppk.id], ["p", ""]);
  assert.deepEqual(warnings, []);
});

Deno.test("without profiles there are none, and a gateway has none", () => {
  assert.deepEqual(profilesOf(load(CLIENT).setup), []);
  assert.deepEqual(profilesOf(load(`${GATEWAY}profiles: [{name: a}, {name: b}]\n`).setup), []);
});

Deno.test("errors of profiles stand at their line and column, and inherited ones are told once", () => {
  assert.deepEqual(errorsOf(`${CLIENT}profiles: [{weight: 0, ikeconf: {dhgrpid: 999}}]\n`), [
    '7:21: Expected a whole number from 1 to 10000 for profiles[0].weight, found "0"',
    ...errorsOf(`${CLIENT}profiles: [{ikeconf: {dhgrpid: 999}}]\n`).map((text) =>
      text.replace("7:32:", "7:43:")
    ),
  ]);
  const once = errorsOf(
    `${CLIENT}  retraninterval: soon\nprofiles: [{ikeconf: {myid: a.b}}, {name: c}]\n`,
  );
  assert.deepEqual(once.length, 1);
  assert.match(once[0]!, /^7:19: Expected a duration.* for ikeconf.retraninterval, found "soon"/);
  assert.deepEqual(errorsOf(`${CLIENT}profiles: [{ikeconf: {myid: ""}, name: x}, {name: x}]\n`), [
    "7:23: myid is empty: expected client-src-addr, an address, an e-mail or a domain name",
    "7:45: profile 1 has the name of profile 0",
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}profiles: [{ikeconf: {tcpencap: true}}]\n`), [
    "7:23: tcpencap is the same for all profiles: set it in ikeconf alone",
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}profiles: [{ikecnf: {}}]\n`), [
    "7:13: Unknown option ikecnf in profiles[]; did you mean ikeconf?",
  ]);
  assert.deepEqual(
    errorsOf(`${CLIENT}profiles: [{name: a, weight: 9000}, {name: b, weight: 1001}]\n`),
    [
      "7:1: the weights are 10001 together: expected at most 10000",
    ],
  );
});

Deno.test("the compact form keeps profiles, and the default file has one that changes nothing", () => {
  const text = `${CLIENT}profiles: [{name: a, weight: 1, ikeconf: {dhgrpid: 31}}, {name: b}]\n`;
  const compact = compactSetup(text, "f");
  assert.deepEqual(load(compact).setup.profiles, load(text).setup.profiles);
  assert.match(compact, /ikeconf: \{ ?dhgrpid: 31 ?\}/);
  const filled = defaultSetup().replace('bindifname: ""', "bindifname: eth0")
    .replace('startclntaddr: ""', "startclntaddr: 10.0.0.1/24")
    .replace('peeraddr: ""', "peeraddr: 10.0.0.2").replace(/psk: ""/, "psk: x");
  assert.deepEqual(profilesOf(load(filled).setup), []);
});
