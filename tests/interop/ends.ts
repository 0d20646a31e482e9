/**
 * The two configurations from which rows start: our setup file as client or gateway, and strongSwan's
 * swanctl.conf for the same tunnel. Rows add their differences.
 * @module
 */
import type { Site } from "./harness.ts";
import { merge, type Setup } from "./ours.ts";
import { espProposal, ikeProposal, PLAIN, type Suite } from "./suites.ts";

/** The pre-shared key of both ends, unless a row has another. */
export const PSK = "interop-psk-0123456789";
/** Our identity. */
export const OUR_ID = "ours.interop.test";
/** strongSwan's identity. */
export const THEIR_ID = "theirs.interop.test";

/** Our addresses. The addresses in the namespaces are the same in every run. */
export const OURS = {
  address4: "10.77.0.2",
  address6: "fd77::2",
  many4: "10.77.2.1",
  net: ["10.2.0.0", "10.2.255.255"],
} as const;

/** Addresses of strongSwan's end. */
export const THEIRS = {
  address4: "10.77.0.1",
  address6: "fd77::1",
  many4: "10.77.1.1",
  net: ["10.1.0.0", "10.1.255.255"],
} as const;

/** The options of our setup for the algorithms of a suite. */
export function algorithms(suite: Suite): Setup {
  return {
    ikeencyptalg: [suite.encryption],
    ...(suite.integrity === "" ? {} : { ikeintegrityalg: [suite.integrity] }),
    ikeprfalg: [suite.prf],
    dhgrpid: [suite.group],
  };
}

/** One entry of our `childlist`. */
export function child(suite: Suite, over: Setup = {}): Setup {
  return {
    encalg: [suite.espEncryption],
    ...(suite.espIntegrity === "" ? {} : { integrityalg: [suite.espIntegrity] }),
    ownts: [{ startaddr: OURS.net[0], endaddr: OURS.net[1] }],
    peerts: [{ startaddr: THEIRS.net[0], endaddr: THEIRS.net[1] }],
    ...over,
  };
}

function common(suite: Suite): Setup {
  return {
    numberoftunnels: 1,
    apilistenport: 0,
    ikeconf: {
      ...algorithms(suite),
      psk: PSK,
      myid: OUR_ID,
      retraninterval: "5s",
      childlist: [child(suite)],
    },
  };
}

/** Our setup as client, with one try for each tunnel. */
export function ourClient(over: Setup = {}, suite = PLAIN): Setup {
  const base: Setup = {
    role: "client",
    startclntaddr: `${OURS.address4}/16`,
    peeraddr: THEIRS.address4,
    setupinterval: "0s",
    tunnelmaxretry: 1,
    peertsaddrincrease: 0,
    ikeconf: { peerid: THEIR_ID, matchpeerid: true },
  };
  return merge(merge(common(suite), base), over);
}

/** Our setup as gateway. */
export function ourGateway(over: Setup = {}, suite = PLAIN): Setup {
  const base: Setup = { role: "gateway", bindifaddr: `${OURS.address4}/16` };
  return merge(merge(common(suite), base), over);
}

/** The setup with the interface, which is only known when the lab runs. */
export function atSite(setup: Setup, site: Site): Setup {
  return merge({ bindifname: site.interface }, setup);
}

/** The options of a connection in swanctl.conf; each has the default of the plain tunnel. */
export interface Connection {
  readonly name?: string;
  readonly suite?: Suite;
  /** Proposals in strongSwan's form, instead of those of the suite. */
  readonly proposals?: string;
  readonly espProposals?: string;
  readonly localAddress?: string;
  readonly remoteAddress?: string;
  readonly localId?: string;
  readonly remoteId?: string;
  /** The lines of `local` and `remote` that say how each authenticates. */
  readonly localAuth?: string;
  readonly remoteAuth?: string;
  readonly localTs?: string;
  readonly remoteTs?: string;
  /** Further lines of the connection. */
  readonly extra?: string;
  /** Further lines of its child. */
  readonly childExtra?: string;
  /** Complete sections of further children. */
  readonly children?: string;
}

/** A connection of swanctl.conf; its child has the same name. */
export function connection(options: Connection = {}): string {
  const suite = options.suite ?? PLAIN;
  const name = options.name ?? "net";
  return `  ${name} {
    version = 2
    local_addrs = ${options.localAddress ?? THEIRS.address4}
    remote_addrs = ${options.remoteAddress ?? OURS.address4}
    proposals = ${options.proposals ?? ikeProposal(suite)}
    rekey_time = 10h
    ${options.extra ?? "mobike = no"}
    local {
      ${options.localAuth ?? "auth = psk"}
      id = ${options.localId ?? THEIR_ID}
    }
    remote {
      ${options.remoteAuth ?? "auth = psk"}
      id = ${options.remoteId ?? OUR_ID}
    }
    children {
      ${name} {
        local_ts = ${options.localTs ?? "10.1.0.0/16"}
        remote_ts = ${options.remoteTs ?? "10.2.0.0/16"}
        ${espLine(options.espProposals ?? espProposal(suite))}
        rekey_time = 10h
        ${options.childExtra ?? ""}
      }
      ${options.children ?? ""}
    }
  }
`;
}

/** The line of ESP proposals; without any, only other proposals (AH) are made. */
function espLine(proposals: string): string {
  return proposals === "" ? "" : `esp_proposals = ${proposals}`;
}

/** A whole swanctl.conf; `secrets` are further sections of its secrets. */
export function swanctl(connections: string, psk = PSK, secrets = ""): string {
  return `connections {
${connections}}
secrets {
  ike-1 {
    secret = "${psk}"
  }
${secrets}}
`;
}
