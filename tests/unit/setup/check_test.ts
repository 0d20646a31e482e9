/**
 * Rules about several options together: addresses, identities, algorithms, authentication, and the traffic
 * selectors of each tunnel.
 */
import assert from "node:assert/strict";
import { triesMax } from "@/ike/negotiate/puzzle.ts";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

/** The errors of CLIENT with these lines first, in place of its own lines of the same options. */
function clientErrors(lines: string): string[] {
  const names = lines.split("\n").map((l) => l.split(":")[0]!);
  const kept = CLIENT.split("\n").filter((l) => !names.includes(l.split(":")[0]!));
  return errorsOf(`${lines}\n${kept.join("\n")}`);
}

Deno.test("an option that a role requires, and that is absent or empty, is an error", () => {
  assert.deepEqual(errorsOf("role: gateway\n"), [
    "1:1: bindifname is required: the interface that carries the tunnel addresses",
    "1:1: psk is required for authentication by psk",
  ]);
  assert.equal(
    load(GATEWAY).setup.bindifaddr,
    undefined,
    "a gateway without bindifaddr has the addresses of its interface",
  );
  assert.deepEqual(errorsOf(CLIENT.replace("  psk: secret", "  psk:")), [
    "6:3: psk is required for authentication by psk",
  ]);
  assert.deepEqual(errorsOf(CLIENT.replace("eth0", '""')), [
    "4:1: bindifname is required: the interface that carries the tunnel addresses",
  ]);
});

Deno.test("the addresses of a client must be of one family, and valid as addresses of hosts", () => {
  assert.deepEqual(clientErrors("peeraddr: 2001:db8::1"), [
    "1:1: peeraddr 2001:db8::1 and startclntaddr 10.0.0.1 are of different families",
  ]);
  const startErrors = (text: string) => clientErrors(`startclntaddr: ${text}`);
  assert.deepEqual(startErrors("0.0.0.0/0"), [
    "1:1: startclntaddr 0.0.0.0 is unspecified, not the address of a tunnel",
  ]);
  assert.deepEqual(startErrors("239.1.1.1/8"), [
    "1:1: startclntaddr 239.1.1.1 is a multicast address, not the address of a tunnel",
  ]);
  assert.deepEqual(clientErrors("peeraddr: 255.255.255.255"), [
    "1:1: peeraddr 255.255.255.255 is the broadcast address, not the address of a gateway",
  ]);
  assert.deepEqual(startErrors("::ffff:10.0.0.1/120"), [
    "1:1: startclntaddr ::ffff:a00:1 is an IPv4 address in IPv6 form, not the address of a tunnel",
    "3:1: peeraddr 10.0.0.254 and startclntaddr ::ffff:a00:1 are of different families",
  ]);
  assert.deepEqual(clientErrors("startclntaddr: fd00::1/64\npeeraddr: ff02::1"), [
    "2:1: peeraddr ff02::1 is a multicast address, not the address of a gateway",
  ]);
});

Deno.test("there must be an address of the family for each tunnel", () => {
  const tunnels = (n: number, address: string) =>
    `numberoftunnels: ${n}\nstartclntaddr: ${address}\n`;
  const peer6 = CLIENT.replace("10.0.0.254", "2001:db8::1").replace(/startclntaddr.*\n/, "");
  const peer4 = CLIENT.replace(/startclntaddr.*\n/, "");
  assert.equal(load(tunnels(256, "255.255.255.0/24") + peer4).setup.numberoftunnels, 256);
  assert.deepEqual(errorsOf(tunnels(257, "255.255.255.0/24") + peer4), [
    "2:1: startclntaddr: tunnel 256 of 257 has no address, as the address family ends before it",
  ]);
  const last6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe";
  assert.deepEqual(errorsOf(tunnels(3, "feff::1/16").replace("feff::1", last6) + peer6), [
    `2:1: startclntaddr ${last6} is a multicast address, not the address of a tunnel`,
    "2:1: startclntaddr: tunnel 2 of 3 has no address, as the address family ends before it",
  ]);
  // With two addresses per tunnel, also the second address of the last tunnel must exist.
  const mobike = "mobike: true\nmobikeaddrpertunnel: 2\n";
  assert.ok(
    errorsOf(mobike + tunnels(128, "255.255.255.1/24") + peer4).includes(
      "4:1: startclntaddr: tunnel 127 of 128 has no address, as the address family ends before it",
    ),
  );
});

Deno.test("addresses of the other family for MOBIKE are of the other one, exist, and are of use", () => {
  const client = (line: string, more = "mobikechangeaddrtype: both") =>
    `mobike: true\n${more}\n${line}\n${CLIENT}`;
  assert.deepEqual(load(client("mobikeotheraddr: fd00::1/64")).warnings, []);
  assert.deepEqual(errorsOf(client("mobikeotheraddr: 10.9.0.1/16")), [
    "3:1: mobikeotheraddr 10.9.0.1 is of the same address family as startclntaddr",
  ]);
  assert.deepEqual(errorsOf(client("mobikeotheraddr: ff02::1/64")), [
    "3:1: mobikeotheraddr ff02::1 is a multicast address, not the address of a host",
  ]);
  const gateway = (line: string) =>
    GATEWAY.replace(
      "role: gateway",
      `role: gateway\nmobike: true\nbindifaddr: fd00::1/64\n${line}`,
    );
  assert.deepEqual(load(gateway("mobikeotheraddr: 10.0.0.1/16")).warnings, []);
  assert.deepEqual(errorsOf(gateway("mobikeotheraddr: fd01::1/64")), [
    "4:1: mobikeotheraddr fd01::1 is of the same address family as bindifaddr",
  ]);
  assert.deepEqual(
    errorsOf(gateway("mobikeotheraddr: 223.255.255.255/16\nmobikeaddrpergw: 900000000")),
    [
      "4:1: mobikeotheraddr 223.255.255.255: 900000000 addresses are needed, but the address family " +
      "ends before the last of them",
    ],
  );
  const { warnings } = load(
    client("mobikeotheraddr: fd00::1/64", "mobikechangeaddrtype: own-only"),
  );
  assert.match(warnings.join(), /own-only: no tunnel moves to mobikeotheraddr/);
});

