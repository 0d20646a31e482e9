/**
 * Runs strongSwan as the peer: writes its two configuration files, starts charon in the peer's namespace with
 * a /run of its own, and controls it by swanctl. If the kernel has no ESP, the preloaded `accept_sas.c` lets
 * CHILD_SAs be established all the same.
 * @module
 */
import { type CharonSa, parseCharonLog } from "./charon_log.ts";
import { TRIPLETS } from "./sim_cards.ts";
import { endProcess, type Finished, type Lab, mustRun, run, type Site, until } from "./harness.ts";

/** One installation of strongSwan. */
export interface StrongSwan {
  readonly charon: string;
  readonly swanctl: string;
  /** Plugins in addition to {@linkcode PLUGINS}. */
  readonly plugins: string;
  /** A directory that it reads as configuration wherever it is started, and that gets one of its own. */
  readonly etc?: string;
}

/** Debian's. */
export const DEBIAN: StrongSwan = {
  charon: "/usr/lib/ipsec/charon",
  swanctl: "/usr/sbin/swanctl",
  plugins: "xauth-generic",
};

const PREFIX_6 = Deno.env.get("STRONGSWAN6") ?? "/opt/ss6";

/** Version 6, which has several key exchanges and ML-KEM, under the prefix that STRONGSWAN6 names. */
export const STRONGSWAN_6: StrongSwan = {
  charon: `${PREFIX_6}/libexec/ipsec/charon`,
  swanctl: `${PREFIX_6}/sbin/swanctl`,
  plugins: "ml sha3 eap-peap eap-aka eap-aka-3gpp eap-sim eap-sim-file",
  etc: `${PREFIX_6}/etc`,
};

/** The unit of CPU times in /proc (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** The plugins it is started with. */
export const PLUGINS =
  "random nonce openssl aes sha1 sha2 md5 hmac kdf xcbc cmac ctr ccm gcm chapoly " +
  "curve25519 drbg mgf1 x509 constraints pubkey pkcs1 pkcs8 pem kernel-netlink socket-default vici " +
  "updown attr counters md4 des fips-prf revocation eap-identity eap-md5 eap-mschapv2 eap-gtc eap-tls " +
  "eap-ttls eap-radius";

/** Directories without which swanctl prints warnings. */
const SWANCTL_DIRECTORIES =
  "x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa bliss pkcs8 pkcs12".split(
    " ",
  );

/** An IKE SA as `swanctl --list-sas` shows it. */
export interface ListedSa {
  readonly connection: string;
  readonly id: number;
  /** The state, such as `ESTABLISHED` or `CONNECTING`. */
  readonly state: string;
  readonly spiI: string;
  readonly spiR: string;
  /** Selectors and state of each CHILD_SA. */
  readonly children: readonly ListedChild[];
}

/** A CHILD_SA as `swanctl --list-sas` shows it. */
export interface ListedChild {
  readonly name: string;
  readonly id: number;
  /** The state, such as `INSTALLED` or `REKEYED`. */
  readonly state: string;
  /** The SPI of each direction in 8 digits; empty if it is not listed. */
  spiIn: string;
  spiOut: string;
  local: string;
  remote: string;
}

/** The version of strongSwan; undefined if it is not installed. */
export async function strongSwanVersion(of = DEBIAN): Promise<string | undefined> {
  for (const path of [of.charon, of.swanctl]) {
    if (!await Deno.stat(path).then(() => true, () => false)) return undefined;
  }
  const said = await run(of.charon, ["--version"]);
  return /strongSwan (\S+)/.exec(said.stdout + said.stderr)?.[1] ?? "of unknown version";
}

/** Compiles the library that makes the kernel seem to accept all SAs. @throws Error without a compiler. */
export async function buildAcceptAll(directory: string): Promise<string> {
  const source = new URL("accept_sas.c", import.meta.url).pathname;
  const library = `${directory}/accept_sas.so`;
  await mustRun("gcc", ["-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"]);
  return library;
}

/** One running charon. */
export class Charon {
  #process: Deno.ChildProcess | undefined;
  /** Assignments before charon's command line, if the kernel has no ESP. */
  #preload = "";
  #seen = 0;

  private constructor(
    private readonly lab: Lab,
    private readonly site: Site,
    private readonly directory: string,
    private readonly installed: StrongSwan,
  ) {}

