/**
 * Checks what must hold between the options of a setup, when each value is valid by itself. It
 * reports no error that only follows from an earlier one, and none about options of the other role.
 * @module
 */
import {
  addressPlus,
  type IpAddress,
  isLinkLocal,
  parseAddress,
  showAddress,
  whyUnreachable,
} from "@/base/address.ts";
import { showDuration } from "@/base/duration.ts";
import { isAead } from "@/iana/encr.ts";
import { checkMobike } from "@/setup/check_mobike.ts";
import { checkEap, checkEapOnly } from "@/setup/check_eap.ts";
import { checkCertificates, warnOfRevocation } from "@/setup/check_certificates.ts";
import { checkKeyExchanges } from "@/setup/check_key_exchange.ts";
import { checkNull, checkPeerId, checkPsk, warnOfEapByPsk } from "@/setup/check_identities.ts";
import { checkChild, firstMisfit } from "@/setup/check_child.ts";
import { checkPpk } from "@/setup/check_ppk.ts";
import { checkCfgAttributes } from "@/setup/check_cfg_attributes.ts";
import { checkOtherMethods } from "@/setup/check_other_methods.ts";
import { checkLoad } from "@/setup/check_load.ts";
import { checkShards } from "@/setup/check_shards.ts";
import { checkRedirect } from "@/setup/check_redirect.ts";
import { checkTraffic } from "@/setup/check_traffic.ts";
import { checkResume } from "@/setup/check_resume.ts";
import { warnOfRanges } from "@/setup/check_ranges.ts";
import { identityFault } from "@/setup/identity_text.ts";
import { MYID_WORDS, PEERID_WORDS } from "@/setup/ike_options.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import { nearestWord, shown } from "@/setup/kinds.ts";
import type { Setup } from "@/setup/setup.ts";

/** The shortest pause between flaps, in milliseconds. */
const FLAP_MIN_MS = 10_000;
/** The most octets of an identity, as its payload must fit into one datagram with all others. */
const IDENTITY_MAX = 1_000;
/**
 * Octets at the start of a UDP ping that identify it and distinguish it from its reply
 * (`ping/echo.ts`).
 */
const UDP_PING_MIN = 10;
const IDENTITY_WORDS = [...MYID_WORDS, ...PEERID_WORDS];

/** Reports every error of a setup to `check`, and every value that is probably not intended. */
export function checkSetup(setup: Setup, check: Check): void {
  const { isBroken, fail, warn } = check;
  const rule = (what: string, path: string, ...others: readonly string[]) => {
    if (![path, ...others].some(isBroken)) fail(what, path);
  };
  if (setup.bindifname === "") {
    rule("bindifname is required: the interface that carries the tunnel addresses", "bindifname");
  }
  if (!isBroken("role")) warnOfRanges(setup, check);
  if (!isBroken("role") && setup.role === "client") {
    checkClient(setup, rule);
    checkLinkLocal(setup, check.zoneOf("peeraddr"), rule);
  }
  checkIke(setup, rule);
  checkMobike(setup, check, rule);
  checkKeyExchanges(setup, rule, warn);
  checkEap(setup, rule);
  checkEapOnly(setup, rule, warn);
  checkPpk(setup.ikeconf, rule, warn);
  checkCfgAttributes(setup, rule);
  checkOtherMethods(setup.ikeconf, rule, warn);
  checkRedirect(setup, rule, warn);
  checkResume(setup, rule);
  checkLoad(setup, rule, warn);
  checkShards(setup, rule);
  checkPorts(setup, rule);
  checkApi(setup, rule);
  checkPing(setup, rule);
  checkTraffic(setup, rule, warn);
  checkImpairment(setup, rule);
  warnOfIdentities(setup, warn);
  warnOfMargin(setup, warn);
  warnOfRevocation(setup, warn);
  warnOfEapByPsk(setup.ikeconf, warn);
  warnOfPing(setup, warn);
  for (const [i, child] of setup.ikeconf.childlist.entries()) {
    checkChild(setup, child, `ikeconf.childlist[${i}]`, { rule, warn });
  }
}

function checkImpairment({ impairment }: Setup, rule: Rule): void {
  for (const [i, { delaymin, delaymax, exchange, crossing }] of impairment.rules.entries()) {
    const of = `impairment.rules[${i}]`;
    if (delaymin > delaymax) {
      rule("delaymin is larger than delaymax", `${of}.delaymin`, `${of}.delaymax`);
    }
    // Two IKE_SA_INIT requests that cross make two independent IKE SAs.
    if (crossing > 0 && exchange === "ike_sa_init") {
      rule(
        "crossing needs messages of an existing IKE SA, and ike_sa_init creates one",
        `${of}.crossing`,
      );
    }
  }
}

