/**
 * A row of the interop matrix with libreswan as the peer: the sections of its ipsec.conf for the tunnel that
 * `ends.ts` describes, and what a row's check can use, above all the comparison of SPIs and keys of both
 * ends.
 * @module
 */
import { OUR_ID, OURS, THEIR_ID, THEIRS } from "./ends.ts";
import { type Lab, until } from "./harness.ts";
import type { Keylog } from "./keylog.ts";
import type { Libreswan, Pluto, PlutoPki, PlutoState } from "./libreswan.ts";
import type { Ours, Setup, TestResult } from "./ours.ts";
import { expect, expectCounts, failedWith } from "./row.ts";
import { PLAIN, type Suite } from "./suites.ts";

/** Who sends IKE_SA_INIT to whom. */
export type LibreswanDirection = "ours → libreswan" | "libreswan → ours";

/** One row with libreswan. Its key is direction and name. */
export interface LibreswanRow {
  readonly name: string;
  readonly direction: LibreswanDirection;
  readonly setup: Setup;
  /** Sections of ipsec.conf; the connection `net` is loaded. */
  readonly conf: string;
  /** libreswan's pre-shared key; absent: {@linkcode PSK}. */
  readonly psk?: string;
  /** Further lines of its ipsec.secrets. */
  readonly secrets?: readonly string[];
  /** Further lines of its `config setup`. */
  readonly general?: readonly string[];
  /** Which libreswan is the peer; absent: Debian's. */
  readonly libreswan?: Libreswan;
  /** Its certificate, and whether it has the root's list; absent: it has no certificates at all. */
  readonly pki?: Omit<PlutoPki, "directory">;
  /**
   * A pattern of the message by which libreswan must refuse to load the connection, if it does not offer the
   * row.
   */
  readonly refused?: RegExp;
  /** Is called when the connection is loaded and our end has not begun. */
  readonly before?: (run: LibreswanRun) => Promise<void>;
  /** @throws whatever is wrong, in words. */
  readonly check: (run: LibreswanRun) => Promise<void>;
}

/** The connection in ipsec.conf; each field has the default of the plain tunnel. */
export interface Conn {
  readonly name?: string;
  readonly suite?: Suite;
  /** The algorithms in libreswan's form, instead of those of the suite. */
  readonly ike?: string;
  readonly esp?: string;
  readonly localAddress?: string;
  readonly remoteAddress?: string;
  readonly localId?: string;
  readonly remoteId?: string;
  /** `leftsubnet` and `rightsubnet`; empty for none, which is the address itself. */
  readonly localTs?: string;
  readonly remoteTs?: string;
  /** The lines that say how both authenticate; absent: by the pre-shared key. */
  readonly auth?: readonly string[];
  /** Further lines of the section. */
  readonly extra?: readonly string[];
}

/** A section of ipsec.conf. Nothing is rekeyed or tried again by itself. */
export function conn(options: Conn = {}): string {
  const suite = options.suite ?? PLAIN;
  const localTs = options.localTs ?? "10.1.0.0/16";
  const remoteTs = options.remoteTs ?? "10.2.0.0/16";
  const extra = options.extra ?? [];
  const lines = [
    `left=${options.localAddress ?? THEIRS.address4}`,
    `leftid=${options.localId ?? `@${THEIR_ID}`}`,
    ...(localTs === "" ? [] : [`leftsubnet=${localTs}`]),
    `right=${options.remoteAddress ?? OURS.address4}`,
    `rightid=${options.remoteId ?? `@${OUR_ID}`}`,
    ...(remoteTs === "" ? [] : [`rightsubnet=${remoteTs}`]),
    ...options.auth ?? ["authby=secret"],
    "ikev2=insist",
    `ike=${options.ike ?? ikeWords(suite)}`,
    ...(options.esp === "" ? [] : [`phase2alg=${options.esp ?? espWords(suite)}`]),
    "leftupdown=/bin/true",
    "keyingtries=1",
    ...["pfs=no", "rekey=no", "esn=no"].filter((line) => {
      return !extra.some((other) => other.startsWith(line.split("=")[0]! + "="));
    }),
    ...extra,
  ];
  return `conn ${options.name ?? "net"}\n${lines.map((line) => `    ${line}\n`).join("")}`;
}

