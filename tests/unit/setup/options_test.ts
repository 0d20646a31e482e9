/**
 * The table of options compared with what existing setup files expect: spelling, default and role.
 */
import assert from "node:assert/strict";
import { NOT_YET } from "@/setup/features.ts";
import { text } from "@/setup/kinds.ts";
import type { Option } from "@/setup/option.ts";
import { ROOT, type Section } from "@/setup/schema.ts";

/** The options of existing files by their paths, with their defaults as a file has them. */
const EXISTING = `
role client
desc
runningtime 0s
shards 1
stoptimeout 10s
numberoftunnels 10
loglevel 2
logkeyword
logfilesizecap 1000
loginmem false
abortonerr false
thresholds []
abortonfail false
startclntaddr
mobike false
mobikeaddrpertunnel 2
mobikeaddrpergw 2
mobikeotheraddr
mobikeiplifetime 5m
mobikechangeaddrtype own-only
peeraddr
bindifname
bindifaddr
staticroute
setupinterval 100ms
warmup true
tunnelretryinterval 10s
tunnelmaxretry 3
owntsaddrincrease 0
peertsaddrincrease 1
apilistenaddr 127.0.0.1
apilistenport 12330
flapconf.flapping false
flapconf.numoftunnel -1
flapconf.minflapinterval 30s
flapconf.maxflapinterval 1m
flapconf.flapresume false
poolconf.v4startaddr
poolconf.v6startaddr
poolconf.v4dnslist []
poolconf.v6dnslist []
ikeconf.numoftunneltoenablecookie auto
ikeconf.puzzlethreshold -1
ikeconf.puzzledifficulty 12
ikeconf.puzzleauth false
ikeconf.puzzlebitsmax 18
ikeconf.reauth false
ikeconf.reauthlifetime 10s
ikeconf.childless never
ikeconf.followredirect false
ikeconf.redirectto []
ikeconf.redirectat init
ikeconf.redirectafter 10s
ikeconf.resume never
ikeconf.resumelifetime 1h
ikeconf.crashdetection never
ikeconf.secretsfile
ikeconf.ticketfile
ikeconf.reauthmode break
ikeconf.retraninterval 10s
ikeconf.maxretran 4
ikeconf.dhgrpid [14]
ikeconf.enablefragment false
ikeconf.mtu 1100
ikeconf.reassembletimeout 30s
ikeconf.initialcontact true
ikeconf.ikeintegrityalg [sha256]
ikeconf.ikeencyptalg [aes-cbc:128]
ikeconf.ikeprfalg [sha256]
ikeconf.authpeermethod psk
ikeconf.authownmethod psk
ikeconf.eapimplementaion eap-snoop
ikeconf.eapoltestconf
ikeconf.eapoltestpath
ikeconf.eapfile
ikeconf.eapradiusss
ikeconf.eapradiussvr []
ikeconf.eapradiusid 31
ikeconf.eapsendstart true
ikeconf.myid client-src-addr
ikeconf.peerid
ikeconf.matchpeerid false
ikeconf.cadir
ikeconf.eedir
ikeconf.dshashalg sha256
ikeconf.usersapss false
ikeconf.psk
ikeconf.sendingmarkedca false
ikeconf.initiatedpd true
ikeconf.forcedpd false
ikeconf.dpdinterval 30s
ikeconf.ikelifetime 10m
ikeconf.margintime 1m
ikeconf.jitter true
ikeconf.lifetimeovertime true
ikeconf.childlost note
ikeconf.installfastpath false
ikeconf.virtualipif lo
ikeconf.keepchildhistory false
ikeconf.keepikehistory false
ikeconf.ratunnel false
ikeconf.cfgattributes []
ikeconf.enablenatt false
ikeconf.disallownat false
ikeconf.nattkeepaliveinterval 0s
ikeconf.traditionalencap true
ikeconf.tradtionalencapforceudp false
ikeconf.tcpencap false
ikeconf.owntcpport 4500
ikeconf.peertcpport 4500
ikeconf.ppk.id
ikeconf.ppk.value
ikeconf.ppk.ppkrequired false
ikeconf.childlist[].tunnelmode true
ikeconf.childlist[].integrityalg [sha256]
ikeconf.childlist[].encalg [aes-cbc:128]
ikeconf.childlist[].protocol esp
ikeconf.childlist[].lifetime 5m
ikeconf.childlist[].esn false
ikeconf.childlist[].pfsenabled false
ikeconf.childlist[].pfsgrpid [14]
ikeconf.childlist[].replaywindowsize 256
ikeconf.childlist[].useprovisionedtsforrekey false
ikeconf.childlist[].ownts[].type
ikeconf.childlist[].ownts[].protocol 0
ikeconf.childlist[].ownts[].startport 0
ikeconf.childlist[].ownts[].endport 65535
ikeconf.childlist[].ownts[].startaddr
ikeconf.childlist[].ownts[].endaddr
ikeconf.childlist[].peerts[].type
ikeconf.childlist[].peerts[].protocol 0
ikeconf.childlist[].peerts[].startport 0
ikeconf.childlist[].peerts[].endport 65535
ikeconf.childlist[].peerts[].startaddr
ikeconf.childlist[].peerts[].endaddr
pingconf.autoaddr false
pingconf.ptype icmp
pingconf.udpport 9922
pingconf.assignsrc false
pingconf.destaddr
pingconf.deststep 1
pingconf.srcaddr
pingconf.srcstep 1
pingconf.interval 1s
pingconf.setupinterval 10ms
pingconf.pktlen 64
pingconf.maxlossrate 10
pingconf.holdtime 10s
`;