function checkClient(setup: Setup, rule: Rule): void {
  const { startclntaddr, peeraddr, ikeconf, flapconf } = setup;
  if (startclntaddr) checkTunnelAddresses(setup, startclntaddr.address, rule);
  else {
    rule("startclntaddr is required for a client: address and prefix of tunnel 0", "startclntaddr");
  }
  if (peeraddr) {
    const why = whyUnreachable(peeraddr);
    if (why) {
      rule(`peeraddr ${showAddress(peeraddr)} is ${why}, not the address of a gateway`, "peeraddr");
    }
  } else rule("peeraddr is required for a client: the gateway's address", "peeraddr");
  if (startclntaddr && peeraddr && startclntaddr.address.length !== peeraddr.length) {
    const own = showAddress(startclntaddr.address);
    const peer = showAddress(peeraddr);
    rule(
      `peeraddr ${peer} and startclntaddr ${own} are of different families`,
      "peeraddr",
      "startclntaddr",
    );
  }
  checkPeerId(ikeconf, rule);
  if (!flapconf.flapping) return;
  if (flapconf.numoftunnel > setup.numberoftunnels) {
    rule(
      `numoftunnel ${flapconf.numoftunnel} is more than numberoftunnels ${setup.numberoftunnels}`,
      "flapconf.numoftunnel",
      "numberoftunnels",
    );
  }
  if (flapconf.minflapinterval < FLAP_MIN_MS) {
    rule("minflapinterval is shorter than 10s", "flapconf.minflapinterval");
  }
  if (flapconf.maxflapinterval < flapconf.minflapinterval) {
    rule(
      "maxflapinterval is shorter than minflapinterval",
      "flapconf.maxflapinterval",
      "flapconf.minflapinterval",
    );
  }
}

/** A link-local address is only valid on its link, which is that of `bindifname`. */
function checkLinkLocal(setup: Setup, zone: string | undefined, rule: Rule): void {
  const { peeraddr, bindifname, startclntaddr, ikeconf } = setup;
  if (!peeraddr) return;
  const shownPeer = showAddress(peeraddr);
  if (zone !== undefined && !isLinkLocal(peeraddr)) {
    rule(
      `peeraddr ${shownPeer} has the interface ${shown(zone)}: only link-local addresses have one`,
      "peeraddr",
    );
  } else if (zone !== undefined && zone !== bindifname) {
    const what = `peeraddr ${shownPeer} is at the interface ${shown(zone)}, and bindifname is ` +
      shown(bindifname);
    rule(what, "peeraddr", "bindifname");
  }
  if (
    isLinkLocal(peeraddr) && ikeconf.tcpencap && startclntaddr &&
    !isLinkLocal(startclntaddr.address)
  ) {
    const what = `tcpencap reaches the link-local peeraddr ${shownPeer} from a link-local ` +
      `startclntaddr alone`;
    rule(what, "startclntaddr", "peeraddr", "ikeconf.tcpencap");
  }
}

/** A gateway listens at the NAT-T port even if it does not use NAT traversal itself. */
function checkPorts(setup: Setup, rule: Rule): void {
  const { role, ownport, ownnattport, ikeconf } = setup;
  const { enablenatt, tradtionalencapforceudp, disallownat } = ikeconf;
  if (checkTcp(setup, rule)) return;
  const two = role === "gateway" || enablenatt || tradtionalencapforceudp;
  if (two && ownport === ownnattport && ownport !== 0) {
    const who = role === "gateway" ? "a gateway listens at two ports" : "NAT-T needs two ports";
    const what = `ownport and ownnattport are both ${ownport}: ${who}`;
    rule(what, "ownport", "ownnattport", "role", "ikeconf.enablenatt");
  }
  if (role === "client" && disallownat && tradtionalencapforceudp) {
    rule(
      "disallownat and tradtionalencapforceudp exclude each other: forced UDP encapsulation shows " +
        "the peer a NAT",
      "ikeconf.disallownat",
      "ikeconf.tradtionalencapforceudp",
    );
  }
}

