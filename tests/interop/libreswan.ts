/**
 * libreswan as the second peer: writes ipsec.conf and ipsec.secrets, starts pluto in the peer's
 * namespace with a /run of its own, and drives it through whack. The Debian package conflicts with
 * strongSwan's, so it is unpacked, not installed. What pluto keyed is read from two places: SPIs and
 * SK_a*, SK_e* from its log, the keys of ESP from what it asked of the kernel (`accept_sas.c`).
 * @module
 */
import { endProcess, type Finished, type Lab, mustRun, run, type Site, until } from "./harness.ts";
import { buildAcceptAll } from "./strongswan.ts";

/** Where `tests/interop/unpack_libreswan.sh` puts the package. */
const UNPACKED = "/opt/libreswan";
/** Where an installed pluto looks for its programs. */
const INSTALLED = "/usr/libexec/ipsec";

/** An IKE SA or CHILD_SA as `whack --showstates` shows it now. */
export interface PlutoState {
  /** pluto's serial number. */
  readonly serial: number;
  /** Such as `V2_ESTABLISHED_IKE_SA`. */
  readonly state: string;
  /** SPIs of a CHILD_SA, 8 digits: the peer's (that is, ours) and pluto's own. */
  readonly spis: readonly string[];
}

/**
 * Keys of an IKE SA in pluto's log, lower-case hex; of integrity keys at most the first 32 octets,
 * and nothing with an AEAD.
 */
export interface PlutoIkeKeys {
  readonly spiI: string;
  readonly spiR: string;
  readonly skAi: string;
  readonly skAr: string;
  /** Without the salt of an AEAD, which pluto keeps apart. */
  readonly skEi: string;
  readonly skEr: string;
}

/** A unidirectional SA that pluto asked the kernel to install. */
export interface AcceptedSa {
  /** 50 for ESP, 51 for AH, 108 for IPComp. */
  readonly protocol: number;
  /** 8 digits. */
  readonly spi: string;
  readonly mode: string;
  readonly esn: boolean;
  /** Whether it goes in UDP. */
  readonly encapsulated: boolean;
  /** Lower-case hex, with the salt of an AEAD; empty where there is none. */
  readonly encryption: string;
  readonly integrity: string;
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((found) => found.isFile, () => false);
}

/** Directory of libreswan's programs: of LIBRESWAN, else as unpacked, else as installed. */
async function programs(): Promise<string | undefined> {
  for (const root of [Deno.env.get("LIBRESWAN") ?? UNPACKED, ""]) {
    const directory = `${root}/usr/libexec/ipsec`;
    if (await isFile(`${directory}/pluto`)) return directory;
  }
  return undefined;
}

/** What libreswan calls itself, or `undefined` where it is not there or cannot run. */
export async function libreswanVersion(): Promise<string | undefined> {
  const directory = await programs();
  if (directory === undefined) return undefined;
  const said = await run(`${directory}/pluto`, ["--version"]).catch(() => undefined);
  return said && /Libreswan (\S+)/.exec(said.stdout)?.[1];
}

/** See {@linkcode Pluto.start}. */
export interface PlutoOptions {
  readonly psk: string;
  /** Further lines of `config setup`. */
  readonly general?: readonly string[];
  readonly kernelHasEsp?: boolean;
}

/** One running pluto. */
export class Pluto {
  #process: Deno.ChildProcess | undefined;
  /** Words before pluto's command. */
  #preload = "";

  private constructor(
    private readonly lab: Lab,
    private readonly site: Site,
    private readonly directory: string,
    private readonly programs: string,
  ) {}

