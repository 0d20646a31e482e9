/**
 * Programs of others that speak EAP over RADIUS, on loopback: hostapd as a server, eapol_test as a
 * client, and an AuC for hostapd.
 */
import { fromHex, toHex } from "@/base/bytes.ts";
import {
  answerChallenge,
  makeVector,
  resynchronise,
  type SimCard,
  type SimKeys,
} from "@/eap/sim/card.ts";
import { gsmTriplet } from "@/eap/sim/milenage.ts";

export const SECRET = "testing123";
export const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));

/** Whether a program is installed; under CI, where all must be, its absence is a failure. */
export function isThere(program: string): boolean {
  const found = (Deno.env.get("PATH") ?? "").split(":").concat("/usr/sbin")
    .some((dir) => isFile(`${dir}/${program}`));
  if (!found && Deno.env.get("CI") === "true") throw new Error(`${program} is not installed`);
  return found;
}

/** A test that needs programs; it is skipped with their names if one is missing. */
export function labTest(
  name: string,
  programs: readonly string[],
  run: (directory: string) => Promise<void>,
): void {
  const missing = programs.filter((program) => !isThere(program));
  Deno.test({
    name: missing.length > 0 ? `${name} (skipped: no ${missing.join(", ")})` : name,
    ignore: missing.length > 0,
    fn: async () => {
      const directory = await Deno.makeTempDir({ prefix: "myikev2-eap-" });
      try {
        await run(directory);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

/** A UDP port that was free a moment ago. */
export function freePort(): number {
  const conn = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = conn.addr as Deno.NetAddr;
  conn.close();
  return port;
}

/** The output of a program, and its exit status. */
export interface Said {
  readonly success: boolean;
  readonly text: string;
}

/** One login of eapol_test at our RADIUS server; `network` is the content of its block. */
export async function eapolTest(
  directory: string,
  network: readonly string[],
  { port, args = [], head = [] }: {
    readonly port: number;
    readonly args?: readonly string[];
    /** Lines before the block. */
    readonly head?: readonly string[];
  },
): Promise<Said> {
  const path = `${directory}/eapol_test.conf`;
  const inside = ["key_mgmt=IEEE8021X", "eapol_flags=0", ...network].map((line) => `  ${line}\n`);
  const before = head.map((line) => `${line}\n`).join("");
  await Deno.writeTextFile(path, `${before}network={\n${inside.join("")}}\n`);
  const child = new Deno.Command("eapol_test", {
    args: ["-c", path, "-a", "127.0.0.1", "-p", `${port}`, "-s", SECRET, "-t", "20", ...args],
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return { success, text };
}

/** A hostapd that is only a RADIUS server. */
export class Hostapd {
  readonly #child: Deno.ChildProcess;
  readonly #said: Promise<string>;

  private constructor(child: Deno.ChildProcess, readonly port: number) {
    this.#child = child;
    this.#said = new Response(child.stdout).text();
  }

  /** `users` are lines of its user file; `more` of its configuration. */
  static async start(
    directory: string,
    users: readonly string[],
    more: readonly string[] = [],
  ): Promise<Hostapd> {
    const port = freePort();
    const path = `${directory}/hostapd.conf`;
    await Deno.writeTextFile(`${directory}/clients`, `127.0.0.1/32 ${SECRET}\n`);
    await Deno.writeTextFile(`${directory}/users`, users.map((line) => `${line}\n`).join(""));
    const lines = [
      "driver=none",
      `radius_server_clients=${directory}/clients`,
      `radius_server_auth_port=${port}`,
      "eap_server=1",
      `eap_user_file=${directory}/users`,
      ...more,
    ];
    await Deno.writeTextFile(path, lines.map((line) => `${line}\n`).join(""));
    const child = new Deno.Command("hostapd", {
      args: ["-dd", "-K", path],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const hostapd = new Hostapd(child, port);
    await hostapd.#listens();
    return hostapd;
  }

  /** Ends it; returns its output. */
  async stop(): Promise<string> {
    try {
      this.#child.kill("SIGTERM");
    } catch { /* it has ended by itself */ }
    await this.#child.status;
    return await this.#said;
  }

  /** Waits until its socket is in the kernel's table. */
  async #listens(): Promise<void> {
    const port = this.port.toString(16).toUpperCase().padStart(4, "0");
    for (let tries = 0; tries < 200; tries++) {
      if ((await Deno.readTextFile("/proc/net/udp")).includes(`:${port} `)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`hostapd does not listen: ${await this.stop()}`);
  }
}

/** The AuC that hostapd asks (its `hlr_auc_gw` protocol), on a datagram socket of its own. */
export class Auc {
  readonly #conn: Deno.DatagramConn;
  readonly #loop: Promise<void>;
  #closed = false;
  /** Number of requested resynchronizations. */
  resynchronised = 0;

  constructor(readonly path: string, readonly subscribers: ReadonlyMap<string, SimKeys>) {
    this.#conn = Deno.listenDatagram({ transport: "unixpacket", path });
    this.#loop = this.#answer();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#conn.close();
    await this.#loop;
  }

  async #answer(): Promise<void> {
    while (!this.#closed) {
      try {
        const [octets, from] = await this.#conn.receive();
        const reply = this.#say(new TextDecoder().decode(octets).trim());
        if (reply) await this.#conn.send(new TextEncoder().encode(reply), from);
      } catch (e) {
        if (this.#closed) return;
        throw e;
      }
    }
  }

  #say(request: string): string | undefined {
    const [verb = "", imsi = "", ...rest] = request.split(" ");
    const keys = this.subscribers.get(imsi);
    switch (verb) {
      case "SIM-REQ-AUTH": {
        if (!keys) return `SIM-RESP-AUTH ${imsi} FAILURE`;
        const triplets = Array.from({ length: Number(rest[0]) }, () => {
          const rand = random(16);
          const { kc, sres } = gsmTriplet(keys, rand);
          return `${toHex(kc)}:${toHex(sres)}:${toHex(rand)}`;
        });
        return `SIM-RESP-AUTH ${imsi} ${triplets.join(" ")}`;
      }
      case "AKA-REQ-AUTH": {
        if (!keys) return `AKA-RESP-AUTH ${imsi} FAILURE`;
        const { rand, autn, ik, ck, res } = makeVector(keys, random(16));
        return `AKA-RESP-AUTH ${imsi} ${[rand, autn, ik, ck, res].map(toHex).join(" ")}`;
      }
      case "AKA-AUTS": {
        const [auts = "", rand = ""] = rest;
        if (keys && resynchronise(keys, fromHex(rand)!, fromHex(auts)!)) this.resynchronised++;
        return undefined;
      }
      default:
        return undefined;
    }
  }
}

/** The card that eapol_test uses by its control socket (`external_sim=1`). */
export class ExternalCard {
  readonly #conn: Deno.DatagramConn;
  readonly #loop: Promise<void>;
  #closed = false;

  constructor(readonly directory: string, readonly card: SimCard) {
    const path = `${directory}/card.sock`;
    this.#conn = Deno.listenDatagram({ transport: "unixpacket", path });
    this.#loop = this.#answer();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#conn.close();
    await this.#loop;
  }

  async #answer(): Promise<void> {
    const to = { transport: "unixpacket", path: `${this.directory}/control/test` } as const;
    const send = (text: string) => this.#conn.send(new TextEncoder().encode(text), to);
    while (!this.#closed) {
      const attached = await send("ATTACH").then(() => true, () => false);
      if (attached) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    while (!this.#closed) {
      try {
        const [octets] = await this.#conn.receive();
        const text = new TextDecoder().decode(octets);
        const [, wanted] = /CTRL-REQ-SIM-0:(\S+) needed/.exec(text) ?? [];
        if (wanted) await send(`CTRL-RSP-SIM-0:${this.#say(wanted)}`);
      } catch (e) {
        if (this.#closed) return;
        throw e;
      }
    }
  }

  #say(wanted: string): string {
    const [verb, ...values] = wanted.split(":");
    const [rand, autn] = values.map((v) => fromHex(v)!);
    if (verb === "GSM-AUTH") {
      const triplets = values.map((value) => gsmTriplet(this.card, fromHex(value)!));
      return `GSM-AUTH:${triplets.map(({ kc, sres }) => `${toHex(kc)}:${toHex(sres)}`).join(":")}`;
    }
    const verdict = answerChallenge(this.card, { rand: rand!, autn: autn! }, false);
    if (verdict.kind === "resynchronise") return `UMTS-AUTS:${toHex(verdict.auts)}`;
    if (verdict.kind === "rejected") return "UMTS-FAIL";
    const { ik, ck, res } = verdict.vector;
    return `UMTS-AUTH:${[ik, ck, res].map(toHex).join(":")}`;
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