/** Checks the options of TCP encapsulation; returns whether nothing is sent in UDP. */
function checkTcp({ role, transport, ikeconf }: Setup, rule: Rule): boolean {
  const { tcpencap, traditionalencap, tradtionalencapforceudp } = ikeconf;
  if (!tcpencap) {
    if (traditionalencap) return false;
    rule(
      "traditionalencap: false leaves nothing that carries ESP; tcpencap: true would",
      "ikeconf.traditionalencap",
      "ikeconf.tcpencap",
    );
    return false;
  }
  if (transport === "portable") {
    rule(
      "tcpencap needs the native transport, and transport is portable",
      "ikeconf.tcpencap",
      "transport",
    );
  }
  const isTcpAlone = role === "client" || !traditionalencap;
  if (isTcpAlone && tradtionalencapforceudp) {
    rule(
      "tcpencap and tradtionalencapforceudp exclude each other where nothing is in UDP",
      "ikeconf.tcpencap",
      "ikeconf.tradtionalencapforceudp",
      "ikeconf.traditionalencap",
    );
  }
  return isTcpAlone;
}

function checkTunnelAddresses(setup: Setup, first: IpAddress, rule: Rule): void {
  const { numberoftunnels, mobike, mobikeaddrpertunnel } = setup;
  const why = whyUnreachable(first);
  if (why) {
    rule(
      `startclntaddr ${showAddress(first)} is ${why}, not the address of a tunnel`,
      "startclntaddr",
    );
  }
  const owned = mobike ? mobikeaddrpertunnel : 1;
  // Every tunnel needs all of its addresses, including the last one.
  const last = addressPlus(first, owned - 1);
  const misfit = last ? firstMisfit(last, owned, numberoftunnels) : 0;
  if (misfit === undefined) return;
  rule(
    `startclntaddr: tunnel ${misfit} of ${numberoftunnels} has no address, ` +
      `as the address family ends before it`,
    "startclntaddr",
    "numberoftunnels",
    "mobikeaddrpertunnel",
  );
}

function checkIke({ role, ikeconf }: Setup, rule: Rule): void {
  const { ikeencyptalg, ikeintegrityalg } = ikeconf;
  checkPsk(ikeconf, rule);
  checkNull(ikeconf, rule);
  checkCertificates({ role, ikeconf }, rule);
  checkSecondAuth({ ikeconf }, rule);
  if (ikeintegrityalg.length === 0 && !ikeencyptalg.every(({ id }) => isAead(id))) {
    rule(
      "ikeintegrityalg is empty, and ikeencyptalg names a cipher that is not AEAD",
      "ikeconf.ikeintegrityalg",
      "ikeconf.ikeencyptalg",
    );
  }
  const { puzzlethreshold, puzzleauth, puzzledifficulty } = ikeconf;
  if (role !== "client" && puzzlethreshold >= 0 && puzzleauth && puzzledifficulty === 0) {
    const what = "puzzleauth needs puzzledifficulty from 1 on (RFC 8019 §7.2.1.1)";
    rule(what, "ikeconf.puzzleauth", "ikeconf.puzzledifficulty", "ikeconf.puzzlethreshold");
  }
  checkIdentity("myid", ikeconf.myid, rule);
  if (role === "client") checkIdentity("peerid", ikeconf.peerid, rule);
}

const METHOD_OPTIONS = ["authownmethod", "authpeermethod", "authown2", "authpeer2"].map((name) =>
  `ikeconf.${name}`
);

/** Checks a second authentication (RFC 4739) against the first one. */
function checkSecondAuth({ ikeconf }: Pick<Setup, "ikeconf">, rule: Rule): void {
  const { authown2, authpeer2, authownmethod, authpeermethod, myid2 } = ikeconf;
  const first = [authownmethod, authpeermethod];
  for (const [option, method] of [["authown2", authown2], ["authpeer2", authpeer2]] as const) {
    if (method === "none" || !first.includes("eap-only")) continue;
    rule(
      `${option} and eap-only exclude each other (RFC 5998)`,
      `ikeconf.${option}`,
      ...METHOD_OPTIONS,
    );
  }
  if (authown2 !== "none" && myid2 !== "") checkIdentity("myid2", myid2, rule);
}