  /**
   * Starts pluto at `site` with the sections of `conf` and one pre-shared key for everybody; loads
   * nothing yet. Where the kernel has ESP the SAs are its own. @throws Error with the end of its log
   * when it does not come up.
   */
  static async start(
    lab: Lab,
    site: Site,
    conf: string,
    { psk, general = [], kernelHasEsp = false }: PlutoOptions,
  ): Promise<Pluto> {
    const found = await programs();
    if (found === undefined) throw new Error("There is no libreswan");
    const directory = await Deno.makeTempDir({ dir: lab.directory, prefix: "pluto-" });
    const pluto = new Pluto(lab, site, directory, found);
    for (const name of ["run", "nss", "ipsec.d", "ipsec.d/policies"]) {
      await Deno.mkdir(`${directory}/${name}`);
    }
    await mustRun("certutil", ["-N", "-d", `sql:${directory}/nss`, "--empty-password"]);
    await Deno.writeTextFile(`${directory}/ipsec.secrets`, `%any %any : PSK "${psk}"\n`);
    await Deno.writeTextFile(`${directory}/ipsec.conf`, pluto.#conf(conf, general));
    if (!kernelHasEsp) {
      const library = await buildAcceptAll(directory);
      pluto.#preload = `ACCEPTED_SAS=${directory}/accepted LD_PRELOAD=${library}`;
    }
    await pluto.#spawn();
    await pluto.#whackMust(["--listen"]);
    return pluto;
  }

  #conf(sections: string, general: readonly string[]): string {
    const { directory } = this;
    return `config setup
    nssdir=${directory}/nss
    ipsecdir=${directory}/ipsec.d
    secretsfile=${directory}/ipsec.secrets
    dnssec-enable=no
    plutodebug=base,private
${general.map((line) => `    ${line}\n`).join("")}${sections}`;
  }