Deno.test("the shifted selectors of each tunnel must stay within the address space, and the error names the tunnel", () => {
  const ts = (which: string, selector: string, more = "") =>
    `${CLIENT}  childlist: [{${which}: {${selector}}}]\nnumberoftunnels: 1000\n${more}`;
  const high = "startaddr: 255.255.0.0, endaddr: 255.255.0.255";
  assert.deepEqual(errorsOf(ts("peerts", high, "peertsaddrincrease: 256\n")), [
    "7:24: ikeconf.childlist[0].peerts[0]: 255.255.0.0-255.255.0.255 shifted for tunnel 256 " +
    "(peertsaddrincrease 256) passes the end of the address space",
  ]);
  assert.deepEqual(
    errorsOf(ts("ownts", "startaddr: 0.0.1.0, endaddr: 0.0.1.9", "owntsaddrincrease: -1\n")),
    [
      "7:23: ikeconf.childlist[0].ownts[0]: 0.0.1.0-0.0.1.9 shifted for tunnel 257 " +
      "(owntsaddrincrease -1) passes the end of the address space",
    ],
  );
  assert.ok(load(ts("ownts", high)), "by default ownts is not shifted");
  assert.ok(
    load(ts("peerts", "type: v6", "peertsaddrincrease: 7\n")),
    "a selector of the whole address space is not shifted",
  );
  assert.deepEqual(
    errorsOf(ts("peerts", "startaddr: 0.0.0.1")).map((e) => e.match(/for tunnel (\d+)/)?.[1]),
    ["1"],
    "a selector that lacks one address is not the whole address space",
  );
  assert.ok(load(ts("peerts", high, "peertsaddrincrease: 1\n")));
});

Deno.test("a gateway accepts any values of a client's options for addresses, shifted selectors and flapping", () => {
  assert.ok(load(`${GATEWAY}  matchpeerid: true
  childlist: [{peerts: {startaddr: 255.255.255.255}}]
peertsaddrincrease: 1000000
numberoftunnels: 100000
startclntaddr: 255.255.255.255/32
peeraddr: ff02::1
flapconf: {minflapinterval: 1s, maxflapinterval: 0s}
`));
});

Deno.test("the intervals of flapping must be ten seconds or more, and the longest not shorter than the shortest", () => {
  const flap = (min: string, max: string) =>
    `${CLIENT}flapconf: {flapping: true, minflapinterval: ${min}, maxflapinterval: ${max}}`;
  const errors = (min: string, max: string) => errorsOf(flap(min, max));
  assert.deepEqual(errors("9999ms", "1m"), ["7:28: minflapinterval is shorter than 10s"]);
  assert.deepEqual(errors("20s", "15s"), [
    "7:50: maxflapinterval is shorter than minflapinterval",
  ]);
  assert.equal(load(flap("10s", "10s")).setup.flapconf.maxflapinterval, 10_000);
});

Deno.test("the number of flapping tunnels must not exceed the number of tunnels", () => {
  const flap = (lines: string) => `${CLIENT}flapconf: {${lines}}\n`;
  assert.deepEqual(errorsOf(flap("flapping: true, numoftunnel: 11")), [
    "7:28: numoftunnel 11 is more than numberoftunnels 10",
  ]);
  assert.ok(load(flap("flapping: true, numoftunnel: 10")));
  assert.ok(load(flap("flapping: false, numoftunnel: 11")), "flapping is off");
});

Deno.test("both addresses of a ping must be of one family", () => {
  const ping = (destination: string, source: string) =>
    `${GATEWAY}pingconf: {destaddr: "${destination}", srcaddr: "${source}"}\n`;
  assert.deepEqual(errorsOf(ping("192.0.2.1", "2001:db8::1")), [
    "5:35: srcaddr 2001:db8::1 and destaddr 192.0.2.1 are of different families",
  ]);
  assert.ok(load(ping("192.0.2.1", "192.0.2.2")));
  assert.ok(load(ping("", "192.0.2.2")), "without destaddr there are no pings");
});

Deno.test("the length of a UDP ping must leave room for the octets that identify its requests", () => {
  const ping = (lines: string) => `${GATEWAY}pingconf: {destaddr: "192.0.2.1", ${lines}}\n`;
  assert.deepEqual(errorsOf(ping("ptype: udp, pktlen: 9")), [
    "5:47: pktlen 9 is too short for udp: its first 10 octets tell requests apart",
  ]);
  assert.ok(load(ping("ptype: udp, pktlen: 10")));
  assert.ok(load(ping("ptype: icmp, pktlen: 0")));
});