/**
 * libreswan's word for the suite of an IKE SA. It has one name for PRF and integrity algorithm; where
 * they differ the word names both, which libreswan refuses.
 */
export function ikeWords(suite: Suite): string {
  const { encryption, integrity, prf, group } = suite;
  const hashes = new Set([prf, integrity === "" ? prf : integrity].map(hashWord));
  return [cipherWord(encryption), ...hashes, `dh${group}`].join("-");
}

/** libreswan's word for an ESP proposal. */
export function espWords(suite: Suite): string {
  const { espEncryption, espIntegrity } = suite;
  return `${cipherWord(espEncryption)}-${espIntegrity === "" ? "null" : hashWord(espIntegrity)}`;
}

/** ICV lengths are letters: a is 8 octets, b 12, c 16. */
const CIPHERS: Readonly<Record<string, string>> = {
  "3des": "3des",
  "null": "null",
  "aes-cbc": "aes",
  "aes-ctr": "aes_ctr",
  "aes-gcm-8": "aes_gcm_a",
  "aes-gcm-12": "aes_gcm_b",
  "aes-gcm-16": "aes_gcm_c",
  "aes-ccm-8": "aes_ccm_a",
  "aes-ccm-12": "aes_ccm_b",
  "aes-ccm-16": "aes_ccm_c",
  "chacha20-poly1305": "chacha20_poly1305",
};

function cipherWord(name: string): string {
  const [algorithm, bits] = name.split(":") as [string, string | undefined];
  return [CIPHERS[algorithm]!, ...(bits === undefined ? [] : [bits])].join("_");
}

function hashWord(name: string): string {
  const base = name.replace(/-96$/, "");
  return /^sha\d{3}$/.test(base) ? base.replace("sha", "sha2_") : base.replaceAll("-", "_");
}

/** A row that runs. */
export class LibreswanRun {
  constructor(
    readonly lab: Lab,
    readonly pluto: Pluto,
    private readonly process: Ours | undefined,
  ) {}

  /** Our process. */
  get ours(): Ours {
    expect(this.process !== undefined, "We have not begun yet");
    return this.process;
  }

  /** Waits until pluto has one established IKE SA and `children` CHILD_SAs; returns the latter. */
  async established(children = 1, timeoutMs = 15_000): Promise<PlutoState[]> {
    let states: PlutoState[] = [];
    const of = (state: string) => states.filter((each) => each.state === state);
    try {
      return await until(`${children} CHILD_SAs at libreswan`, timeoutMs, async () => {
        this.process?.mustRun();
        states = await this.pluto.states();
        const found = of("V2_ESTABLISHED_CHILD_SA").filter((child) => child.spis.length === 2);
        const up = of("V2_ESTABLISHED_IKE_SA").length === 1 && found.length === children;
        return up ? found : undefined;
      });
    } catch (error) {
      const there = states.map(({ serial, state }) => `#${serial} ${state}`).join(", ");
      throw new Error(`${(error as Error).message} (there are: ${there})`);
    }
  }

