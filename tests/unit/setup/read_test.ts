/**
 * How a setup file is read: the value that each notation gives, and the errors for wrong names and values
 * with their positions.
 */
import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

/** The section `ikeconf` of a gateway with these lines added. */
const ikeconf = (...lines: string[]) =>
  load(GATEWAY + lines.map((l) => `  ${l}\n`).join("")).setup.ikeconf;
/** The only entry of `childlist` of a gateway whose entry has these lines. */
const child = (...lines: string[]) =>
  ikeconf("childlist:", ...lines.map((l, i) => `  ${i === 0 ? "- " : "  "}${l}`)).childlist[0]!;
/** The errors of a gateway with one more line under `ikeconf`, which is line 5. */
const ikeErrors = (line: string) => errorsOf(`${GATEWAY}  ${line}\n`);

Deno.test("sections and options that a file does not have take their defaults", () => {
  const { setup } = load(CLIENT);
  assert.equal(setup.numberoftunnels, 10);
  assert.equal(setup.setupinterval, 100);
  assert.equal(setup.flapconf.minflapinterval, 30_000);
  assert.deepEqual(setup.poolconf.v4dnslist, []);
  assert.equal(setup.pingconf.maxlossrate, 10);
  assert.equal(setup.bindifaddr, undefined);
  assert.deepEqual(setup.apilistenaddr, parseAddress("127.0.0.1"));
  assert.deepEqual(setup.ikeconf.dhgrpid, [14]);
  assert.equal(setup.ikeconf.ppk.id, "");
  const [only, ...more] = setup.ikeconf.childlist;
  assert.deepEqual(more, [], "an absent childlist has one entry");
  assert.deepEqual(only!.encalg, [{ id: 12, keyBits: 128 }]);
  const any = {
    family: 4,
    protocol: 0,
    startport: 0,
    endport: 65535,
    startaddr: Uint8Array.of(0, 0, 0, 0),
    endaddr: Uint8Array.of(255, 255, 255, 255),
  };
  assert.deepEqual(only!.ownts, [any]);
  assert.deepEqual(only!.peerts, [any]);
});

Deno.test("null counts as omitted, except where it names the NULL cipher", () => {
  assert.deepEqual(
    load(`${CLIENT}desc:\nlogkeyword: null\npoolconf:\nflapconf: ~\n`).setup,
    load(CLIENT).setup,
  );
  assert.deepEqual(ikeconf("ppk:", "childlist:"), ikeconf());
  assert.deepEqual(ikeconf("childlist: [~]"), ikeconf());
  assert.deepEqual(ikeconf("dhgrpid: null", "ikeprfalg: [~, sha1]").ikeprfalg, [2]);
  const nullCipher = [{ id: 11, keyBits: 0 }];
  assert.deepEqual(child("encalg: null").encalg, nullCipher);
  assert.deepEqual(child("encalg: [null]").encalg, nullCipher);
  assert.deepEqual(child('encalg: "null"').encalg, nullCipher);
  assert.deepEqual(child("encalg:").encalg, [{ id: 12, keyBits: 128 }]);
  assert.deepEqual(ikeErrors("dhgrpid: [~]"), [
    "5:12: ikeconf.dhgrpid is empty: expected at least one, each one of 1, 2, 5, 14, 15, 16, 17, " +
    "18, 19, 20, 21, 27, 28, 29, 30, 31, 32, 35, 36, 37",
  ]);
  assert.equal(
    errorsOf(GATEWAY.replace("secret", "null"))[0]!.slice(0, 20),
    "4:3: psk is required",
  );
});

Deno.test("one value in place of a list is read as a list with one entry", () => {
  assert.deepEqual(ikeconf("dhgrpid: 31").dhgrpid, [31]);
  assert.deepEqual(ikeconf("dhgrpid:", "  - 31", "  - 14").dhgrpid, [31, 14]);
  assert.deepEqual(ikeconf("childlist:", "  esn: no").childlist.length, 1);
});

Deno.test("the text of a value is not changed", () => {
  for (
    const text of ["0123", "0x00ff", "1e3", "1_000", "yes", "12:30:45", "2026-01-01", "-1", "a #"]
  ) {
    const quoted = text.endsWith("#") ? JSON.stringify(text) : text;
    assert.equal(load(GATEWAY.replace("secret", quoted)).setup.ikeconf.psk, text);
  }
  assert.equal(load(GATEWAY.replace("secret", "a#b c # comment")).setup.ikeconf.psk, "a#b c");
  assert.equal(load(GATEWAY.replace("secret", "' a '")).setup.ikeconf.psk, " a ");
  assert.equal(load(GATEWAY.replace("secret", "日本 ☺")).setup.ikeconf.psk, "日本 ☺");
});