Deno.test("pings that do not go through tunnels cause a warning", () => {
  const ping = (lines: string, destaddr = "192.0.2.1") =>
    warningsOf(`${GATEWAY}  installfastpath: ${lines}\npingconf: {destaddr: "${destaddr}"}\n`);
  const warning = (why: string) => [
    `7:12: pings go as the system routes them, not through tunnels: there is no data path (${why})`,
  ];
  assert.deepEqual(ping("false\n  datapath: auto"), warning("installfastpath: false"));
  assert.deepEqual(ping("true\n  datapath: none"), warning("datapath: none"));
  assert.deepEqual(ping("true\n  datapath: auto"), []);
  assert.deepEqual(ping("false\n  datapath: auto", ""), []);
});

Deno.test("pings without a destination cause a warning", () => {
  const ping = (lines: string) => warningsOf(`${GATEWAY}pingconf: {${lines}}\n`);
  const none = "there will be no pings: destaddr is not set";
  assert.deepEqual(ping("autoaddr: true"), [`5:12: ${none}, which autoaddr needs too`]);
  assert.deepEqual(ping("srcaddr: 192.0.2.1"), [`5:12: ${none}`]);
  assert.deepEqual(ping("assignsrc: true"), [`5:12: ${none}`]);
  assert.deepEqual(ping("autoaddr: false, interval: 2s"), []);
});

/** The warnings of a text that must be accepted, without the file name `f:` in front. */
function warningsOf(text: string): string[] {
  return load(text).warnings.map((w) => w.replace(/^f:/, ""));
}

Deno.test("a mistyped keyword of an identity causes a warning", () => {
  const id = (line: string) => warningsOf(`${CLIENT}  ${line}\n`);
  assert.deepEqual(id("myid: client-source-addr"), [
    '7:3: myid "client-source-addr" is a domain name here; did you mean client-src-addr?',
  ]);
  assert.deepEqual(id("myid: Cert-DN"), [
    '7:3: myid "Cert-DN" is a domain name here; did you mean cert-dn?',
  ]);
  assert.deepEqual(id("myid: peer-addr"), ['7:3: myid "peer-addr" is a domain name here']);
  assert.deepEqual(id("peerid: client-src-addr"), [
    '7:3: peerid "client-src-addr" is a domain name here',
  ]);
  for (const myid of ["client-src-addr", "gateway", "cert-dn.example.net", "cert-dn@x", "::1"]) {
    assert.deepEqual(id(`myid: "${myid}"`), [], myid);
  }
  assert.deepEqual(
    warningsOf(`${GATEWAY}  peerid: cert-dn\n`),
    [],
    "peerid is an option of clients",
  );
});

Deno.test("a margin longer than half a lifetime causes one warning", () => {
  const margin = (lines: string) => warningsOf(`${GATEWAY}  ${lines}\n`);
  assert.deepEqual(margin("ikelifetime: 119s"), [
    "3:1: margintime 1m is more than half of ikelifetime 1m59s: half the lifetime is used",
  ]);
  assert.deepEqual(margin("margintime: 6m"), [
    "5:3: margintime 6m is more than half of ikelifetime 10m, childlist[0].lifetime 5m: half the " +
    "lifetime is used",
  ]);
  const many = "{lifetime: 1s}, ".repeat(5);
  assert.deepEqual(margin(`childlist: [${many}]`).map((w) => w.slice(0, 130)), [
    "3:1: margintime 1m is more than half of childlist[0].lifetime 1s, childlist[1].lifetime 1s, " +
    "childlist[2].lifetime 1s, …: half the ",
  ]);
  assert.deepEqual(
    margin("ikelifetime: 120s"),
    [],
    "a margin of exactly half the lifetime is allowed",
  );
  assert.deepEqual(margin("ikelifetime: 0"), [], "a lifetime of 0 has no end");
});

Deno.test("integrity may be empty only if all ciphers are AEAD", () => {
  const ike = (lines: string) => `${GATEWAY}  ikeintegrityalg: []\n  ${lines}\n`;
  assert.deepEqual(
    load(ike("ikeencyptalg: [aes-gcm-16:128, chacha20-poly1305]")).setup.ikeconf
      .ikeintegrityalg,
    [],
  );
  assert.deepEqual(errorsOf(ike("ikeencyptalg: [aes-gcm-16:128, aes-cbc:128]")), [
    "5:3: ikeintegrityalg is empty, and ikeencyptalg names a cipher that is not AEAD",
  ]);
  const esp = (text: string) => `${GATEWAY}  childlist: [{integrityalg: [], ${text}}]\n`;
  assert.ok(load(esp("encalg: aes-ccm-8:256")));
  assert.deepEqual(errorsOf(esp("encalg: 3des")), [
    "5:16: integrityalg is empty, and encalg names a cipher that is not AEAD",
  ]);
  assert.deepEqual(errorsOf(esp("encalg: null")), [
    "5:16: integrityalg is empty, and encalg names null: ESP needs one of them",
  ]);
  assert.ok(
    errorsOf(esp("protocol: ah")).includes(
      "5:16: integrityalg is empty, but AH needs an integrity algorithm",
    ),
  );
});