  /**
   * Starts charon at `site`. `settings` are further lines of the section `charon` of strongswan.conf. @throws
   * Error with the end of its log if it does not start.
   */
  static async start(
    lab: Lab,
    site: Site,
    settings = "",
    { kernelHasEsp = false, installed = DEBIAN }: {
      readonly kernelHasEsp?: boolean;
      readonly installed?: StrongSwan;
    } = {},
  ): Promise<Charon> {
    const directory = await Deno.makeTempDir({ dir: lab.directory, prefix: "charon-" });
    const charon = new Charon(lab, site, directory, installed);
    await Deno.mkdir(`${directory}/run`);
    await Deno.mkdir(`${directory}/etc/ipsec.d`, { recursive: true });
    await Deno.writeTextFile(`${directory}/etc/ipsec.d/triplets.dat`, TRIPLETS);
    for (const name of SWANCTL_DIRECTORIES) {
      await Deno.mkdir(`${directory}/swanctl/${name}`, { recursive: true });
    }
    await Deno.writeTextFile(`${directory}/strongswan.conf`, charon.#conf(settings));
    charon.#preload = kernelHasEsp ? "" : `LD_PRELOAD=${await buildAcceptAll(directory)}`;
    await charon.#spawn();
    return charon;
  }

  async #spawn(): Promise<void> {
    const { lab, site, directory, installed: { charon, etc } } = this;
    const own = etc ? `mount --bind ${directory}/etc ${etc} && ` : "";
    const script = `mount --bind ${directory}/run /run && ${own}${this.#preload} exec ${charon}`;
    const child = lab.spawn(site, ["sh", "-c", script], {
      env: { STRONGSWAN_CONF: `${directory}/strongswan.conf` },
    });
    this.#process = child;
    // charon writes its own log; its earlier output helps if it fails to start.
    const output = child.output();
    let ended = "";
    output.then((o) => ended = new TextDecoder().decode(o.stderr) || "it ended", () => {});
    try {
      await until("charon's vici socket", 15_000, async () => {
        if (ended !== "") throw new Error(`charon did not start: ${ended.trim()}`);
        const socket = await Deno.stat(`${directory}/run/charon.vici`).catch(() => undefined);
        return socket !== undefined;
      });
    } catch (error) {
      const log = await this.#wholeLog();
      throw new Error(`${(error as Error).message}\n${log.slice(-2_000)}`);
    }
  }

  /** Milliseconds of CPU time that charon has used. */
  async cpuMs(): Promise<number> {
    const stat = await Deno.readTextFile(`/proc/${this.#process!.pid}/stat`);
    // The fields behind the name, which may have spaces; utime and stime are the 12th and 13th of them.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 1_000 / TICKS_PER_SECOND;
  }

  /** Kills charon like a crash, without Deletes; the peer's SAs stay. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    child?.kill("SIGKILL");
    await child?.status;
    for await (const { name } of Deno.readDir(`${this.directory}/run`)) {
      await Deno.remove(`${this.directory}/run/${name}`);
    }
  }

  /** Starts a new charon in place of one that was killed, with the same configuration and no SAs. */
  async comeBack(): Promise<void> {
    await this.#spawn();
    const loaded = await this.swanctl(["--load-all", "--noprompt"]);
    if (loaded.code !== 0) throw new Error(`swanctl refuses its configuration: ${loaded.stderr}`);
  }