Deno.test("values are read in the units and types of their options", () => {
  const { setup } = load(`${CLIENT}  retraninterval: 1m0s
  retranbackoff: 1.5
  numoftunneltoenablecookie: -5
  ikeencyptalg: [AES-GCM-16:256, 3des]
  ikelifetime: 0
  initialcontact: OFF
setupinterval: 0
bindifaddr: 2001:db8::1/64
logfilesizecap: 0
transport: portable
`);
  assert.equal(setup.ikeconf.retraninterval, 60_000);
  assert.equal(setup.ikeconf.retranbackoff, 1.5);
  assert.equal(setup.ikeconf.numoftunneltoenablecookie, -5);
  assert.deepEqual(setup.ikeconf.ikeencyptalg, [{ id: 20, keyBits: 256 }, { id: 3, keyBits: 0 }]);
  assert.equal(setup.ikeconf.ikelifetime, 0);
  assert.equal(setup.ikeconf.initialcontact, false);
  assert.equal(setup.setupinterval, 0);
  assert.deepEqual(setup.bindifaddr, { address: parseAddress("2001:db8::1"), bits: 64 });
  assert.equal(setup.transport, "portable");
});

Deno.test("the error for an unknown option suggests the option with the most similar name", () => {
  assert.deepEqual(errorsOf(`${CLIENT}numberoftunels: 3\n`), [
    "7:1: Unknown option numberoftunels in the top level; did you mean numberoftunnels?",
  ]);
  assert.deepEqual(ikeErrors("ikeencryptalg: 3des"), [
    "5:3: Unknown option ikeencryptalg in ikeconf; did you mean ikeencyptalg?",
  ]);
  assert.deepEqual(ikeErrors("colour: red"), ["5:3: Unknown option colour in ikeconf"]);
  assert.deepEqual(ikeErrors("childlist: [{espalg: 3des}]"), [
    "5:16: Unknown option espalg in ikeconf.childlist[]; did you mean encalg?",
  ]);
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    assert.deepEqual(errorsOf(`${CLIENT}${name}: 1\n`), [
      `7:1: Unknown option ${name} in the top level`,
    ]);
  }
});

Deno.test("errors that only follow from a mistyped option are not reported", () => {
  assert.deepEqual(errorsOf(CLIENT.replace("peeraddr", "peeradr")), [
    "3:1: Unknown option peeradr in the top level; did you mean peeraddr?",
  ]);
  assert.deepEqual(errorsOf(`${CLIENT.replace("  psk: secret\n", "")}psk: secret\n`), [
    "6:1: psk belongs in ikeconf, not in the top level",
  ]);
  assert.deepEqual(errorsOf(CLIENT.replace("10.0.0.254", "gateway")), [
    '3:11: Expected an IPv4 or IPv6 address for peeraddr, found "gateway"',
  ]);
  assert.deepEqual(errorsOf(CLIENT.replace(/ikeconf:[^]*/, "ikeconf: psk\n")), [
    "5:10: Expected options under ikeconf, found a value",
  ]);
  assert.deepEqual(errorsOf(CLIENT.replace("psk: secret", "psk:secret")), [
    "6:3: Expected options under ikeconf, found a value; a space goes after the colon",
  ]);
  assert.deepEqual(errorsOf(CLIENT.replace("ikeconf:", "&a ikeconf:")), [
    "5:1: Expected a plain value, found a YAML anchor (&); put the value in quotes if it is meant as text",
  ]);
});

Deno.test("an error names a space of another kind, which YAML takes for a letter", () => {
  assert.deepEqual(errorsOf(CLIENT.replace("  psk", "\u00a0\u00a0psk")), [
    "6:1: Expected plain spaces before psk, found U+00A0",
  ]);
  assert.deepEqual(errorsOf(CLIENT.replace("ikeconf", "\ufeffikeconf")), [
    "5:1: Expected plain spaces before ikeconf, found U+FEFF",
  ]);
  assert.deepEqual(errorsOf(CLIENT.replace("peeraddr: ", "peeraddr:\u00a0")), [
    "3:10: Expected a space after the colon, found U+00A0",
  ]);
  assert.equal(load(`${CLIENT}desc: "\u00a0a"\n`).setup.desc, "\u00a0a");
});