Deno.test("an identity must have a valid form, and its keywords need the options that they refer to", () => {
  const id = (line: string) => errorsOf(`${CLIENT}  ${line}\n`);
  assert.deepEqual(id("matchpeerid: true"), ["7:3: matchpeerid needs a peerid to match"]);
  assert.deepEqual(id("myid: 10.0.0.1/24"), [
    "7:3: myid is an identity: expected an address without a prefix length",
  ]);
  assert.deepEqual(id('myid: ""'), [
    "7:3: myid is empty: expected client-src-addr, an address, an e-mail or a domain name",
  ]);
  assert.deepEqual(id(`peerid: ${"x".repeat(1_001)}`), [
    "7:3: peerid has 1001 octets: expected at most 1000",
  ]);
  for (const myid of ["cert-dn", "cert-subject-cn"]) {
    assert.deepEqual(id(`myid: ${myid}`), [
      `7:3: eedir or issuercert is required for myid ${myid}`,
    ]);
  }
  for (const myid of ["eapol-test-conf", "eapusepcap"]) {
    assert.deepEqual(id(`myid: ${myid}`), [
      `7:3: myid ${myid} needs authownmethod eap`,
    ]);
  }
  for (const myid of ["client-src-addr", "10.0.0.1", "a&d@b.org", "c&d.b.org", "2001:db8::1"]) {
    assert.equal(load(`${CLIENT}  myid: ${myid}\n`).setup.ikeconf.myid, myid);
  }
});

Deno.test("apitlscert and apitlskey need each other, and apitlsclientca needs apitlscert", () => {
  assert.deepEqual(errorsOf(`${GATEWAY}apitlscert: a.pem\n`), ["5:1: apitlscert needs apitlskey"]);
  assert.deepEqual(errorsOf(`${GATEWAY}apitlskey: a.pem\n`), ["5:1: apitlskey needs apitlscert"]);
  assert.deepEqual(errorsOf(`${GATEWAY}apitlsclientca: a.pem\n`), [
    "5:1: apitlsclientca needs apitlscert",
  ]);
  assert.ok(load(`${GATEWAY}apitlscert: a\napitlskey: b\napitlsclientca: c\n`));
});

Deno.test("the two UDP ports of a gateway must differ, unless both are 0 for free ports", () => {
  assert.deepEqual(errorsOf(`${GATEWAY}ownport: 4500\n`), [
    "5:1: ownport and ownnattport are both 4500: a gateway listens at two ports",
  ]);
  assert.ok(load(`${GATEWAY}ownport: 0\nownnattport: 0\n`));
  assert.ok(load(`${CLIENT}ownport: 4500\n`), "a client opens only ownport");
});

Deno.test("the intervals of retransmission, reassembly and liveness checks must not be 0", () => {
  for (const name of ["retraninterval", "reassembletimeout", "dpdinterval"]) {
    const [error] = errorsOf(`${GATEWAY}  ${name}: 0\n`);
    assert.match(
      error!,
      new RegExp(`^5:\\d+: Expected a duration .* for ikeconf.${name}, found "0"`),
    );
  }
});

Deno.test("AH has no cipher and cannot be in UDP, and ESN needs a replay window", () => {
  const child = (text: string) => `${GATEWAY}  childlist: [{${text}}]\n`;
  assert.deepEqual(warningsOf(child("protocol: ah")), []);
  assert.deepEqual(warningsOf(child("protocol: ah, encalg: aes-gcm-16:128")), [
    "5:30: encalg has no effect with protocol ah, which does not encrypt",
  ]);
  assert.deepEqual(warningsOf(`${child("protocol: ah")}  enablenatt: on\n`), [
    "5:16: AH does not pass a NAT, even with enablenatt",
  ]);
  const forced = errorsOf(`${child("protocol: ah")}  tradtionalencapforceudp: on\n`);
  assert.ok(
    forced.includes(
      "5:16: protocol ah cannot be UDP-encapsulated, and tradtionalencapforceudp asks for it",
    ),
    forced.join("\n"),
  );
  assert.deepEqual(errorsOf(child("esn: on, replaywindowsize: 0")), [
    "5:16: esn needs a window: replaywindowsize is 0",
  ]);
  assert.equal(load(child("esn: on")).setup.ikeconf.childlist[0]!.esn, true);
});

Deno.test("a puzzle for IKE_AUTH needs a difficulty", () => {
  const puzzles = `${GATEWAY}  puzzlethreshold: 0\n  puzzleauth: yes\n`;
  assert.ok(load(puzzles));
  const [error] = errorsOf(`${puzzles}  puzzledifficulty: 0\n`);
  assert.match(error!, /puzzleauth needs puzzledifficulty from 1 on/);
});

Deno.test("ratunnel needs tunnel mode at a client, and IPComp has no data path", () => {
  const transport = `${CLIENT}  childlist: [{tunnelmode: off}]\n`;
  assert.equal(load(transport).setup.ikeconf.childlist[0]!.tunnelmode, false);
  assert.deepEqual(errorsOf(`${transport}  ratunnel: on\n`), [
    "7:16: ratunnel needs tunnel mode: in transport mode there is no inner address",
  ]);
  assert.ok(load(`${GATEWAY}  childlist: [{tunnelmode: off}]\n  ratunnel: on\n`));
  const ipcomp = `${GATEWAY}  childlist: [{ipcomp: on}]\n`;
  assert.equal(load(ipcomp).setup.ikeconf.childlist[0]!.ipcomp, true);
  assert.ok(
    errorsOf(`${ipcomp}  installfastpath: on\n`).includes(
      "5:16: ipcomp cannot be installed: the data path has no IPComp",
    ),
  );
});