/** Options of this program that existing files do not have, in the same form. */
const ADDED = `
trafficconf.assignsrc false
trafficconf.destaddr
trafficconf.deststep 1
trafficconf.direction both
trafficconf.duration 0s
trafficconf.maxlossrate 10
trafficconf.port 9922
trafficconf.rate
trafficconf.ratefor tunnel
trafficconf.size [512]
trafficconf.srcaddr
trafficconf.srcstep 1
trafficconf.startwith tunnels
ikeconf.pskencoding text
ikeconf.pskfile
ikeconf.psks[].id
ikeconf.psks[].secret
ikeconf.issuekeys one
ikeconf.issuekeytype auto
ikeconf.issuelifetime 8760h
ikeconf.issuercert
ikeconf.issuerkey
ikeconf.certpurpose ike
ikeconf.rawkey
ikeconf.peerrawkey
ikeconf.peerrawkeyfile
ikeconf.certurl
ikeconf.certurlbundle false
ikeconf.certlookup off
ikeconf.certlookupdir
ikeconf.crldir
ikeconf.ocspdir
ikeconf.ocsprequest false
ikeconf.revocation soft
ikeconf.authown2 none
ikeconf.authownothers []
ikeconf.authpeerothers []
ikeconf.announceauth false
ikeconf.transcriptauth off
ikeconf.authpeer2 none
ikeconf.myid2
ikeconf.idincert note
ikeconf.eapmethod []
ikeconf.eapidentity
ikeconf.eappassword
ikeconf.eapinner mschapv2
ikeconf.eaptlsversion 1.3
ikeconf.eapsimk
ikeconf.eapsimopc
ikeconf.eapsimsqn 0
ikeconf.eapaskidentity false
ikeconf.eapusers[].identity
ikeconf.eapusers[].password
ikeconf.eapusers[].methods []
ikeconf.eapusers[].simk
ikeconf.eapusers[].simopc
ikeconf.eapusers[].simtriplets
ikeconf.eapusers[].simsqn 0
maxhalfopen 0
loadconf.arrival regular
loadconf.burst 1
loadconf.seed 1
loadconf.soak 0s
profiles[].name
profiles[].weight 1
loadconf.dhreuse 1
loadconf.keypool 0
loadconf.stages[].rate 0
loadconf.stages[].ramp 0s
loadconf.stages[].hold 0s
loadconf.storms[].kind none
loadconf.storms[].after 10s
loadconf.storms[].tunnels -1
loadconf.storms[].spread 0s
loadconf.storms[].count 1
loadconf.storms[].every 0s
ownport 500
peerport 500
ownnattport 4500
peernattport 4500
transport auto
cryptobackend auto
apisecrets auto
apitlscert
apitlskey
apitlsclientca
ikeconf.ppk.intermediate false
ikeconf.addke1 []
ikeconf.addke2 []
ikeconf.addke3 []
ikeconf.addke4 []
ikeconf.addke5 []
ikeconf.addke6 []
ikeconf.addke7 []
ikeconf.childlist[].pfsaddke1 []
ikeconf.childlist[].pfsaddke2 []
ikeconf.childlist[].pfsaddke3 []
ikeconf.childlist[].pfsaddke4 []
ikeconf.childlist[].pfsaddke5 []
ikeconf.childlist[].pfsaddke6 []
ikeconf.childlist[].pfsaddke7 []
ikeconf.retranbackoff 1.0
pingconf.startwith tunnels
impairment.seed 1
impairment.rules[].direction both
impairment.rules[].exchange any
impairment.rules[].message any
impairment.rules[].skip 0
impairment.rules[].count 0
impairment.rules[].loss 0
impairment.rules[].duplication 0
impairment.rules[].reorder 0
impairment.rules[].reorderwait 100ms
impairment.rules[].delay 0
impairment.rules[].delaymin 10ms
impairment.rules[].delaymax 100ms
impairment.rules[].replay 0
impairment.rules[].replayafter 1s
impairment.rules[].corruption 0
impairment.rules[].corruptionplace any
impairment.rules[].crossing 0s
impairment.rules[].crossingwith same
ikeconf.childlist[].tfc true
ikeconf.childlist[].ipcomp false
ikeconf.childlist[].iptfs never
ikeconf.childlist[].iptfsfragments true
ikeconf.childlist[].iptfssize 0
ikeconf.childlist[].iptfsrate 0
ikeconf.childlist[].resourcesas 0
ikeconf.datapath auto
ikeconf.xfrmif
`;