Deno.test("a wrong value of an option that only the other role reads causes a warning", () => {
  const gateway = load(`${GATEWAY}  ratunnel: [7]\npeeraddr: nonsense\nsetupinterval: 5\n`);
  assert.deepEqual(gateway.warnings, [
    "f:5:13: Expected true or false (also yes, no, on, off) for ikeconf.ratunnel, found a list " +
    "(ignored: a client's option)",
    'f:6:11: Expected an IPv4 or IPv6 address for peeraddr, found "nonsense" (ignored: a client\'s ' +
    "option)",
    'f:7:16: Expected a duration such as 1h2m3.5s or 500ms, or 0 for setupinterval, found "5"; a ' +
    "unit is missing: 5s? (ignored: a client's option)",
  ]);
  assert.deepEqual(gateway.setup, load(GATEWAY).setup);
  assert.deepEqual(load(`poolconf: {v4startaddr: x}\n${CLIENT}`).warnings, [
    "f:1:25: Expected an IPv4 address with a prefix length, such as 10.0.0.1/24 for " +
    'poolconf.v4startaddr, found "x" (ignored: a gateway\'s option)',
  ]);
  assert.deepEqual(errorsOf(`${CLIENT.replace("client", "none")}poolconf: {v4startaddr: x}\n`), [
    '1:7: Expected one of client, gateway for role, found "none"',
    "7:25: Expected an IPv4 address with a prefix length, such as 10.0.0.1/24 for " +
    'poolconf.v4startaddr, found "x"',
  ], "without a valid role the errors of all options are reported");
});

