/**
 * The hosts of the controller's tests: three network namespaces, `c` of the controller, `a` and `b`
 * each with a daemon and an sshd; management networks c-a and c-b, and a data link a-b.
 * @module
 */

/** A part of all names of this run. */
export const TAG = `t${Deno.pid}`;
const ROOT = new URL("../..", import.meta.url).pathname;
const SSH_PORT = 2222;

/** The addresses of the hosts of the two daemons. */
export const HOSTS = { a: "10.250.1.2", b: "10.250.2.2" } as const;
/** The host of a daemon. */
export type HostName = keyof typeof HOSTS;

/** The output of a command. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function run(command: readonly string[], cwd?: string): Promise<Said> {
  const output = await new Deno.Command(command[0]!, {
    args: command.slice(1),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(cwd ? { cwd } : {}),
  }).output();
  const text = (octets: Uint8Array) => new TextDecoder().decode(octets);
  return { code: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
}

/** Runs a command that must succeed; returns its standard output. */
export async function must(command: readonly string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, cwd);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr.trim() || stdout.trim()}`);
  return stdout;
}

/** The command line of our program; MYIKEV2 names another one than the sources of this checkout. */
export function program(): string[] {
  const named = Deno.env.get("MYIKEV2");
  return named ? [named] : [Deno.execPath(), "run", "-A", `${ROOT}main.ts`];
}

/** A command inside one of the namespaces. */
export function inside(host: HostName | "c", command: readonly string[]): string[] {
  return ["nsenter", `--net=/run/netns/${host}${TAG}`, ...command];
}

/** Whether a condition becomes true in time. */
export async function until(holds: () => boolean | Promise<boolean>, sec = 30): Promise<boolean> {
  const deadline = Date.now() + sec * 1000;
  while (Date.now() < deadline) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** The three hosts. */
export class Lab {
  readonly directory = Deno.makeTempDirSync({ prefix: `control${TAG}` });
  readonly #children: Deno.ChildProcess[] = [];
  #madeRunSshd = false;

  path(name: string): string {
    return `${this.directory}/${name}`;
  }

  write(name: string, text: string, mode = 0o600): string {
    Deno.writeTextFileSync(this.path(name), text, { mode });
    return this.path(name);
  }

  async open(): Promise<void> {
    await this.#network();
    await this.#certificates();
    await this.#sshServers();
    for (const host of ["a", "b"] as const) await this.#daemon(host);
  }

  async #network(): Promise<void> {
    for (const name of ["a", "b", "c"] as const) {
      await must(["ip", "netns", "add", `${name}${TAG}`]);
      await this.ip(name, "link", "set", "lo", "up");
    }
    for (const [i, host] of (["a", "b"] as const).entries()) {
      const there = `${host}${TAG}`;
      const v4 = `10.250.${i + 1}`;
      const v6 = `2001:db8:${i + 1}00:`;
      await this.ip(
        "c",
        "link",
        "add",
        `mgmt_${host}`,
        "type",
        "veth",
        "peer",
        "name",
        "m0",
        "netns",
        there,
      );
      for (const [where, link, last] of [["c", `mgmt_${host}`, 1], [host, "m0", 2]] as const) {
        await this.ip(where, "addr", "add", `${v4}.${last}/24`, "dev", link);
        await this.ip(where, "addr", "add", `${v6}:${last}/64`, "dev", link, "nodad");
        await this.ip(where, "link", "set", link, "up");
      }
      // The routes to the management addresses of instances, and back.
      await this.ip("c", "-6", "route", "add", `2001:db8:${i + 1}::/64`, "via", `${v6}:2`);
      const forward = "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";
      await must(inside(host, ["/bin/sh", "-c", forward]));
    }
    const peer = ["peer", "name", "db", "netns", `b${TAG}`];
    await this.ip("a", "link", "add", "da", "type", "veth", ...peer);
    for (const host of ["a", "b"] as const) await this.ip(host, "link", "set", `d${host}`, "up");
  }

  /** `ip` in one of the namespaces. */
  ip(host: HostName | "c", ...words: string[]): Promise<string> {
    return must(["ip", "-n", `${host}${TAG}`, ...words]);
  }

  /** Makes two authorities, and by the good one a certificate for each daemon and one for the controller. */
  async #certificates(): Promise<void> {
    for (const authority of ["ca", "strange"]) {
      await this.#openssl(authority, [
        "req",
        "-x509",
        "-subj",
        `/CN=${authority}`,
        "-days",
        "2",
        "-out",
        this.path(`${authority}.pem`),
        "-addext",
        "basicConstraints=critical,CA:TRUE",
      ]);
    }
    const issue = async (name: string, authority: string, alternative: string) => {
      await this.#openssl(name, ["req", "-subj", `/CN=${name}`, "-out", this.path(`${name}.csr`)]);
      const extensions = this.write(`${name}.ext`, `subjectAltName=${alternative}\n`);
      await must([
        "openssl",
        "x509",
        "-req",
        "-in",
        this.path(`${name}.csr`),
        "-days",
        "2",
        "-CA",
        this.path(`${authority}.pem`),
        "-CAkey",
        this.path(`${authority}.key`),
        "-CAcreateserial",
        "-extfile",
        extensions,
        "-out",
        this.path(`${name}.pem`),
      ]);
    };
    await issue("a", "ca", `IP:${HOSTS.a}`);
    await issue("b", "ca", `IP:${HOSTS.b}`);
    await issue("controller", "ca", "DNS:controller");
    await issue("intruder", "strange", "DNS:controller");
  }

  async #openssl(name: string, [command, ...words]: readonly string[]): Promise<void> {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    await must(["openssl", command!, ...key, "-keyout", this.path(`${name}.key`), ...words]);
  }

  /**
   * Starts an sshd on each host: `a` accepts a key and `b` a password, which root has only in the mount
   * namespace of that sshd.
   */
  async #sshServers(): Promise<void> {
    for (const key of ["hostkey", "userkey"]) {
      await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", this.path(key)]);
    }
    const hash = (await must(["openssl", "passwd", "-6", PASSWORD])).trim();
    const shadow = Deno.readTextFileSync("/etc/shadow").replace(
      /^root:[^:]*:/m,
      () => `root:${hash}:`,
    );
    this.write("shadow", shadow);
    try {
      Deno.mkdirSync("/run/sshd", { mode: 0o755 });
      this.#madeRunSshd = true;
    } catch { /* It is there. */ }
    for (const host of ["a", "b"] as const) {
      const config = this.write(
        `sshd_${host}`,
        [
          `Port ${SSH_PORT}`,
          `ListenAddress ${HOSTS[host]}`,
          `HostKey ${this.path("hostkey")}`,
          `PidFile none`,
          "UsePAM no",
          "StrictModes no",
          "PermitRootLogin yes",
          `PubkeyAuthentication ${host === "a" ? "yes" : "no"}`,
          `PasswordAuthentication ${host === "a" ? "no" : "yes"}`,
          "KbdInteractiveAuthentication no",
          `AuthorizedKeysFile ${this.path("userkey.pub")}`,
          "",
        ].join("\n"),
      );
      const words = `mount --bind ${
        this.path("shadow")
      } /etc/shadow && exec /usr/sbin/sshd -D -e -f ${config}`;
      this.spawn(inside(host, ["unshare", "--mount", "/bin/sh", "-c", words]), `sshd_${host}.log`);
    }
    const known = Deno.readTextFileSync(this.path("hostkey.pub"));
    const lines = Object.values(HOSTS).map((address) => `[${address}]:${SSH_PORT} ${known}`);
    this.write("known_hosts", lines.join(""));
    const files = `UserKnownHostsFile ${
      this.path("known_hosts")
    }\nGlobalKnownHostsFile /dev/null\n`;
    this.write("ssh_config", files);
    this.write("ssh_config_unknown", files.replace("known_hosts", "no_such_file"));
  }

  async #daemon(host: HostName): Promise<void> {
    this.spawn(
      inside(host, [
        ...program(),
        "daemon",
        "--listen",
        HOSTS[host],
        "--statedir",
        this.path(`state_${host}`),
        "--tls-cert",
        this.path(`${host}.pem`),
        "--tls-key",
        this.path(`${host}.key`),
        "--tls-client-ca",
        this.path("ca.pem"),
        "--lf",
        this.path(`daemon_${host}.log`),
      ]),
      `daemon_${host}.out`,
    );
    const listens = () =>
      Deno.readTextFileSync(this.path(`daemon_${host}.out`)).includes("daemon on");
    if (!await until(listens)) {
      throw new Error(`No daemon: ${Deno.readTextFileSync(this.path(`daemon_${host}.out`))}`);
    }
  }

  /** Starts a process that `close` ends, its output in a file. */
  spawn(command: readonly string[], file: string): Deno.ChildProcess {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'exec >"$0" 2>&1; exec "$@"', this.path(file), ...command],
      cwd: this.directory,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    Deno.writeTextFileSync(this.path(file), "", { append: true });
    this.#children.push(child);
    return child;
  }

  /** A controller file; `changes` are entries of both daemons in place of the good ones. */
  controllerFile(name: string, changes: Readonly<Record<string, string>> = {}, more = ""): string {
    const entry = (host: HostName, i: number, ssh: Record<string, string>) => {
      const keys: Record<string, string> = {
        daemonaddr: HOSTS[host],
        sshport: String(SSH_PORT),
        sshuser: "root",
        sshconfigpath: "ssh_config",
        tlsca: "ca.pem",
        tlscert: "controller.pem",
        tlskey: "controller.key",
        mgmtaddrprefix: `2001:db8:${i}::/64`,
        ...ssh,
        ...changes,
      };
      const lines = Object.entries(keys).map(([key, value]) => `    ${key}: ${value}`);
      return [`  svr${host}:`, ...lines].join("\n");
    };
    const a = entry("a", 1, { sshkeypath: "userkey" });
    const b = entry("b", 2, { sshpass: PASSWORD });
    const variables = `varlist:\n  "%DIR%": ${this.directory}\n`;
    return this.write(name, `daemonlist:\n${a}\n${b}\n${variables}${more}`);
  }

  /** Runs `control` with arguments on the host of the controller. */
  control(...words: string[]): Promise<Said> {
    return run(inside("c", [...program(), "control", ...words]), this.directory);
  }

  /** Sends lines to the controller's shell by a pipe. */
  shell(config: string, lines: readonly string[]): Promise<Said> {
    const words = [...program(), "control", "cli", "-c", config].map((word) => `'${word}'`);
    const typed = lines.map((line) => `'${line}'`).join(" ");
    const script = `printf '%s\\n' ${typed} | ${words.join(" ")}`;
    return run(inside("c", ["sh", "-c", script]), this.directory);
  }

  /** Everything that an instance could leave on either host. */
  async seen(): Promise<string> {
    const names = (await must(["ip", "netns", "list"])).split("\n").map((line) =>
      line.split(" ")[0]!
    );
    const ours = names.filter((name) => name.includes(TAG)).sort();
    const parts = [ours.join(" ")];
    for (const host of ["a", "b"] as const) {
      const links = JSON.parse(await this.ip(host, "-json", "link")) as { ifname: string }[];
      parts.push(`${host}: ${links.map((link) => link.ifname).sort().join(" ")}`);
      for (const family of ["-4", "-6"]) {
        const routes = (await this.ip(host, family, "route")).split("\n").map((r) => r.trim());
        parts.push(...routes.filter((r) => r !== "" && !r.includes("fe80")).sort());
      }
    }
    const temporary = [...Deno.readDirSync("/tmp")].map(({ name }) => name);
    parts.push(...temporary.filter((name) => name.startsWith("myikev2_askpass_")));
    return parts.join("\n");
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      try {
        child.kill("SIGTERM");
      } catch { /* It has ended. */ }
      await child.status;
    }
    for (
      const name of (await must(["ip", "netns", "list"])).split("\n").map((l) => l.split(" ")[0]!)
    ) {
      if (!name.includes(TAG)) continue;
      const pids = (await must(["ip", "netns", "pids", name])).split("\n").filter(Boolean);
      for (const pid of pids) Deno.kill(Number(pid), "SIGKILL");
      await run(["ip", "netns", "del", name]);
    }
    if (this.#madeRunSshd) await Deno.remove("/run/sshd").catch(() => {});
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** The password of root for the sshd on `b`. */
export const PASSWORD = `pw-${crypto.randomUUID()}`;