Deno.test("tcpencap needs the native transport, and excludes forced UDP encapsulation where nothing is in UDP", () => {
  const tcp = "  tcpencap: yes\n";
  const forced = "  tradtionalencapforceudp: yes\n";
  const only = "  traditionalencap: no\n";
  const excluded =
    "tcpencap and tradtionalencapforceudp exclude each other where nothing is in UDP";
  assert.ok(
    load(`${CLIENT}${tcp}  enablenatt: yes\nownport: 4500\n`),
    "a client with tcpencap does not open ownport",
  );
  assert.deepEqual(errorsOf(`${CLIENT}${tcp}${forced}`), [`7:3: ${excluded}`]);
  assert.ok(load(`${GATEWAY}${tcp}${forced}`), "a gateway may have TCP and UDP");
  assert.deepEqual(errorsOf(`${GATEWAY}${tcp}${forced}${only}`).map((e) => e.slice(-70)), [
    excluded.slice(-70),
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}${only}`), [
    "7:3: traditionalencap: false leaves nothing that carries ESP; tcpencap: true would",
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}${tcp}transport: portable\n`), [
    "7:3: tcpencap needs the native transport, and transport is portable",
  ]);
});

Deno.test("NAT-T needs two ports at a client, and disallownat excludes forced UDP encapsulation there", () => {
  for (const option of ["enablenatt", "tradtionalencapforceudp"]) {
    assert.deepEqual(errorsOf(`${CLIENT}  ${option}: yes\nownport: 4500\n`), [
      "8:1: ownport and ownnattport are both 4500: NAT-T needs two ports",
    ]);
  }
  const both = "  disallownat: yes\n  tradtionalencapforceudp: yes\n";
  assert.deepEqual(errorsOf(`${CLIENT}${both}`), [
    "7:3: disallownat and tradtionalencapforceudp exclude each other: forced UDP encapsulation " +
    "shows the peer a NAT",
  ]);
  assert.ok(load(`${GATEWAY}${both}`), "a gateway has no disallownat");
});

Deno.test("options of revocation that contradict each other are refused", () => {
  const ike = (lines: string) => `${CLIENT}  authpeermethod: rsa\n  cadir: /etc/ike/ca\n${lines}`;
  assert.deepEqual(errorsOf(ike("  ocsprequest: true\n  revocation: off\n")), [
    "9:3: ocsprequest asks for responses, which revocation: off ignores",
  ]);
  const warned = (lines: string) => load(ike(lines)).warnings.join();
  assert.match(
    warned("  revocation: strict\n"),
    /revocation: strict refuses every peer that sends/,
  );
  assert.equal(warned("  revocation: strict\n  ocsprequest: true\n"), "");
  assert.match(warned("  revocation: off\n  crldir: /x\n"), /crldir has no effect: revocation/);
});

Deno.test("an issuing authority needs a certificate and its key, no eedir, and keys of the right kind", () => {
  const signs = (lines: string) => errorsOf(`${CLIENT}  authownmethod: rsa\n${lines}`);
  assert.deepEqual(signs("  issuercert: ca.cert\n"), ["8:3: issuercert needs issuerkey"]);
  assert.deepEqual(signs("  issuerkey: ca.key\n  eedir: ee\n"), [
    "5:1: issuercert and eedir exclude each other: certificates are issued or read",
    "8:3: issuerkey needs issuercert",
  ]);
  const both = "  issuercert: ca.cert\n  issuerkey: ca.key\n";
  load(`${CLIENT}  authownmethod: rsa\n${both}`);
  assert.deepEqual(signs(`${both}  issuekeytype: ecdsa:p-256\n`), [
    "10:3: authownmethod rsa signs with keys of rsa, not ecdsa:p-256",
  ]);
});

Deno.test("an identity with an explicit type must have a value of that type", () => {
  const setupWith = (myid: string) => `${CLIENT}  myid: "${myid}"\n`;
  const errors = (myid: string) => errorsOf(setupWith(myid));
  for (
    const good of ["fqdn:gw", "rfc822:a", "keyid:odd name", "keyid-hex:01 02:ff", "keyid-hex:&d"]
  ) load(setupWith(good));
  load(setupWith("dn:C=CH, O=Lab\\\\, Inc, CN=tunnel-&d"));
  const refusals: readonly (readonly [string, RegExp])[] = [
    ["fqdn:", /has nothing after its type/],
    ["keyid-hex:012", /does not consist of pairs of hex digits/],
    ["dn:gateway", /is no distinguished name: expected such as dn:C=CH/],
    ["dn:CN=", /is no distinguished name/],
    ["dn:CN=a,", /is no distinguished name/],
    ["dn:XX=a", /names the attribute XX, which is unknown/],
  ];
  for (const [text, words] of refusals) assert.match(errors(text).join(), words);
});