/** The paths of the options that only clients read. */
const CLIENT_ONLY =
  /^(startclntaddr|mobikeaddrpertunnel|mobikeiplifetime|mobikechangeaddrtype|peeraddr|setupinterval|tunnelretryinterval|tunnelmaxretry|maxhalfopen|owntsaddrincrease|peertsaddrincrease|peerport|peernattport|flapconf\..*|profiles.*|loadconf\.(arrival|burst|seed|stages.*)|ikeconf\.(followredirect|initialcontact|eapimplementaion|eapidentity|eappassword|eapinner|eapsimk|eapsimopc|eapsimsqn|eapoltestconf|eapoltestpath|eapfile|peerid|matchpeerid|puzzlebitsmax|ticketfile|reauthmode|ratunnel|disallownat))$/;
/** The paths of the options that only gateways read. */
const GATEWAY_ONLY =
  /^(mobikeaddrpergw|poolconf\..*|ikeconf\.(numoftunneltoenablecookie|puzzlethreshold|puzzledifficulty|puzzleauth|redirectto|redirectat|redirectafter|resumelifetime|secretsfile|reauthlifetime|eapsendstart|eapaskidentity|eapusers.*))$/;

/** All options of a section and below it, with their paths. */
function optionsBelow(section: Section): [path: string, option: Option<unknown>][] {
  const own = Object.entries(section.options).map((
    [name, option],
  ): [string, Option<unknown>] => [section.path ? `${section.path}.${name}` : name, option]);
  const inner = [...Object.values(section.sections), ...Object.values(section.lists)];
  return [...own, ...inner.flatMap(optionsBelow)];
}

Deno.test("the table has exactly the expected options, with their spelling and their defaults", () => {
  const lines = optionsBelow(ROOT).map(([path, { list, defaultTexts }]) =>
    `${path} ${list ? `[${defaultTexts.join(", ")}]` : defaultTexts[0]}`.trim()
  );
  assert.deepEqual(lines.sort(), (EXISTING + ADDED).split("\n").filter((l) => l !== "").sort());
});

Deno.test("every option is read by the expected roles", () => {
  for (const [path, { role }] of optionsBelow(ROOT)) {
    const expected = CLIENT_ONLY.test(path)
      ? "client"
      : GATEWAY_ONLY.test(path)
      ? "gateway"
      : "both";
    assert.equal(role, expected, path);
  }
});

Deno.test("every option has its meaning, and the values it expects, in one line each", () => {
  for (const [path, { doc, kind }] of optionsBelow(ROOT)) {
    assert.match(doc, /^[^\n]{4,160}$/, path);
    assert.match(kind.expects, /^[^\n]{4,250}$/, path);
    assert.doesNotMatch(doc, /\.$/, path);
  }
});

Deno.test("every feature in the list of those not implemented is needed by an option", () => {
  const needed = new Set<string | undefined>();
  for (const [, { feature, featureOf }] of optionsBelow(ROOT)) {
    needed.add(feature);
    for (const value of ["rsa", "eap", "cert-dn", "eapusepcap", "userland", "make"]) {
      needed.add(featureOf(value));
    }
  }
  assert.deepEqual(Object.keys(NOT_YET).filter((feature) => !needed.has(feature)), []);
});

Deno.test("exactly these options are marked as secrets", () => {
  const secrets = optionsBelow(ROOT).filter(([, { secret }]) => secret).map(([path]) => path);
  assert.deepEqual(secrets, [
    "ikeconf.eappassword",
    "ikeconf.eapsimk",
    "ikeconf.eapsimopc",
    "ikeconf.eapoltestconf",
    "ikeconf.eapradiusss",
    "ikeconf.psk",
    "ikeconf.ppk.value",
    "ikeconf.eapusers[].password",
    "ikeconf.eapusers[].simk",
    "ikeconf.eapusers[].simopc",
    "ikeconf.psks[].secret",
  ]);
  // Any text is a valid value of a secret, so that no error shows one.
  for (const [path, { secret, kind }] of optionsBelow(ROOT)) {
    if (secret) assert.equal(kind, text, path);
  }
});