Deno.test("the error for an option in the wrong section names the right one", () => {
  assert.deepEqual(ikeErrors("mobike: false"), [
    "5:3: mobike belongs in the top level, not in ikeconf",
  ]);
  assert.deepEqual(ikeErrors("setupinterval: 1s"), [
    "5:3: setupinterval belongs in the top level or pingconf, not in ikeconf",
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}childlist: []\n`), [
    "7:1: childlist belongs in ikeconf, not in the top level",
  ]);
  assert.deepEqual(ikeErrors("startport: 1"), [
    "5:3: startport belongs in ikeconf.childlist[].ownts[] or ikeconf.childlist[].peerts[], not in " +
    "ikeconf",
  ]);
});

Deno.test("with --lenient unknown and misplaced options cause warnings and are ignored", () => {
  const text = `${CLIENT}  numberoftunnels: 99\n  colour: red\n`;
  assert.equal(errorsOf(text).length, 2);
  const { setup, warnings } = load(text, true);
  assert.equal(setup.numberoftunnels, 10);
  assert.deepEqual(warnings, [
    "f:7:3: numberoftunnels belongs in the top level, not in ikeconf (ignored)",
    "f:8:3: Unknown option colour in ikeconf (ignored)",
  ]);
  assert.equal(
    errorsOf(`${CLIENT}role: x\ndesc: [a]\n`, true).length,
    2,
    "other errors remain errors",
  );
  assert.deepEqual(errorsOf(CLIENT.replace("peeraddr", "peeradr"), true), [
    "1:1: peeraddr is required for a client: the gateway's address",
  ]);
});

Deno.test("the error for a wrong value has the expected values, the value found, and a suggestion", () => {
  assert.deepEqual(errorsOf(CLIENT.replace("client", "clint")), [
    '1:7: Expected one of client, gateway for role, found "clint"; did you mean client?',
  ]);
  assert.deepEqual(ikeErrors("retraninterval: 10"), [
    "5:19: Expected a duration such as 1h2m3.5s or 500ms, at least 1ms for " +
    'ikeconf.retraninterval, found "10"; a unit is missing: 10s?',
  ]);
  assert.deepEqual(ikeErrors("dhgrpid: [14, 22]"), [
    "5:17: Expected one of 1, 2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 27, 28, 29, 30, 31, 32, 35, 36, 37 for " +
    'ikeconf.dhgrpid, found "22"',
  ]);
  assert.deepEqual(ikeErrors("ikeprfalg: [[sha1]]"), [
    "5:15: Expected one of md5, sha1, sha256, sha384, sha512, aes-xcbc, aes-cmac in the list " +
    "ikeconf.ikeprfalg, found a list",
  ]);
  assert.deepEqual(ikeErrors("maxretran: {a: 1}"), [
    "5:14: Expected a whole number from 1 to 1000 for ikeconf.maxretran, found options",
  ]);
  assert.deepEqual(ikeErrors("maxretran: [1, 2]"), [
    "5:14: Expected a whole number from 1 to 1000 for ikeconf.maxretran, found a list",
  ]);
  assert.deepEqual(ikeErrors("childlist: []"), [
    "5:14: ikeconf.childlist is empty: expected at least one entry",
  ]);
  assert.deepEqual(ikeErrors("childlist: [a]"), [
    "5:15: Expected options under ikeconf.childlist[0], found a value",
  ]);
});

Deno.test("all errors of a file are reported in their order", () => {
  const text = `role: client
runningtime: 5
startclntaddr: 10.0.0.1
peeraddr: 2001:db8::1
numberoftunnels: 0
ikeconf:
  psk: a
  ikeencyptalg: [aes-cbc]
  mtuu: 9
  ratunnel: maybe
  matchpeerid: true
`;
  assert.deepEqual(errorsOf(text).map((e) => e.split(" ", 1)[0]), [
    "1:1:", // bindifname is required.
    "2:14:",
    "3:16:",
    "5:18:",
    "8:18:",
    "9:3:",
    "10:13:",
    "11:3:", // matchpeerid needs peerid.
  ]);
});

Deno.test("the absent fields of a traffic selector follow from its other fields", () => {
  const ts = (text: string) => child(`ownts: ${text}`).ownts[0]!;
  const v6 = ts("[{type: v6}]");
  assert.equal(v6.family, 6);
  assert.deepEqual(v6.endaddr, new Uint8Array(16).fill(255));
  assert.equal(ts("{startaddr: 2001:db8::1}").family, 6);
  assert.equal(ts("{endaddr: '2001:db8::'}").family, 6);
  assert.deepEqual(ts("{startaddr: 10.0.0.0}").endaddr, Uint8Array.of(255, 255, 255, 255));
  assert.deepEqual(ts("{startport: 65535, endport: 0}").endport, 0, "OPAQUE, RFC 7296 §3.13.1");
  assert.equal(child("ownts: [{type: v4}, {type: v6}]").ownts.length, 2);
});

Deno.test("an address that ends with a colon needs quotes between brackets", () => {
  assert.deepEqual(errorsOf(`${GATEWAY}poolconf: {v6dnslist: [2001:db8::, 2001:db8::1]}\n`), [
    "5:24: Expected an IPv6 address in the list poolconf.v6dnslist, found options; put a " +
    "value that ends with a colon in quotes",
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}apilistenaddr: {a: 2001:db8::}\n`), [
    "7:20: Expected one value between the brackets, found a colon in it: put the value in quotes",
  ]);
});

Deno.test("a traffic selector whose fields contradict each other is refused", () => {
  const errors = (text: string) =>
    errorsOf(`${GATEWAY}  childlist:\n    - ownts: ${text}\n`).map((e) => e.slice(2));
  assert.deepEqual(errors("{type: v6, startaddr: 10.0.0.1}"), [
    "15: type v6 contradicts an IPv4 address",
  ]);
  assert.deepEqual(errors("{startaddr: 10.0.0.9, endaddr: 10.0.0.8}"), [
    "15: startaddr is greater than endaddr",
  ]);
  assert.deepEqual(errors("{startaddr: ::1, endaddr: 10.0.0.8}"), [
    "31: startaddr and endaddr are of different families",
  ]);
  assert.deepEqual(errors("{startport: 9, endport: 8}"), ["15: startport is greater than endport"]);
  assert.deepEqual(errors("{startaddr: 10.0.0.0/24}"), [
    '15: Expected an IPv4 or IPv6 address for startaddr, found "10.0.0.0/24"',
  ]);
  assert.deepEqual(errors("[]"), [
    "14: ikeconf.childlist[0].ownts is empty: expected at least one entry",
  ]);
});