Deno.test("pre-shared keys must be valid in their encoding, and those of a list need an identity and a secret", () => {
  const errors = (lines: string) => errorsOf(CLIENT.replace("  psk: secret\n", lines));
  const accepted = (lines: string) => load(CLIENT.replace("  psk: secret\n", lines));
  accepted("  pskfile: keys.txt\n");
  accepted('  psks: [{id: "t&d.test", secret: "s&d"}]\n');
  accepted("  psk: 0x00ff\n  pskencoding: hex\n");
  accepted("  psk: 0sAAEC\n  pskencoding: base64\n");
  assert.deepEqual(errors("  psk: 0x0\n  pskencoding: hex\n"), [
    "6:3: psk is not valid hex (pskencoding)",
  ]);
  assert.deepEqual(errors("  psk: odd!\n  pskencoding: base64\n"), [
    "6:3: psk is not valid base64 (pskencoding)",
  ]);
  const list = (entry: string) => errors(`  psks: [${entry}]\n`).join();
  assert.match(list("{secret: x}"), /psks\[0\]\.id is empty/);
  assert.match(list("{id: a.test}"), /psks\[0\]\.secret is empty/);
  assert.match(list('{id: "dn:x", secret: x}'), /psks\[0\]\.id is no distinguished name/);
});

Deno.test("matchpeerid and the keywords of peerid must fit the method by which the peer authenticates", () => {
  const errors = (lines: string) => errorsOf(`${CLIENT}${lines}`).join();
  assert.match(errors("  matchpeerid: cert\n"), /matchpeerid needs a peerid to match/);
  assert.match(
    errors("  matchpeerid: cert\n  peerid: gw\n"),
    /matchpeerid: cert needs a peer that signs: authpeermethod is psk/,
  );
  const signs = "  authpeermethod: rsa\n  cadir: ca\n";
  load(`${CLIENT}${signs}  matchpeerid: cert\n  peerid: gw\n`);
  load(`${CLIENT}${signs}  matchpeerid: true\n  peerid: cert-dn\n`);
  assert.match(
    errors(`${signs}  peerid: cert-dn\n`),
    /peerid cert-dn is never sent, and is only compared with matchpeerid: true/,
  );
});

// RFC 7296 §2.16, RFC 5998 and RFC 7619 say which pairs of methods the two ends may have.
Deno.test("every pair of authentication methods that the RFCs allow is accepted, and no other pair", () => {
  const pskAndSignatures = [
    "psk",
    "rsa",
    "ecdsa-sha256-p256",
    "ecdsa-sha384-p384",
    "ecdsa-sha512-p521",
  ];
  const methodNames = [...pskAndSignatures, "digital-signature", "null-auth", "eap", "eap-only"];
  const isAllowed = (role: string, own: string, peer: string) => {
    const [client, gateway] = role === "client" ? [own, peer] : [peer, own];
    if (client === "eap-only" || gateway === "eap") return false;
    if (client === "eap") return gateway !== "null-auth";
    return gateway !== "eap-only";
  };
  const eap =
    "  eapmethod: mschapv2\n  eapidentity: u\n  eappassword: p\n  eapusers: [{identity: u}]\n";
  for (const role of ["client", "gateway"]) {
    const base = role === "client" ? CLIENT : GATEWAY;
    for (const own of methodNames) {
      for (const peer of methodNames) {
        const methods = `  authownmethod: ${own}\n  authpeermethod: ${peer}\n`;
        const rest = `${eap}  cadir: ca\n  eedir: ee\n`;
        const text = base + (base.includes("psk:") ? "" : "  psk: s\n") + methods + rest;
        const pair = [own, peer];
        const eapAndPsk = pair.includes("eap") && pair.includes("psk");
        const name = `${role}: ${own} ${peer}`;
        if (isAllowed(role, own, peer)) {
          const { warnings } = load(text);
          assert.equal(/§2\.16/.test(warnings.join()), eapAndPsk, name);
        } else assert.match(errorsOf(text).join(), /eap|EAP/, name);
      }
    }
  }
});

Deno.test("an end that signs needs a certificate or a raw key, and one that verifies needs authorities or raw keys", () => {
  const errors = (lines: string) => errorsOf(`${GATEWAY}${lines}`);
  assert.deepEqual(errors("  authownmethod: rsa\n"), [
    "5:3: eedir, issuercert or rawkey is required for authentication by rsa",
  ]);
  assert.deepEqual(errors("  authpeermethod: ecdsa-sha256-p256\n"), [
    "5:3: cadir, peerrawkey or peerrawkeyfile is required to verify a peer by ecdsa-sha256-p256",
  ]);
  assert.ok(load(`${GATEWAY}  authownmethod: digital-signature\n  eedir: ee\n`));
});

