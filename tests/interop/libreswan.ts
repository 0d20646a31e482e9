/**
 * Runs libreswan as the second peer: writes ipsec.conf and ipsec.secrets, starts pluto in the peer's
 * namespace with a /run of its own, and controls it by whack. The Debian package conflicts with strongSwan's,
 * so it is unpacked and not installed. Keys are read from two places: SPIs, SK_a* and SK_e* from pluto's log,
 * and the keys of ESP from what it requested of the kernel (`accept_sas.c`).
 * @module
 */
import { endProcess, type Finished, type Lab, mustRun, run, type Site, until } from "./harness.ts";
import type { Kind } from "./pki.ts";
import { buildAcceptAll } from "./strongswan.ts";

/** Where an installed pluto looks for its programs. */
const INSTALLED = "/usr/libexec/ipsec";

/** One installation of libreswan: directories of its programs, the first that has pluto counts. */
export interface Libreswan {
  readonly programs: readonly string[];
}

/** Debian's, where LIBRESWAN says, `tests/interop/unpack_libreswan.sh` has put it, or it is installed. */
export const LIBRESWAN_4: Libreswan = {
  programs: [`${Deno.env.get("LIBRESWAN") ?? "/opt/libreswan"}/usr/libexec/ipsec`, INSTALLED],
};

/** Version 5, in the directory that LIBRESWAN5 names. */
export const LIBRESWAN_5: Libreswan = {
  programs: [Deno.env.get("LIBRESWAN5") ?? "/opt/lsw5/libexec/ipsec"],
};

/** An IKE SA or CHILD_SA as `whack --showstates` shows it. */
export interface PlutoState {
  /** pluto's serial number. */
  readonly serial: number;
  /** The name of the state, such as `V2_ESTABLISHED_IKE_SA`. */
  readonly state: string;
  /** SPIs of a CHILD_SA in 8 digits: the peer's (which is ours) and pluto's own. */
  readonly spis: readonly string[];
}

/**
 * The keys of an IKE SA in pluto's log, in lower-case hex: of integrity keys at most the first 32 octets, and
 * none with an AEAD cipher.
 */
export interface PlutoIkeKeys {
  readonly spiI: string;
  readonly spiR: string;
  readonly skAi: string;
  readonly skAr: string;
  /** The key without the salt of an AEAD cipher, which pluto keeps apart. */
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
  /** Whether it is encapsulated in UDP. */
  readonly encapsulated: boolean;
  /** The key in lower-case hex, with the salt of an AEAD cipher; empty if there is none. */
  readonly encryption: string;
  readonly integrity: string;
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((found) => found.isFile, () => false);
}

/** The directory of libreswan's programs. */
async function programsOf({ programs }: Libreswan): Promise<string | undefined> {
  for (const directory of programs) if (await isFile(`${directory}/pluto`)) return directory;
  return undefined;
}

/** The version of libreswan; undefined if it is not there or cannot run. */
export async function libreswanVersion(of = LIBRESWAN_4): Promise<string | undefined> {
  const directory = await programsOf(of);
  if (directory === undefined) return undefined;
  const said = await run(`${directory}/pluto`, ["--version"]).catch(() => undefined);
  return said && /Libreswan v?([\w.]+)/.exec(said.stdout)?.[1];
}

/** Keys and certificates that pluto has; see `pki.ts`. */
export interface PlutoPki {
  readonly directory: string;
  /** Its own pair, whose name is `theirs`. */
  readonly own?: Kind;
  /** Whether it has the list of the root. */
  readonly list?: boolean;
}

/** See {@linkcode Pluto.start}. */
export interface PlutoOptions {
  readonly psk: string;
  /** Further lines of `config setup`. */
  readonly general?: readonly string[];
  /** Further lines of ipsec.secrets. */
  readonly secrets?: readonly string[];
  readonly kernelHasEsp?: boolean;
  /** Which libreswan; absent: Debian's. */
  readonly installed?: Libreswan;
  readonly pki?: PlutoPki;
}

/** Puts keys and certificates into pluto's database. */
async function importPki(database: string, { directory, own, list }: PlutoPki): Promise<void> {
  const certificates = { "root": "CT,C,C", "sub": ",,", "deep": ",," };
  for (const [name, trust] of Object.entries(certificates)) {
    const file = `${directory}/theirs/x509ca/${name}.pem`;
    await mustRun("certutil", ["-A", "-d", database, "-n", name, "-t", trust, "-a", "-i", file]);
  }
  if (own) {
    const scratch = await Deno.makeTempDir();
    const bag = `${scratch}/theirs.p12`;
    const files = ["-inkey", `${directory}/theirs/private/${own}.pem`];
    files.push("-in", `${directory}/theirs/x509/${own}.pem`, "-out", bag);
    const form = ["-name", "theirs", "-passout", "pass:x"];
    await mustRun("openssl", ["pkcs12", "-export", ...files, ...form]);
    await mustRun("pk12util", ["-i", bag, "-d", database, "-W", "x", "-K", ""]);
    await Deno.remove(scratch, { recursive: true });
  }
  if (list) {
    await mustRun("crlutil", ["-I", "-d", database, "-i", `${directory}/theirs/root.crl`]);
  }
}

/** One running pluto. */
export class Pluto {
  #process: Deno.ChildProcess | undefined;
  /** SAs by which version 5 finds out at its start what the kernel can do. */
  #probes = 0;
  /** Assignments before pluto's command line. */
  #preload = "";

  private constructor(
    private readonly lab: Lab,
    private readonly site: Site,
    private readonly directory: string,
    private readonly programs: string,
  ) {}