  /**
   * Compares what pluto has keyed since its start with our key tables: SPIs and keys of `ike` IKE SAs
   * and of `esp` unidirectional SAs. @throws Error naming the first that differs or is missing.
   */
  async sameKeys(ike = 1, esp = 2): Promise<void> {
    const ikeKeys = await until(`${ike} IKE SAs keyed at libreswan`, 5_000, async () => {
      const keys = await this.pluto.ikeKeys();
      return keys.length >= ike && keys;
    });
    const accepted = await until(`${esp} SAs keyed at libreswan`, 5_000, async () => {
      const sas = (await this.pluto.accepted()).filter((sa) => sa.protocol !== IPCOMP);
      return sas.length >= esp && sas;
    });
    let keylog: Keylog = { ike: [], esp: [] };
    await until("our key tables", 5_000, async () => {
      keylog = await this.ours.keylog();
      return keylog.ike.length >= ike && keylog.esp.length >= esp;
    });
    expect(ikeKeys.length === ike, `libreswan keyed ${ikeKeys.length} IKE SAs, not ${ike}`);
    expect(accepted.length === esp, `libreswan keyed ${accepted.length} SAs, not ${esp}`);
    for (const theirs of ikeKeys) {
      // An IKE SA has a line for each key exchange, and one with its PPK: the last one has its present keys.
      const found = keylog.ike.findLast(({ spiI, spiR }) =>
        spiI === theirs.spiI && spiR === theirs.spiR
      );
      expect(found !== undefined, `Our key table has no IKE SA ${theirs.spiI} ${theirs.spiR}`);
      for (const name of ["skAi", "skAr"] as const) {
        same(name, found[name].slice(0, LOGGED_DIGITS), theirs[name]);
      }
      for (const name of ["skEi", "skEr"] as const) {
        expect(theirs[name] !== "", `libreswan logged no ${name}`);
        same(name, withoutSalt(found[name], theirs[name]), theirs[name]);
      }
    }
    for (const theirs of accepted) {
      const found = keylog.esp.find(({ spi }) => spi === theirs.spi);
      expect(found !== undefined, `Our key table has no SA ${theirs.spi} of libreswan's`);
      same(`encryption key of ${theirs.spi}`, found.encryption, theirs.encryption);
      same(`integrity key of ${theirs.spi}`, found.integrity, theirs.integrity);
    }
  }

  /** Waits for a line of pluto's log. */
  async peerLogs(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    await until(`${pattern} in libreswan's log`, timeoutMs, async () => {
      return pattern.test(await this.pluto.log());
    });
  }

  /** How often a pattern occurs in pluto's log. */
  async peerLogged(pattern: RegExp): Promise<number> {
    const all = new RegExp(pattern.source, `${pattern.flags.replace("g", "")}g`);
    return [...(await this.pluto.log()).matchAll(all)].length;
  }

  /** Checks the tunnel, the same keys at both ends, and the end by {@linkcode ended}. */
  async wholeLife(): Promise<void> {
    await this.established();
    await this.sameKeys();
    await this.ended();
  }

  /** Stops our test gracefully, after which libreswan has no SA and our result has one established tunnel. */
  async ended(): Promise<TestResult> {
    const result = await this.ours.stop();
    expectCounts(result, { established: 1, failed: 0 });
    expect(result.failures.length === 0, `Failures: ${JSON.stringify(result.failures)}`);
    expect(result.retransmissions === 0, `${result.retransmissions} retransmissions`);
    await this.nothingLeft();
    return result;
  }

  /** Waits until libreswan has no SA of any state but attempts of version 5 to dial again. */
  async nothingLeft(): Promise<void> {
    await until("no SA left at libreswan", 5_000, async () => {
      const states = await this.pluto.states();
      return states.every(({ state }) => state === "sent IKE_SA_INIT request");
    });
  }

  /** Waits until our test fails, or stops it; one failure must match all patterns. */
  failure(words: readonly RegExp[]): Promise<TestResult> {
    return failedWith(this.ours, words);
  }
}

const IPCOMP = 108;

/** Hex digits of the 32 octets of an integrity key that pluto logs at most. */
const LOGGED_DIGITS = 64;

/** A key of our table without the salt of an AEAD cipher after it, 3 or 4 octets (RFC 5282 §7.1). */
function withoutSalt(ours: string, theirs: string): string {
  const salt = ours.length - theirs.length;
  return salt === 6 || salt === 8 ? ours.slice(0, theirs.length) : ours;
}

function same(name: string, ours: string, theirs: string): void {
  expect(ours === theirs, `${name} differs: ours ${ours}, libreswan's ${theirs}`);
}
