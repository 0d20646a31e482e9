/**
 * What must hold between the options of a setup, once each for itself is right.
 * @module
 */
import { addressPlus, type IpAddress, parseAddress, showAddress } from "@/base/address.ts";
import { SetupError, type SetupPosition } from "@/base/errors.ts";
import { isAead } from "@/setup/algorithms.ts";
import type { ChildConf, SelectorConf, Setup } from "@/setup/setup.ts";

type At = (path: string) => SetupPosition;

/** Pauses between flaps are at least so long. */
const FLAP_MIN_MS = 10_000;

/** The errors of a setup; empty where there is none. */
export function checkSetup(setup: Setup, at: At): SetupError[] {
  const errors: SetupError[] = [];
  const fail = (what: string, path: string) => void errors.push(new SetupError(what, at(path)));
  if (setup.bindifname === "") {
    fail("bindifname is required: the interface that carries the tunnel addresses", "bindifname");
  }
  if (setup.role === "client") checkClient(setup, fail);
  checkIke(setup, fail);
  checkApi(setup, fail);
  for (const [i, child] of setup.ikeconf.childlist.entries()) checkChild(setup, child, i, fail);
  return errors;
}

type Fail = (what: string, path: string) => void;

function checkClient(setup: Setup, fail: Fail): void {
  const { startclntaddr, peeraddr, numberoftunnels, ikeconf } = setup;
  if (!startclntaddr) {
    fail("startclntaddr is required for a client: address and prefix of tunnel 0", "startclntaddr");
  }
  if (!peeraddr) fail("peeraddr is required for a client: the gateway's address", "peeraddr");
  if (!startclntaddr || !peeraddr) return;
  if (startclntaddr.address.length !== peeraddr.length) {
    fail("startclntaddr and peeraddr are of different families", "peeraddr");
  }
  const step = setup.mobike ? setup.mobikeaddrpertunnel : 1;
  if (!addressPlus(startclntaddr.address, (numberoftunnels - 1) * step)) {
    const last = showAddress(startclntaddr.address);
    fail(`Addresses for ${numberoftunnels} tunnels from ${last} on do not exist`, "startclntaddr");
  }
  if (ikeconf.matchpeerid && ikeconf.peerid === "") {
    fail("matchpeerid needs a peerid to match", "ikeconf.matchpeerid");
  }
  const { flapping, minflapinterval, maxflapinterval } = setup.flapconf;
  if (!flapping) return;
  if (minflapinterval < FLAP_MIN_MS) {
    fail("minflapinterval is at least 10s", "flapconf.minflapinterval");
  }
  if (maxflapinterval < minflapinterval) {
    fail("maxflapinterval is shorter than minflapinterval", "flapconf.maxflapinterval");
  }
}

function checkIke(setup: Setup, fail: Fail): void {
  const { ikeconf } = setup;
  const usesPsk = ikeconf.authownmethod === "psk" || ikeconf.authpeermethod === "psk";
  if (usesPsk && ikeconf.psk === "") {
    fail("psk is required for authentication by psk", "ikeconf.psk");
  }
  if (ikeconf.ikeencyptalg.some((c) => !isAead(c)) && ikeconf.ikeintegrityalg.length === 0) {
    fail("ikeintegrityalg is empty, and a cipher is not AEAD", "ikeconf.ikeintegrityalg");
  }
  for (const name of ["myid", "peerid"] as const) {
    const value = ikeconf[name];
    if (value.includes("/") && parseAddress(value.split("/")[0]!)) {
      fail(`${name} is an identity: an address stands without a prefix length`, `ikeconf.${name}`);
    }
    if (new TextEncoder().encode(value).length > 1_000) {
      fail(`${name} is too long`, `ikeconf.${name}`);
    }
  }
  const later = ["cert-dn", "cert-subject-cn", "eapol-test-conf", "eapusepcap"];
  if (later.includes(ikeconf.myid)) {
    const needs = ikeconf.myid.startsWith("cert") ? "certificates" : "EAP";
    fail(`ikeconf.myid: ${ikeconf.myid} needs ${needs}, which is not there yet`, "ikeconf.myid");
  }
}

function checkApi(
  { apitlscert, apitlskey, apitlsclientca, apilistenaddr }: Setup,
  fail: Fail,
): void {
  if (!apilistenaddr) fail("apilistenaddr is an address, and not empty", "apilistenaddr");
  if (apitlscert && !apitlskey) fail("apitlscert needs apitlskey", "apitlscert");
  if (apitlskey && !apitlscert) fail("apitlskey needs apitlscert", "apitlskey");
  if (apitlsclientca && !apitlscert) fail("apitlsclientca needs apitlscert", "apitlsclientca");
}

function checkChild(setup: Setup, child: ChildConf, index: number, fail: Fail): void {
  const path = `ikeconf.childlist[${index}]`;
  if (index === 1) fail(`${path}: several CHILD_SAs are not there yet`, path);
  if (setup.role !== "client") return;
  const steps = { ownts: setup.owntsaddrincrease, peerts: setup.peertsaddrincrease } as const;
  for (const name of ["ownts", "peerts"] as const) {
    for (const [i, selector] of child[name].entries()) {
      const tunnel = overflow(selector, steps[name], setup.numberoftunnels);
      if (tunnel === undefined) continue;
      const option = name === "ownts" ? "owntsaddrincrease" : "peertsaddrincrease";
      fail(
        `${name} of tunnel ${tunnel} passes the end of the address space (${option} ${
          steps[name]
        })`,
        `${path}.${name}[${i}]`,
      );
    }
  }
}

/** The first tunnel whose selector does not fit; a whole space is not shifted. */
function overflow(
  { startaddr, endaddr }: SelectorConf,
  step: number,
  tunnels: number,
): number | undefined {
  const isWhole = startaddr.every((o) => o === 0) && endaddr.every((o) => o === 255);
  if (isWhole || step === 0) return undefined;
  const edge: IpAddress = step > 0 ? endaddr : startaddr;
  if (addressPlus(edge, step * (tunnels - 1))) return undefined;
  let low = 0, high = tunnels - 1; // fits, does not fit
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (addressPlus(edge, step * middle)) low = middle;
    else high = middle;
  }
  return high;
}