Deno.test("EAP is for clients that authenticate to gateways, and its methods and relays need their options", () => {
  const client = (lines: string) =>
    errorsOf(`${CLIENT}  authownmethod: eap\n  authpeermethod: eap-only\n${lines}`);
  const method = (word: string, lines = "") =>
    client(`  eapmethod: ${word}\n  eapidentity: bob\n${lines}`);
  assert.deepEqual(client(""), [
    "7:3: eapoltestconf is required for eap-snoop; or set methods of this program in eapmethod",
  ]);
  assert.deepEqual(client("  eapimplementaion: eap-file\n  eapfile: a.pcap\n"), [
    "7:3: eapradiussvr is required for eap-file; or set methods of this program in eapmethod",
  ]);
  assert.deepEqual(method("mschapv2"), ["9:3: eappassword is required for this eapmethod"]);
  assert.deepEqual(method("tls"), ["9:3: eedir is required for eapmethod tls"]);
  assert.deepEqual(method("aka", `  eapsimk: ${"0".repeat(32)}\n  eapsimopc: 12\n`), [
    "12:3: eapsimopc is no key: expected 32 hex digits",
  ]);
  assert.deepEqual(client("  eapmethod: mschapv2\n  eappassword: x\n"), [
    "9:3: eapidentity is required: myid client-src-addr is no EAP identity",
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}  authownmethod: eap-only\n`), [
    "7:3: a client authenticates by eap; eap-only is a value of its authpeermethod",
  ]);
  const gateway = (lines: string) => errorsOf(`${GATEWAY}${lines}`);
  assert.deepEqual(gateway("  authpeermethod: eap\n"), [
    "5:3: authpeermethod eap needs eapmethod and eapusers, or a RADIUS server (eapradiussvr)",
  ]);
  assert.deepEqual(gateway("  authownmethod: eap-only\n"), [
    "5:3: authownmethod eap-only needs authpeermethod eap (RFC 5998)",
  ]);
  const users = "  eapusers: [{identity: bob, simk: 12, simopc: 12}]\n";
  assert.deepEqual(gateway(`  authpeermethod: eap\n  eapmethod: aka\n${users}`), [
    "7:30: eapusers[0].simk is no key: expected 32 hex digits",
    "7:40: eapusers[0].simopc is no key: expected 32 hex digits",
  ]);
  const key = "0".repeat(32);
  const card = "  authpeermethod: eap\n  eapmethod: sim\n  eapusers: ";
  const file = "simtriplets: cards";
  assert.deepEqual(gateway(`${card}[{identity: "*", ${file}}]\n`), [
    "7:14: eapusers[0].simtriplets are of one card: identity must be one name",
  ]);
  assert.deepEqual(gateway(`${card}[{identity: a, simk: ${key}, simopc: ${key}, ${file}}]\n`), [
    "7:14: eapusers[0]: simtriplets and simk exclude each other",
  ]);
});

Deno.test("a secret with &d is refused if it is not valid in its encoding for every number", () => {
  const text = (encoding: string, secret: string) =>
    `${CLIENT}  pskencoding: ${encoding}\n  psks: [{id: "t&d", secret: "${secret}"}]\n`;
  assert.ok(load(text("text", "s-&d")));
  for (const [encoding, secret] of [["hex", "ab&d"], ["hex", "&d"], ["base64", "AA&d"]] as const) {
    const words = /psks\[0\]\.secret is not valid \w+ for every number \(pskencoding\)/;
    assert.match(errorsOf(text(encoding, secret)).join(), words);
  }
});

Deno.test("a key or SQN with &d must leave enough hex digits for the number of the last tunnel", () => {
  const text = (tunnels: number, k: string, sqn: string) =>
    `numberoftunnels: ${tunnels}\n${CLIENT}  authownmethod: eap\n` +
    `  authpeermethod: eap-only\n  eapmethod: sim\n  eapidentity: "1&d"\n` +
    `  eapsimk: ${k}\n  eapsimopc: ${"0".repeat(32)}\n  eapsimsqn: ${sqn}\n`;
  const errors = (...args: Parameters<typeof text>) =>
    errorsOf(text(...args)).map((line) => line.replace(/^\d+:\d+: /, ""));
  const key = `${"0".repeat(31)}&d`;
  assert.ok(load(text(16, key, "12&d")));
  assert.deepEqual(errors(17, key, "12&d"), [
    "eapsimk leaves 1 hex digits for &d, and the last tunnel needs 2",
  ]);
  assert.deepEqual(errors(257, `${"0".repeat(29)}&d`, `${"0".repeat(10)}&d`), [
    "eapsimsqn leaves 2 hex digits for &d, and the last tunnel needs 3",
  ]);
  assert.deepEqual(errors(1, `${"0".repeat(20)}&d&d`, "1&d&d"), [
    "eapsimk is no key: expected 32 hex digits",
    "eapsimsqn is no SQN: expected 12 hex digits at most",
  ]);
});

Deno.test("eapradiusid must not be an attribute that RADIUS requests have already", () => {
  const text = (id: number) =>
    `${CLIENT}  authownmethod: eap\n  authpeermethod: eap-only\n  eapmethod: mschapv2\n` +
    `  eapidentity: a\n  eappassword: b\n  eapradiusid: ${id}\n`;
  for (const id of [1, 24, 26, 32, 33, 79, 80]) {
    const words = /eapradiusid \d+ is [A-Z_]+, which requests have already/;
    assert.match(errorsOf(text(id)).join(), words, `${id}`);
  }
  for (const id of [31, 44, 87]) assert.ok(load(text(id)));
});

Deno.test("EAP-only needs a method with a key, and a warning tells of one that is too weak for it", () => {
  const client = (methods: string) =>
    `${CLIENT}  authownmethod: eap\n  authpeermethod: eap-only\n  eapmethod: ${methods}\n` +
    "  eapidentity: a\n  eappassword: b\n";
  const words = /eapmethod md5, gtc has no key, which EAP-only authentication needs/;
  assert.match(errorsOf(client("[gtc, md5]")).join(), words);
  const gateway = `${GATEWAY}  authownmethod: eap-only\n  authpeermethod: eap\n  eapmethod: md5\n` +
    "  eapusers: [{identity: a, password: b}]\n";
  assert.match(errorsOf(gateway).join(), /eapmethod md5 has no key/);
  const { warnings } = load(client("[mschapv2, md5]"));
  assert.match(warnings.join(), /md5 has no key, .*: a peer that chooses it is refused/);
  assert.match(warnings.join(), /mschapv2 can be broken by guessing passwords/);
});

Deno.test("raw public keys replace certificates: rawkey excludes eedir, and peerid cert-dn needs cadir", () => {
  const errors = (lines: string) => errorsOf(`${CLIENT}${lines}`);
  const both = "  authownmethod: rsa\n  authpeermethod: rsa\n  rawkey: a.key\n";
  const named = "  peerrawkeyfile: owners\n";
  const expected = "  peerrawkey: b.pub\n  peerid: a.test\n";
  assert.ok(load(`${CLIENT}${both}${named}`));
  assert.ok(load(`${CLIENT}${both}${expected}`));
  assert.ok(load(`${CLIENT}${both}${expected}  cadir: ca\n  matchpeerid: cert\n`));
  assert.deepEqual(errors(`${both}${expected}  eedir: ee\n`), [
    "9:3: rawkey and eedir exclude each other: we sign by one key",
  ]);
  assert.ok(load(`${CLIENT}${both}${expected}  matchpeerid: cert\n`));
  assert.deepEqual(errors(`${both}${named}  peerid: cert-dn\n  matchpeerid: true\n`), [
    "11:3: peerid cert-dn is a name in a certificate, and peers have only raw keys",
  ]);
});

Deno.test("raw public keys without an identity need the one peer that a client expects by its peerid", () => {
  const methods = "  authownmethod: rsa\n  authpeermethod: rsa\n  rawkey: a.key\n";
  const both = `${methods}  peerrawkey: b.pub\n`;
  const words = (why: string) =>
    `10:3: the keys of peerrawkey name no identity, and ${why}: peerrawkeyfile names them`;
  assert.deepEqual(errorsOf(`${CLIENT}${both}`), [words("peerid is not set")]);
  const gateway = errorsOf(`${GATEWAY}${both}`);
  assert.equal(gateway.length, 1);
  assert.match(gateway[0]!, /and a gateway expects no single peer: peerrawkeyfile names them/);
  assert.ok(load(`${GATEWAY}${methods}  peerrawkeyfile: owners\n`));
});

Deno.test("certurl must be an http URL of certificates that are published, and certlookup: file needs a directory", () => {
  const errors = (lines: string) => errorsOf(`${CLIENT}${lines}`);
  const both = "  authownmethod: rsa\n  authpeermethod: rsa\n  cadir: ca\n";
  assert.ok(
    load(`${CLIENT}${both}  eedir: ee\n  certurl: http://a/b-&d.cer\n  certlookup: http\n`),
  );
  assert.deepEqual(errors(`${both}  eedir: ee\n  certurl: https://a/b\n`), [
    "11:3: certurl is no http URL of printable ASCII (RFC 7296 §3.6)",
  ]);
  const issued = "  issuercert: c\n  issuerkey: k\n";
  assert.deepEqual(errors(`${both}${issued}  certurl: http://a/b\n  certlookup: file\n`), [
    "12:3: certurl and issuercert exclude each other: what is issued is published nowhere",
    "13:3: certlookup: file needs certlookupdir",
  ]);
});

