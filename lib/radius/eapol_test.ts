/**
 * Uses `eapol_test` as the EAP peer (eap-snoop), with one process for each login. We act as the
 * RADIUS server of the process: its EAP packets are passed on to the gateway, the gateway's answers
 * are returned in RADIUS, and the MSK is read from the keys that the process prints. The number of
 * processes is bounded, and the end of each is waited for.
 * @module
 */
import { fromHex, toHex } from "@/base/bytes.ts";
import { systemWords, WireError } from "@/base/errors.ts";
import type { EapAnswer, EapPeer } from "@/eap/conversation.ts";
import { printable } from "@/eap/identity.ts";
import { methodOf } from "@/eap/methods.ts";
import { decodeEap, type EapPacket } from "@/eap/packet.ts";
import {
  decodeRadius,
  eapIn,
  eapMessages,
  fitRadius,
  type RadiusAttributeValue,
  type RadiusPacket,
} from "@/eap/radius/packet.ts";
import type { RadiusReply } from "@/eap/radius/front_end.ts";
import { sealResponse, verdictOfMac } from "@/eap/radius/secret.ts";
import { EapCode, EapType, nameOfEapType } from "@/iana/eap_type.ts";
import { RadiusAttribute, RadiusCode } from "@/iana/radius.ts";
import { udpSocketOwner } from "@/native/socket_owner.ts";
import { RadiusServer } from "@/radius/server.ts";

/** The settings of all logins. */
export interface EapolTestSettings {
  /** The path of the program; a name without a slash is searched on PATH. */
  readonly program: string;
  /** The most processes that run at the same time, for which further logins wait; absent: 32. */
  readonly processesMax?: number;
  /** The longest time of a login in seconds; absent: 60. */
  readonly lifetimeSec?: number;
}

/** The address at which our RADIUS server listens for the process. */
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const PROCESSES_MAX = 32;
const LIFETIME_SEC = 60;
/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE_MS = 1_000;
/** The most lines of keys that are kept of a process, and the most octets of a line. */
const KEY_LINES_MAX = 256;
const LINE_MAX = 4_096;
const COMPLAINTS_MAX = 8;
const KEY_LINE = /^(.{1,80}) - hexdump\(len=(?:32|64|128)\): ([0-9a-f ]+)$/;
const PMK = "PMK from EAPOL";
const PMK_OCTETS = 32;
const MSK_OCTETS = 64;
/**
 * Matches lines that give a reason of failure: of a method, of TLS or of the configuration, but no
 * dumps.
 */
const COMPLAINT =
  /^(?:EAP-|TLS|SSL|OpenSSL|Line \d|Failed|Could not|Invalid)(?!.*hexdump).*(?:fail|invalid|mismatch|error|not |unknown)/i;

/** The identity in a configuration (`identity="bob"`); `undefined` if it has none. */
export function identityInConf(conf: string): string | undefined {
  return /^\s*identity="(.*)"\s*$/m.exec(conf)?.[1];
}

/** All logins by `eapol_test` of one test. */
export class EapolTest {
  readonly #settings: EapolTestSettings;
  readonly #running = new Set<Login>();
  readonly #waiting: (() => void)[] = [];
  #places: number;

  constructor(settings: EapolTestSettings) {
    this.#settings = settings;
    this.#places = settings.processesMax ?? PROCESSES_MAX;
  }