  /**
   * Where pluto is not installed its programs are put where it looks for them, for itself alone. A
   * larval SA of SPI allocation is never taken up by a kernel that installs nothing.
   */
  async #spawn(): Promise<void> {
    const { lab, site, directory, programs } = this;
    const options = ["--nofork", "--no-dnssec", "--config", `${directory}/ipsec.conf`];
    options.push("--nssdir", `${directory}/nss`, "--rundir", `${directory}/run`);
    options.push("--secretsfile", `${directory}/ipsec.secrets`);
    options.push("--ipsecdir", `${directory}/ipsec.d`, "--logfile", `${directory}/pluto.log`);
    const script = [
      "sysctl -qw net.core.xfrm_acq_expires=100000",
      `mount --bind ${directory}/run /run`,
      "mount -t tmpfs none /usr/libexec",
      `mkdir ${INSTALLED}`,
      `mount --bind ${programs} ${INSTALLED}`,
      `${this.#preload} exec ${INSTALLED}/pluto "$@"`,
    ].join(" && ");
    const child = lab.spawn(site, ["sh", "-c", script, "pluto", ...options]);
    this.#process = child;
    const output = child.output();
    let ended = "";
    output.then((o) => ended = new TextDecoder().decode(o.stderr) || "it ended", () => {});
    await until("pluto's control socket", 15_000, async () => {
      if (ended !== "") throw new Error(`pluto did not start: ${ended.trim()}`);
      return await Deno.stat(`${directory}/run/pluto.ctl`).catch(() => undefined);
    });
  }

  /** Everything pluto has logged. */
  async log(): Promise<string> {
    return await Deno.readTextFile(`${this.directory}/pluto.log`).catch(() => "");
  }

  /** Its log without what only `plutodebug` adds, for a failed row. */
  async plainLog(): Promise<string> {
    const lines = (await this.log()).split("\n");
    return lines.filter((line) => !/: \| |response for Get SA/.test(line)).join("\n");
  }

  /** Runs whack against this pluto; at most `timeoutSec`, since it waits for what it asks for. */
  whack(args: string[], timeoutSec = 10): Promise<Finished> {
    const control = ["--ctlsocket", `${this.directory}/run/pluto.ctl`];
    return run("timeout", [String(timeoutSec), `${this.programs}/whack`, ...control, ...args]);
  }

  async #whackMust(args: string[]): Promise<void> {
    const done = await this.whack(args);
    if (done.code !== 0) throw new Error(`whack ${args.join(" ")}: ${done.stdout}${done.stderr}`);
  }

  /** Loads the connection `name`; what was said about it is in the result. */
  tryLoad(name: string): Promise<Finished> {
    const { directory } = this;
    const args = [
      "--config",
      `${directory}/ipsec.conf`,
      "--ctlsocket",
      `${directory}/run/pluto.ctl`,
    ];
    return run(`${this.programs}/addconn`, [...args, name]);
  }

  /** {@linkcode tryLoad}. @throws Error when pluto has not got the connection then. */
  async load(name: string): Promise<void> {
    const done = await this.tryLoad(name);
    const added = (await this.log()).includes(`"${name}": added IKEv2 connection`);
    if (done.code !== 0 || !added) {
      throw new Error(`libreswan refuses the connection: ${done.stdout}${done.stderr}`);
    }
  }

  /** Initiates the connection `name` and waits. @throws Error with whack's words. */
  async initiate(name: string): Promise<void> {
    const done = await this.tryInitiate(name);
    if (done.code === 0) return;
    const said = `${done.stdout}${done.stderr}`.trim().split("\n");
    throw new Error(`libreswan cannot initiate: ${said.slice(-6).join(" | ")}`);
  }

  /** {@linkcode initiate} for what is expected to fail. */
  tryInitiate(name: string, timeoutSec = 10): Promise<Finished> {
    return this.whack(["--name", name, "--initiate"], timeoutSec);
  }

  /** What is there now. */
  async states(): Promise<PlutoState[]> {
    return parseStates((await this.whack(["--showstates"])).stdout);
  }

  /** Keys of all IKE SAs so far. */
  async ikeKeys(): Promise<PlutoIkeKeys[]> {
    return parseIkeKeys(await this.log());
  }

  /** All SAs that pluto has asked the kernel for. */
  async accepted(): Promise<AcceptedSa[]> {
    const text = await Deno.readTextFile(`${this.directory}/accepted`).catch(() => "");
    return parseAccepted(text);
  }

  /** Ends pluto; it deletes its SAs. */
  async stop(): Promise<void> {
    if (this.#process) await endProcess(this.#process, 3_000);
    this.#process = undefined;
  }

  /** Ends pluto without a word to anybody, as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    child?.kill("SIGKILL");
    await child?.status;
  }
}

/** Reads the output of `whack --showstates`. */
export function parseStates(text: string): PlutoState[] {
  const states = new Map<number, PlutoState>();
  for (const line of text.split("\n")) {
    const state = /^000 #(\d+): "[^"]*"\S* .*\bSTATE_(\w+) /.exec(line);
    if (state) {
      const serial = Number(state[1]);
      states.set(serial, { serial, state: state[2]!, spis: [] });
      continue;
    }
    const serial = Number(/^000 #(\d+): /.exec(line)?.[1]);
    const known = states.get(serial);
    if (!known) continue;
    const spis = [...line.matchAll(/\b(?:esp|ah)[.:]([0-9a-f]+)@/g)];
    states.set(serial, { ...known, spis: spis.map((spi) => spi[1]!.padStart(8, "0")) });
  }
  return [...states.values()];
}

/** Reads `ikev2 I` and `ikev2 R` lines: SPIs, integrity key, encryption key of either direction. */
export function parseIkeKeys(log: string): PlutoIkeKeys[] {
  const found = new Map<string, PlutoIkeKeys>();
  const pattern = /\| ikev2 ([IR]) 0x(\w{16}) 0x(\w{16}) \S*?:(?:0x)?(\w*) \S*?:(?:0x)?(\w*)/g;
  for (const match of log.matchAll(pattern)) {
    const [, from, spiI, spiR, integrity, encryption] = match as unknown as string[];
    const key = `${spiI} ${spiR}`;
    const none = { skAi: "", skAr: "", skEi: "", skEr: "" };
    const known = found.get(key) ?? { spiI: spiI!, spiR: spiR!, ...none };
    const more = from === "I"
      ? { skAi: integrity!, skEi: encryption! }
      : { skAr: integrity!, skEr: encryption! };
    found.set(key, { ...known, ...more });
  }
  return [...found.values()];
}

/** Reads the lines of `accept_sas.c`. */
export function parseAccepted(text: string): AcceptedSa[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const fields = new Map(
      line.split(" ").map((field) => {
        const at = field.indexOf("=");
        return [field.slice(0, at), field.slice(at + 1)];
      }),
    );
    const key = (name: string) => fields.get(name)?.split(":").at(-1) ?? "";
    return {
      protocol: Number(fields.get("protocol")),
      spi: fields.get("spi") ?? "",
      mode: fields.get("mode") ?? "",
      esn: fields.get("esn") === "1",
      encapsulated: fields.get("encap") === "udp",
      encryption: key("aead") || key("crypt"),
      integrity: key("auth"),
    };
  });
}