Deno.test("a second authentication needs the options of its method, and is no EAP of a gateway", () => {
  const client = (lines: string) => errorsOf(`${CLIENT}${lines}`);
  const gateway = (lines: string) => errorsOf(`${GATEWAY}${lines}`);
  assert.deepEqual(client("  authown2: rsa\n"), [
    "7:3: eedir, issuercert or rawkey is required for authentication by rsa",
  ]);
  assert.deepEqual(client("  authpeer2: digital-signature\n"), [
    "7:3: cadir, peerrawkey or peerrawkeyfile is required to verify a peer by digital-signature",
  ]);
  assert.deepEqual(client("  authown2: eap\n  eapmethod: md5\n  eappassword: x\n"), [
    "8:3: eapidentity is required: myid client-src-addr is no EAP identity",
  ]);
  assert.deepEqual(client("  authpeer2: eap\n"), [
    "7:3: the second authentication of a gateway cannot be EAP (RFC 7296 §2.16)",
  ]);
  assert.deepEqual(gateway("  authown2: eap\n"), [
    "5:3: the second authentication of a gateway cannot be EAP (RFC 7296 §2.16)",
  ]);
  assert.deepEqual(gateway("  authpeer2: eap\n"), [
    "5:3: authpeermethod eap needs eapmethod and eapusers, or a RADIUS server (eapradiussvr)",
  ]);
  const only = "  authownmethod: eap-only\n  authpeermethod: eap\n  authpeer2: psk\n";
  const users = "  eapmethod: mschapv2\n  eapusers: [{identity: bob, password: x}]\n";
  assert.deepEqual(gateway(only + users), [
    "7:3: authpeer2 and eap-only exclude each other (RFC 5998)",
  ]);
  assert.deepEqual(client("  authown2: psk\n  myid2: 192.0.2.1/24\n"), [
    "8:3: myid2 is an identity: expected an address without a prefix length",
  ]);
});

Deno.test("no puzzle is harder than there are keys to try for it", () => {
  assert.ok(load(`${CLIENT}  puzzlebitsmax: 27\n`));
  assert.equal(triesMax({ prf: 5, difficulty: 27 }), 2 ** 32);
  assert.match(errorsOf(`${CLIENT}  puzzlebitsmax: 28\n`)[0]!, /-1 to 27/);
  assert.match(
    errorsOf(`${GATEWAY}  puzzlethreshold: 0\n  puzzledifficulty: 28\n`)[0]!,
    /0 to 27/,
  );
});