  /** Opens a peer with this configuration, which is the whole text with `&d` already replaced. */
  open(conf: string): EapPeer {
    const login = new Login(conf, this.#settings, {
      acquire: () => this.#acquire(),
      release: () => this.#release(),
      ended: () => this.#running.delete(login),
    });
    this.#running.add(login);
    return login;
  }

  /** The number of processes that run. */
  get processes(): number {
    return (this.#settings.processesMax ?? PROCESSES_MAX) - this.#places;
  }

  /** Ends all logins, and waits for their processes. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((login) => login.end()));
  }

  async #acquire(): Promise<void> {
    if (this.#places > 0) this.#places--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#places++;
  }
}

interface Places {
  acquire(): Promise<void>;
  release(): void;
  ended(): void;
}

/** An Access-Request of the process that waits for its answer. */
interface Pending {
  readonly packet: RadiusPacket;
  readonly eap: Uint8Array;
  readonly reply: (reply: RadiusReply) => void;
}

class Login implements EapPeer {
  /**
   * The secret is an argument of the process, as eapol_test accepts it in no other way, so that
   * every user of the host can read it. It is drawn for this process only, and is of no use to
   * others: requests are only accepted from a socket of our own user, and answers contain no key.
   */
  readonly #secret = crypto.getRandomValues(new Uint8Array(16));
  #server: RadiusServer | undefined;
  #child: Deno.ChildProcess | undefined;
  #over: Promise<void> | undefined;
  #pending: Pending | undefined;
  /** The address of its requests; undefined before the first. */
  #from: string | undefined;
  /** Is called with the next request of the process, or with `undefined` at its end. */
  #heard: ((pending: Pending | undefined) => void) | undefined;
  #method: number | undefined;
  #closed = false;
  #exited = false;
  readonly #keyLines: string[] = [];
  readonly #complaints: string[] = [];

  constructor(
    readonly conf: string,
    readonly settings: EapolTestSettings,
    readonly places: Places,
  ) {}

  async step(octets: Uint8Array): Promise<EapAnswer> {
    let packet: EapPacket;
    try {
      packet = decodeEap(octets);
    } catch (e) {
      if (!(e instanceof WireError)) throw e;
      return this.#failed(e.message);
    }
    if (!this.#over) {
      await this.places.acquire();
      if (this.#closed) {
        this.places.release();
        return this.#failed("it was ended before it began");
      }
      const refused = this.#begin();
      if (refused !== undefined) return this.#failed(refused);
    }
    const pending = this.#pending ?? await this.#next();
    if (!pending) return this.#failed(this.#reason());
    return await this.#relay(packet, octets, pending);
  }

  close(): void {
    void this.end();
  }

  /** Ends the process, and waits for that. */
  async end(): Promise<void> {
    this.#closed = true;
    if (!this.#over) return this.places.ended();
    this.#signal("SIGTERM");
    const force = setTimeout(() => this.#signal("SIGKILL"), GRACE_MS);
    await this.#over;
    clearTimeout(force);
  }

  /** Starts the process and its RADIUS server; why it cannot. */
  #begin(): string | undefined {
    const receive = (datagram: Uint8Array, from: string) => this.#receive(datagram, from);
    try {
      this.#server = new RadiusServer({ hostname: "127.0.0.1", port: 0 }, { receive });
      const { port } = this.#server.address;
      const { lifetimeSec = LIFETIME_SEC } = this.settings;
      const secret = toHex(this.#secret);
      this.#child = new Deno.Command(this.settings.program, {
        // -n: the process does not expect keys from us, but prints its own.
        args: ["-n", "-c", "/dev/stdin", "-a", "127.0.0.1", "-p", `${port}`, "-s", secret].concat(
          ["-t", `${lifetimeSec}`],
        ),
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (e) {
      this.#over = this.#settle([]);
      return `it cannot be started: ${systemWords(e)} (eapoltestpath is ${this.settings.program})`;
    }
    const { stdin, stdout, stderr, status } = this.#child;
    this.#over = this.#settle([
      feed(stdin, this.conf),
      this.#read(stdout),
      this.#read(stderr),
      status,
    ]);
    return undefined;
  }

  /** Waits for everything that a login has started, and lets the next login begin. */
  async #settle(parts: readonly Promise<unknown>[]): Promise<void> {
    await Promise.allSettled(parts);
    this.#exited = true;
    this.#heard?.(undefined);
    this.#drop();
    await this.#server?.close();
    this.places.release();
    this.places.ended();
  }

  #receive(datagram: Uint8Array, from: string): Promise<RadiusReply> {
    const silence = (note: string) => Promise.resolve({ octets: undefined, note });
    let packet: RadiusPacket;
    try {
      packet = decodeRadius(datagram);
    } catch (e) {
      if (!(e instanceof WireError)) throw e;
      return silence(e.message);
    }
    const secret = new TextEncoder().encode(toHex(this.#secret));
    const eap = eapIn(packet);
    const right = verdictOfMac(packet, packet.authenticator, secret) === "right";
    if (!right || !eap || this.#exited) return silence("no request of ours");
    this.#from ??= this.#isOfOwnUser(from) ? from : undefined;
    if (this.#from !== from) return silence("a request of somebody else");
    // This is a repeated request; the first one is answered.
    const repeated = this.#pending && this.#pending.packet.identifier === packet.identifier;
    if (repeated) return silence("a repetition");
    return new Promise((reply) => {
      this.#pending = { packet, eap: eap.slice(), reply };
      this.#heard?.(this.#pending);
    });
  }

  /** Whether a request comes from a socket of our own user that is connected to our server. */
  #isOfOwnUser(from: string): boolean {
    const at = (port: number) => ({ address: LOOPBACK, port });
    const own = at(this.#server!.address.port);
    return udpSocketOwner(at(portOf(from)), own) === (Deno.uid() ?? 0);
  }

  /** The next request of the process, or `undefined` if it ends before. */
  #next(): Promise<Pending | undefined> {
    if (this.#pending || this.#exited) return Promise.resolve(this.#pending);
    return new Promise((resolve) => {
      this.#heard = (pending) => {
        this.#heard = undefined;
        resolve(pending);
      };
    });
  }

  async #relay(packet: EapPacket, octets: Uint8Array, pending: Pending): Promise<EapAnswer> {
    if (
      packet.code === EapCode.REQUEST && packet.type === EapType.IDENTITY && isIdentity(pending.eap)
    ) {
      // The process has sent its identity without being asked; the response gets the Identifier of
      // the present request.
      const response = pending.eap.slice();
      response[1] = packet.identifier;
      return { kind: "send", octets: response };
    }
    if ("type" in packet && packet.type > EapType.NAK) this.#method = packet.type;
    const codes: Readonly<Record<number, number>> = {
      [EapCode.REQUEST]: RadiusCode.ACCESS_CHALLENGE,
      [EapCode.SUCCESS]: RadiusCode.ACCESS_ACCEPT,
      [EapCode.FAILURE]: RadiusCode.ACCESS_REJECT,
    };
    const code = codes[packet.code];
    if (code === undefined) return { kind: "discarded", why: "a peer takes no EAP Response" };
    if (!fitRadius([...eapMessages(octets), stateOf(pending.packet)])) {
      return this.#failed(`the server's EAP packet of ${octets.length} octets does not fit RADIUS`);
    }
    this.#reply(code, octets, pending);
    if (packet.code === EapCode.REQUEST) {
      const next = await this.#next();
      return next ? { kind: "send", octets: next.eap } : this.#failed(this.#reason());
    }
    await this.#over;
    return packet.code === EapCode.SUCCESS ? this.#succeeded() : this.#failed(this.#reason());
  }

  #reply(code: number, eap: Uint8Array, { packet, reply }: Pending): void {
    this.#pending = undefined;
    const { identifier, authenticator } = packet;
    const attributes = [...eapMessages(eap), stateOf(packet)];
    const secret = new TextEncoder().encode(toHex(this.#secret));
    const octets = sealResponse({ code, identifier, attributes }, authenticator, secret);
    reply({ octets, note: undefined });
  }

  /** Drops a request that will not be answered. */
  #drop(): void {
    this.#pending?.reply({ octets: undefined, note: undefined });
    this.#pending = undefined;
  }

  #succeeded(): EapAnswer {
    const type = this.#method;
    if (type === undefined) return this.#failed("the server says Success without any method");
    const method = methodOf(type);
    const methodName = method?.name ?? nameOfEapType(type);
    const msk = this.#msk(type);
    if (!msk && method?.derivesKeys !== false) {
      return this.#failed(`it does not say the MSK of ${methodName}: ${this.#reason()}`);
    }
    const identity = identityInConf(this.conf) ?? "";
    const notes = ["by eapol_test"];
    const outcome = { method: type, methodName, identity, msk, notes };
    return { kind: "succeeded", octets: undefined, outcome };
  }

  /**
   * The longest dumped key that begins with the PMK, which is the MSK of the method under its own
   * name.
   */
  #msk(type: number): Uint8Array | undefined {
    const keys = this.#keyLines.map((line) => {
      const [, name, digits] = KEY_LINE.exec(line)!;
      return { name, octets: fromHex(digits!.replaceAll(" ", "")) ?? new Uint8Array(0) };
    });
    const pmk = keys.findLast(({ name }) => name === PMK)?.octets;
    if (!pmk) return undefined;
    const begins = keys.filter(({ octets }) => pmk.every((octet, i) => octet === octets[i])).sort((
      a,
      b,
    ) => b.octets.length - a.octets.length);
    const longest = begins[0]!.octets.subarray(0, MSK_OCTETS);
    // The MSK of MSCHAPv2 has only 32 octets; the rest are zeros.
    if (longest.length === PMK_OCTETS && type !== EapType.MSCHAPV2) return undefined;
    const msk = new Uint8Array(MSK_OCTETS);
    msk.set(longest);
    return msk;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop()!.slice(0, LINE_MAX);
      for (const line of lines) this.#line(line.slice(0, LINE_MAX));
    }
    this.#line(rest);
  }

  #line(line: string): void {
    if (KEY_LINE.test(line)) {
      this.#keyLines.push(line);
      if (this.#keyLines.length > KEY_LINES_MAX) this.#keyLines.shift();
    } else if (COMPLAINT.test(line)) {
      this.#complaints.push(line.trim());
      if (this.#complaints.length > COMPLAINTS_MAX) this.#complaints.shift();
    }
  }

  #reason(): string {
    return this.#complaints.at(-1) ?? "it has ended without giving a reason";
  }

  #failed(why: string): EapAnswer {
    this.close();
    const whole = `eapol_test fails: ${printable(why)}`;
    return { kind: "failed", octets: undefined, cause: "relay", why: whole, notes: [] };
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child?.kill(signal);
    } catch {
      // The process has ended by itself.
    }
  }
}

function portOf(from: string): number {
  return Number(from.slice(from.lastIndexOf(":") + 1));
}

/** A State attribute, whose value is irrelevant as the process has only one conversation. */
function stateOf({ identifier }: RadiusPacket): RadiusAttributeValue {
  return { type: RadiusAttribute.STATE, value: Uint8Array.of(identifier) };
}

function isIdentity(eap: Uint8Array): boolean {
  return eap[0] === EapCode.RESPONSE && eap[4] === EapType.IDENTITY;
}

/** Writes the configuration to the standard input of the process, so that it is in no file. */
async function feed(stdin: WritableStream<Uint8Array>, conf: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(conf));
    await writer.close();
  } catch {
    // The process has ended before it read everything; its output gives the reason.
  }
}