  #conf(settings: string): string {
    const socket = `unix://${this.directory}/run/charon.vici`;
    return `charon {
  load = ${PLUGINS} ${this.installed.plugins}
  install_routes = no
  filelog {
    log {
      path = ${this.directory}/charon.log
      default = 1
      ike = 4
      chd = 4
      ike_name = yes
      flush_line = yes
      time_format = %H:%M:%S
    }
  }
  plugins {
    vici { 
      socket = ${socket}
    }
    # Larval SAs of SPI allocation are never taken up by a kernel that installs nothing.
    kernel-netlink { 
      xfrm_acq_expires = 100000
    }
  }
${settings}
}
`;
  }

  async #wholeLog(): Promise<string> {
    return await Deno.readTextFile(`${this.directory}/charon.log`).catch(() => "");
  }

  /** The log since {@linkcode load}. */
  async log(): Promise<string> {
    return (await this.#wholeLog()).slice(this.#seen);
  }

  /** The IKE SAs in the log since {@linkcode load}. */
  async sas(): Promise<CharonSa[]> {
    return [...parseCharonLog(await this.log()).values()];
  }

  /**
   * Ends all SAs and replaces all connections by those of `swanctl` (the text of swanctl.conf). Of the
   * directory `pki` it loads the authorities, and only those certificates and keys that `swanctl` names, as
   * strongSwan chooses among all that it has for an identity.
   */
  async load(swanctl: string, pki?: string): Promise<void> {
    const named = [...swanctl.matchAll(/(?:certs|pubkeys) = (\S+)/g)].map(([, name]) => name!);
    for (const name of ["x509", "x509ca", "x509crl", "pubkey", "private"]) {
      const path = `${this.directory}/swanctl/${name}`;
      await Deno.remove(path, { recursive: true });
      await Deno.mkdir(path);
      if (!pki || (name === "x509crl" && !/revocation = /.test(swanctl))) continue;
      const isOwn = name === "x509" || name === "pubkey" || name === "private";
      for await (const file of Deno.readDir(`${pki}/${name}`)) {
        if (isOwn && !named.includes(file.name)) continue;
        await Deno.symlink(`${pki}/${name}/${file.name}`, `${path}/${file.name}`);
      }
    }
    const left = await this.list();
    if (left.length > 0) {
      await Deno.writeTextFile(`${this.directory}/swanctl/swanctl.conf`, "");
      await this.swanctl(["--load-all", "--clear", "--noprompt"]);
    }
    for (const sa of left) {
      await this.swanctl(["--terminate", "--ike-id", String(sa.id), "--force", "--timeout", "2"]);
    }
    this.#seen = (await this.#wholeLog()).length;
    await Deno.writeTextFile(`${this.directory}/swanctl/swanctl.conf`, swanctl);
    const loaded = await this.swanctl(["--load-all", "--clear", "--noprompt"]);
    if (loaded.code !== 0 || /failed/.test(loaded.stdout + loaded.stderr)) {
      throw new Error(`swanctl refuses the configuration: ${loaded.stdout}${loaded.stderr}`);
    }
  }

  /** Runs swanctl against this charon. */
  swanctl(args: string[]): Promise<Finished> {
    const variables = [
      `STRONGSWAN_CONF=${this.directory}/strongswan.conf`,
      `SWANCTL_DIR=${this.directory}/swanctl`,
    ];
    const uri = `unix://${this.directory}/run/charon.vici`;
    return run("env", [...variables, this.installed.swanctl, ...args, "--uri", uri]);
  }

  /** Initiates `child`, and its IKE SA if there is none. @throws Error with swanctl's output. */
  async initiate(child: string, timeoutSec = 10): Promise<void> {
    const done = await this.tryInitiate(child, timeoutSec);
    if (done.code !== 0) {
      const said = (done.stderr + done.stdout).trim().split("\n");
      throw new Error(`strongSwan cannot initiate: ${said.slice(-6).join(" | ")}`);
    }
  }

  /** Initiates a child for which a failure is expected. */
  tryInitiate(child: string, timeoutSec = 10): Promise<Finished> {
    return this.swanctl(["--initiate", "--child", child, "--timeout", String(timeoutSec)]);
  }

  /** The present SAs. */
  async list(): Promise<ListedSa[]> {
    return parseListedSas((await this.swanctl(["--list-sas"])).stdout);
  }

  /** Ends charon. */
  async stop(): Promise<void> {
    if (this.#process) await endProcess(this.#process, 3_000);
    this.#process = undefined;
  }
}

/** Reads the output of `swanctl --list-sas`. */
export function parseListedSas(text: string): ListedSa[] {
  const sas: (ListedSa & { children: ListedChild[] })[] = [];
  for (const line of text.split("\n")) {
    const sa = /^(\S+): #(\d+), (\w+), IKEv2, (\w{16})_i\*? (\w{16})_r\*?/.exec(line);
    if (sa) {
      const [, connection, id, state, spiI, spiR] = sa as unknown as Six;
      sas.push({ connection, id: Number(id), state, spiI, spiR, children: [] });
      continue;
    }
    const children = sas.at(-1)?.children;
    const child = /^ {2}(\S+): #(\d+), (?:reqid \d+, )?(?:cpu [-\d]+, )?(\w+),/.exec(line);
    if (child && children) {
      const [, name, id, state] = child as unknown as Six;
      const empty = { spiIn: "", spiOut: "", local: "", remote: "" };
      children.push({ name, id: Number(id), state, ...empty });
      continue;
    }
    const last = children?.at(-1);
    if (!last) continue;
    const spi = /^ {4}(in|out) +(\w{8})[ ,]/.exec(line);
    if (spi) last[spi[1] === "in" ? "spiIn" : "spiOut"] = spi[2]!;
    const selector = /^ {4}(local|remote) +(.*)$/.exec(line);
    if (selector) last[selector[1] as "local" | "remote"] = selector[2]!;
  }
  return sas;
}

type Six = [string, string, string, string, string, string];