  /**
   * Starts pluto at `site` with the sections of `conf` and one pre-shared key for everybody, without loading
   * a connection. If the kernel has ESP, it installs the SAs. @throws Error with the end of its log if it
   * does not start.
   */
  static async start(
    lab: Lab,
    site: Site,
    conf: string,
    { psk, general = [], secrets = [], kernelHasEsp = false, installed = LIBRESWAN_4, pki }:
      PlutoOptions,
  ): Promise<Pluto> {
    const found = await programsOf(installed);
    if (found === undefined) throw new Error("There is no libreswan");
    const directory = await Deno.makeTempDir({ dir: lab.directory, prefix: "pluto-" });
    const pluto = new Pluto(lab, site, directory, found);
    for (const name of ["run", "nss", "ipsec.d", "ipsec.d/policies"]) {
      await Deno.mkdir(`${directory}/${name}`);
    }
    await mustRun("certutil", ["-N", "-d", `sql:${directory}/nss`, "--empty-password"]);
    if (pki) await importPki(`sql:${directory}/nss`, pki);
    await Deno.writeTextFile(
      `${directory}/ipsec.secrets`,
      [`%any %any : PSK "${psk}"`, ...secrets, ""].join("\n"),
    );
    await Deno.writeTextFile(`${directory}/ipsec.conf`, pluto.#conf(conf, general));
    if (!kernelHasEsp) {
      const library = await buildAcceptAll(directory);
      pluto.#preload = `ACCEPTED_SAS=${directory}/accepted LD_PRELOAD=${library}`;
    }
    await pluto.#spawn();
    await pluto.#whackMust(["--listen"]);
    pluto.#probes = (await pluto.accepted()).length;
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
   * Starts the process. If pluto is not installed, its programs are mounted where it looks for them, only for
   * itself. A larval SA of SPI allocation is never completed by a kernel that installs nothing.
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

  /** Its log without the lines of `plutodebug`, for a failed row. */
  async plainLog(): Promise<string> {
    const lines = (await this.log()).split("\n");
    return lines.filter((line) => !/: \| |response for Get SA/.test(line)).join("\n");
  }

  /** Runs whack against this pluto for at most `timeoutSec`, since it waits for the outcome. */
  whack(args: string[], timeoutSec = 10): Promise<Finished> {
    const control = ["--ctlsocket", `${this.directory}/run/pluto.ctl`];
    return run("timeout", [String(timeoutSec), `${this.programs}/whack`, ...control, ...args]);
  }

  async #whackMust(args: string[]): Promise<void> {
    const done = await this.whack(args);
    if (done.code !== 0) throw new Error(`whack ${args.join(" ")}: ${done.stdout}${done.stderr}`);
  }

  /** Loads the connection `name`; the result has whack's output. */
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

  /** Loads a connection. @throws Error if pluto does not have it afterwards. */
  async load(name: string): Promise<void> {
    const done = await this.tryLoad(name);
    const added = new RegExp(`"${name}": added (?:oriented )?IKEv2 connection`).test(
      await this.log(),
    );
    if (done.code !== 0 || !added) {
      throw new Error(`libreswan refuses the connection: ${done.stdout}${done.stderr}`);
    }
  }

  /** Initiates the connection `name` and waits. @throws Error with whack's output. */
  async initiate(name: string): Promise<void> {
    const done = await this.tryInitiate(name);
    if (done.code === 0) return;
    const said = `${done.stdout}${done.stderr}`.trim().split("\n");
    throw new Error(`libreswan cannot initiate: ${said.slice(-6).join(" | ")}`);
  }

  /** Initiates a connection for which a failure is expected. */
  tryInitiate(name: string, timeoutSec = 10): Promise<Finished> {
    return this.whack(["--name", name, "--initiate"], timeoutSec);
  }

  /** The present SAs. */
  async states(): Promise<PlutoState[]> {
    return parseStates((await this.whack(["--showstates"])).stdout);
  }

  /** Keys of all IKE SAs so far. */
  async ikeKeys(): Promise<PlutoIkeKeys[]> {
    return parseIkeKeys(await this.log());
  }

  /** All SAs that pluto has asked the kernel for since it was ready. */
  async accepted(): Promise<AcceptedSa[]> {
    const text = await Deno.readTextFile(`${this.directory}/accepted`).catch(() => "");
    return parseAccepted(text).slice(this.#probes);
  }

  /** Ends pluto, which deletes its SAs. */
  async stop(): Promise<void> {
    if (this.#process) await endProcess(this.#process, 3_000);
    this.#process = undefined;
  }

  /** Kills pluto like a crash, without Deletes. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    child?.kill("SIGKILL");
    await child?.status;
  }
}

/** Words of version 5 for states that version 4 has names for. */
const NEWER_STATES: ReadonlyMap<string, string> = new Map([
  ["established IKE SA", "V2_ESTABLISHED_IKE_SA"],
  ["established Child SA", "V2_ESTABLISHED_CHILD_SA"],
]);

/** Reads the output of `whack --showstates`. */
export function parseStates(text: string): PlutoState[] {
  const states = new Map<number, PlutoState>();
  for (const line of text.split("\n")) {
    const state = /^000 #(\d+): "[^"]*"\S* .*\bSTATE_(\w+) /.exec(line) ??
      /^(?:000 )?#(\d+): "[^"]*"(?:\[\d+\] \S+?)?:\d+ ([^;]+);/.exec(line);
    if (state) {
      const serial = Number(state[1]);
      states.set(serial, { serial, state: NEWER_STATES.get(state[2]!) ?? state[2]!, spis: [] });
      continue;
    }
    const serial = Number(/^(?:000 )?#(\d+): /.exec(line)?.[1]);
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