function checkIdentity(name: "myid" | "myid2" | "peerid", value: string, rule: Rule): void {
  const path = `ikeconf.${name}`;
  if (name === "myid" && value === "") {
    rule("myid is empty: expected client-src-addr, an address, an e-mail or a domain name", path);
  }
  if (value.includes("/") && parseAddress(value.split("/")[0]!)) {
    rule(`${name} is an identity: expected an address without a prefix length`, path);
  }
  const fault = value === "" ? undefined : identityFault(value);
  if (fault) rule(`${name} ${shown(value)} ${fault}`, path);
  const octets = new TextEncoder().encode(value).length;
  if (octets > IDENTITY_MAX) {
    rule(`${name} has ${octets} octets: expected at most ${IDENTITY_MAX}`, path);
  }
}

function checkApi({ apitlscert, apitlskey, apitlsclientca }: Setup, rule: Rule): void {
  if (apitlscert && !apitlskey) rule("apitlscert needs apitlskey", "apitlscert", "apitlskey");
  if (apitlskey && !apitlscert) rule("apitlskey needs apitlscert", "apitlskey", "apitlscert");
  if (apitlsclientca && !apitlscert) {
    rule("apitlsclientca needs apitlscert", "apitlsclientca", "apitlscert");
  }
}

function checkPing({ pingconf }: Setup, rule: Rule): void {
  const { destaddr, srcaddr, ptype, pktlen } = pingconf;
  if (destaddr && ptype === "udp" && pktlen < UDP_PING_MIN) {
    const what = `pktlen ${pktlen} is too short for udp: its first ${UDP_PING_MIN} octets tell ` +
      "requests apart";
    rule(what, "pingconf.pktlen", "pingconf.ptype");
  }
  if (!destaddr || !srcaddr || destaddr.length === srcaddr.length) return;
  const from = showAddress(srcaddr);
  const to = showAddress(destaddr);
  const what = `srcaddr ${from} and destaddr ${to} are of different families`;
  rule(what, "pingconf.srcaddr", "pingconf.destaddr");
}

type Warn = Check["warn"];

/**
 * Warns of pings without a destination, and of pings without a data path, which do not go through
 * tunnels.
 */
function warnOfPing({ pingconf, ikeconf }: Setup, warn: Warn): void {
  const { destaddr, srcaddr, autoaddr, assignsrc } = pingconf;
  const described = autoaddr ? "autoaddr" : srcaddr ? "srcaddr" : assignsrc ? "assignsrc" : "";
  if (!destaddr && described) {
    const also = autoaddr ? ", which autoaddr needs too" : "";
    warn(`there will be no pings: destaddr is not set${also}`, `pingconf.${described}`);
  }
  const why = !ikeconf.installfastpath
    ? "installfastpath: false"
    : ikeconf.datapath === "none"
    ? "datapath: none"
    : undefined;
  if (!destaddr || !why) return;
  warn(
    `pings go as the system routes them, not through tunnels: there is no data path (${why})`,
    "pingconf.destaddr",
  );
}

/**
 * Warns of mistyped keywords of identities, which are valid domain names and hard to find later.
 */
function warnOfIdentities({ role, ikeconf: { myid, peerid } }: Setup, warn: Warn): void {
  const say = (name: string, value: string, words: readonly string[]) => {
    if (value === "" || words.includes(value) || /[.@:]/.test(value)) return;
    const meant = nearestWord(value, words);
    const what = `${name} ${shown(value)} is a domain name here`;
    if (meant) warn(`${what}; did you mean ${meant}?`, `ikeconf.${name}`);
    else if (IDENTITY_WORDS.includes(value)) warn(what, `ikeconf.${name}`);
  };
  say("myid", myid, MYID_WORDS);
  if (role === "client") say("peerid", peerid, PEERID_WORDS);
}

/**
 * Warns, once for all lifetimes, that the margin is limited to half of a lifetime, which a user may
 * not expect.
 */
function warnOfMargin({ ikeconf }: Setup, warn: Warn): void {
  const lifetimes = ikeconf.childlist.map(({ lifetime }, i): [string, number] => {
    return [`childlist[${i}].lifetime`, lifetime];
  });
  const capped = [["ikelifetime", ikeconf.ikelifetime] as const, ...lifetimes]
    .filter(([, lifetime]) => lifetime > 0 && ikeconf.margintime > lifetime / 2)
    .map(([name, lifetime]) => `${name} ${showDuration(lifetime)}`);
  if (capped.length === 0) return;
  const named = capped.slice(0, 3).join(", ") + (capped.length > 3 ? ", …" : "");
  const margin = showDuration(ikeconf.margintime);
  warn(
    `margintime ${margin} is more than half of ${named}: half the lifetime is used`,
    "ikeconf.margintime",
  );
}