Deno.test("the reading of a file gives the position of each option", () => {
  const { positionOf } = load(`${GATEWAY}  childlist:\n    - encalg: 3des\n`);
  const positionText = (path: string) => {
    const { line, column } = positionOf(path);
    return `${line}:${column}`;
  };
  assert.equal(positionText("ikeconf.psk"), "4:3");
  assert.equal(positionText("ikeconf.childlist[0].encalg"), "6:7");
  assert.equal(
    positionText("ikeconf.childlist[0].esn"),
    "6:7",
    "an absent option has the position of its list entry",
  );
  assert.equal(
    positionText("ikeconf.ppk.id"),
    "3:1",
    "an absent option has the position of its section",
  );
  assert.equal(
    positionText("flapconf.flapping"),
    "1:1",
    "an absent section has the position of the file",
  );
});

Deno.test("a valid value of an option that only the other role reads is kept", () => {
  assert.equal(
    load(`${CLIENT}  reauth: yes\n  reauthmode: make\n`).setup.ikeconf.reauthmode,
    "make",
  );
  assert.equal(load(`${GATEWAY}  disallownat: yes\n`).setup.ikeconf.disallownat, true);
  assert.equal(load(`${CLIENT}  eapsendstart: no\n`).setup.ikeconf.eapsendstart, false);
});

Deno.test("an option of a feature that is off causes a warning, and its value is kept", () => {
  const cases: readonly [option: string, why: string][] = [
    ["  cadir: /etc/ike/ca", "neither end authenticates by certificates"],
    ["  eedir: /etc/ike/ee", "neither end authenticates by certificates"],
    ["  dshashalg: sha384", "neither end authenticates by certificates"],
    ["  usersapss: true", "neither end authenticates by certificates"],
    ["  eapoltestpath: /usr/sbin/eapol_test", "neither end authenticates by EAP"],
    ["  eapradiusid: 44", "neither end authenticates by EAP"],
    ["  eapimplementaion: eap-file", "neither end authenticates by EAP"],
    ["  ppk: {value: hush}", "ppk.id is not set"],
    ["mobikeiplifetime: 1m", "mobike is false"],
    ["mobikeaddrpertunnel: 3", "mobike is false"],
    ["mobikechangeaddrtype: both", "mobike is false"],
    ["mobikeotheraddr: fd00::1/64", "mobike is false"],
  ];
  for (const [line, why] of cases) {
    const { warnings } = load(`${CLIENT}${line}\n`);
    assert.equal(warnings.length, 1, line);
    assert.match(warnings[0]!, new RegExp(` has no effect: ${why}$`));
  }
  assert.equal(load(`${CLIENT}  cadir: /etc/ike/ca\n`).setup.ikeconf.cadir, "/etc/ike/ca");
  const byEap = ["authownmethod: eap", "authpeermethod: eap-only", "cadir: /etc/ike/ca"];
  const clientLines = ["eedir: /etc/ike/ee", "eapidentity: alice", "eappassword: hush"];
  const eapClient = CLIENT + [...byEap, ...clientLines].map((line) => `  ${line}\n`).join("");
  assert.deepEqual(load(`${eapClient}  eapmethod: tls\n`).warnings, []);
  assert.match(
    load(`${eapClient}  eapmethod: mschapv2\n`).warnings.join(),
    /cadir has no effect: neith/,
  );
  const { warnings } = load(`${GATEWAY}  reauthlifetime: 1h\n`);
  assert.deepEqual(warnings, ["f:5:19: ikeconf.reauthlifetime has no effect: reauth is false"]);
});

Deno.test("a default that a file has as a value gives the same setup as without it", () => {
  const text = `${CLIENT}  ikelifetime: 10m0s\n  initiatedpd: yes\n  dhgrpid: [14]\nmobike: no\n`;
  assert.deepEqual(load(text).setup, load(CLIENT).setup);
  assert.deepEqual(load(text).notYet, load(CLIENT).notYet);
});

Deno.test("a staticroute that does not change a route is refused with its position", () => {
  const withRoute = (command: string) => `${CLIENT}staticroute: ${command}\n`;
  for (const command of ["ip netns exec x sh", "ip -n x route add 10.0.0.0/8 dev lo", "reboot"]) {
    assert.deepEqual(errorsOf(withRoute(command)), [
      "7:14: Expected `ip route …` or `ip rule …` that adds, replaces, changes or deletes one for " +
      `staticroute, found "${command}"`,
    ]);
  }
  assert.equal(
    load(withRoute("ip route replace 10.0.0.0/8 via 10.0.0.9")).setup.staticroute,
    "ip route replace 10.0.0.0/8 via 10.0.0.9",
  );
});
