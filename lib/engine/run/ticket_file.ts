/**
 * The tickets of a client in a file (`ticketfile`), so that its tunnels can be resumed by the next test (RFC 5723
 * §4.2). A ticket is in the file from when it is given until it is presented, or its IKE SA is deleted. Each line
 * is an object of JSON; the last one of a tunnel counts.
 * @module
 */
import { fromHex, toHex } from "@/base/bytes.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { LineFile, readLines } from "@/files/line_file.ts";
import { suiteByIds } from "@/ike/negotiate/suite.ts";
import type { Identity } from "@/ike/records/config.ts";
import type { SessionTicket } from "@/ike/records/resumption.ts";
import type { Setup } from "@/setup/setup.ts";

/** The longest file, in octets: the tickets of a hundred thousand tunnels, written twice. */
const FILE_OCTETS_MAX = 256 * 1_024 * 1_024;
/** The most octets of the lines that count, half of the longest file. */
const KEPT_OCTETS_MAX = FILE_OCTETS_MAX / 2;
/** The most tunnels of a setup. */
const TUNNELS_MAX = 10_000_000;

/** A ticket whose time is that of day. */
export interface StoredTicket extends Omit<SessionTicket, "expiresMs"> {
  /** Milliseconds since 1970. */
  readonly expiresEpochMs: number;
}

/** Where a client keeps its tickets. */
export interface TicketStore {
  /** The tickets of the test before, by tunnel, which have not expired. */
  readonly before: ReadonlyMap<number, StoredTicket>;
  /** Keeps a ticket in place of the one that the tunnel had. */
  given(tunnel: number, ticket: StoredTicket): void;
  /** Drops the ticket of a tunnel. */
  gone(tunnel: number): void;
  close(): void;
}

/** The lines of the tickets that count, by tunnel, all of which have a bound. */
class KeptLines {
  readonly #lines = new Map<number, string>();
  readonly #octetsMax: number;
  #octets = 0;

  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax;
  }

  get lines(): Iterable<string> {
    return this.#lines.values();
  }

  /** Keeps a line in place of the one before; false: there is no room for it. */
  set(tunnel: number, line: string): boolean {
    this.delete(tunnel);
    // A line is ASCII, and its end is one octet more.
    const octets = line.length + 1;
    if (this.#octets + octets > this.#octetsMax) return false;
    this.#octets += octets;
    this.#lines.set(tunnel, line);
    return true;
  }

  /** Whether there was a line. */
  delete(tunnel: number): boolean {
    const line = this.#lines.get(tunnel);
    if (line === undefined) return false;
    this.#octets -= line.length + 1;
    return this.#lines.delete(tunnel);
  }
}

/**
 * Opens the file of a setup; undefined: it has none. `note` is called with what was found, and with tickets that
 * cannot be kept. `octetsMax` bounds the tickets that are kept.
 * @throws {SetupError} if the file cannot be read or written.
 */
export function openTickets(
  { role, ikeconf: { ticketfile: path, resume } }: Setup,
  crypto: CryptoBackend,
  note: (words: string) => void,
  octetsMax = KEPT_OCTETS_MAX,
): TicketStore | undefined {
  if (role !== "client" || path === "" || resume === "never") return undefined;
  try {
    const read = readTickets(readLines(path, FILE_OCTETS_MAX), crypto);
    const { tickets, unreadable } = read;
    if (tickets.size > 0) note(`${tickets.size} tickets of a test before are in ${path}`);
    if (unreadable > 0) note(`${unreadable} lines of ${path} are no tickets, and are dropped`);
    const kept = new KeptLines(octetsMax);
    let isFull = false;
    const keep = (tunnel: number, line: string): boolean => {
      const isKept = kept.set(tunnel, line);
      if (!isKept && !isFull) note(fullWords(tunnel, path, octetsMax));
      isFull ||= !isKept;
      return isKept;
    };
    for (const [tunnel, ticket] of tickets) keep(tunnel, lineOf(tunnel, ticket));
    const file = new LineFile({
      path,
      octetsMax: FILE_OCTETS_MAX,
      lines: () => kept.lines,
      failed: (why) => note(`Tickets are not kept any more, as ${path} cannot be written: ${why}`),
    });
    return {
      before: tickets,
      given(tunnel, ticket) {
        const line = lineOf(tunnel, ticket);
        // Without room the ticket before does not count any more either.
        file.append(keep(tunnel, line) ? line : goneLine(tunnel));
      },
      gone(tunnel) {
        if (kept.delete(tunnel)) file.append(goneLine(tunnel));
      },
      close: () => file.close(),
    };
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    throw new SetupError(`ikeconf.ticketfile: Cannot use ${path}: ${e.message}`);
  }
}

/** The tickets that count, and how many lines cannot be read. */
function readTickets(lines: readonly string[], crypto: CryptoBackend) {
  const tickets = new Map<number, StoredTicket>();
  let unreadable = 0;
  for (const line of lines) {
    const entry = objectIn(line);
    const tunnel = entry && entry["tunnel"];
    if (!entry || !isCount(tunnel, TUNNELS_MAX)) {
      unreadable++;
      continue;
    }
    tickets.delete(tunnel);
    if (entry["ticket"] === undefined) continue;
    const ticket = ticketIn(entry, crypto);
    if (!ticket) unreadable++;
    else if (ticket.expiresEpochMs > Date.now()) tickets.set(tunnel, ticket);
  }
  return { tickets, unreadable };
}

function fullWords(tunnel: number, path: string, octetsMax: number): string {
  return `The ticket of tunnel ${tunnel}, and maybe of others, is not kept, as ${path} has room for ` +
    `${octetsMax} octets: those tunnels cannot be resumed by the next test`;
}

/** The line of a tunnel without a ticket. */
function goneLine(tunnel: number): string {
  return JSON.stringify({ tunnel });
}

type Entry = Readonly<Record<string, unknown>>;

function objectIn(line: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value as Entry : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown, max: number): value is number {
  return Number.isInteger(value) && value as number >= 0 && value as number <= max;
}

function lineOf(tunnel: number, ticket: StoredTicket): string {
  const { suite, skD, ownId, peerId, ownAuth, peerAuth, eapIdentity, ppk } = ticket;
  const { cipher, integrity, prf, group, additional } = suite;
  return JSON.stringify({
    tunnel,
    expires: ticket.expiresEpochMs,
    gateway: toHex(ticket.gateway),
    inner: ticket.inner.map(toHex),
    suite: [cipher.id, cipher.keyBits, integrity?.id ?? 0, prf.id, group, ...additional],
    skd: toHex(skD),
    ids: [ownId, peerId].map(({ idType, data }) => [idType, toHex(data)]),
    auth: [ownAuth, peerAuth],
    ...(eapIdentity === undefined ? {} : { eap: eapIdentity }),
    ppk,
    ticket: toHex(ticket.opaque),
  });
}

/** The ticket of a line; undefined: it is none, or is of a suite that this process does not have. */
function ticketIn(entry: Entry, crypto: CryptoBackend): StoredTicket | undefined {
  const { expires, suite: numbers, auth, eap } = entry;
  if (!isCount(expires, Number.MAX_SAFE_INTEGER) || !areCounts(numbers) || !areCounts(auth)) {
    return undefined;
  }
  const [encryption, keyBits, integrity, prf, group, ...additional] = numbers;
  const suite = suiteByIds(crypto, {
    encryption: encryption ?? 0,
    keyBits: keyBits ?? 0,
    integrity: integrity ?? 0,
    prf: prf ?? 0,
    group: group ?? 0,
    additional,
  });
  const [ownId, peerId] = listIn(entry["ids"]).map(identityIn);
  const [ownAuth = 0, peerAuth = 0] = auth;
  const inner = listIn(entry["inner"]).map(octetsIn);
  const [skD, gateway, opaque] = ["skd", "gateway", "ticket"].map((name) => octetsIn(entry[name]));
  if (!suite || !ownId || !peerId || !skD || !gateway || !opaque) return undefined;
  if (skD.length !== suite.prf.keyOctets || inner.includes(undefined)) return undefined;
  return {
    suite,
    skD,
    ownId,
    peerId,
    ownAuth,
    peerAuth,
    eapIdentity: typeof eap === "string" ? eap : undefined,
    ppk: entry["ppk"] === true,
    opaque,
    gateway,
    inner: inner.filter((address) => address !== undefined),
    expiresEpochMs: expires,
  };
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function areCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((one) => isCount(one, 0xffff));
}

function octetsIn(value: unknown): Uint8Array | undefined {
  return typeof value === "string" ? fromHex(value) : undefined;
}

function identityIn(value: unknown): Identity | undefined {
  const [idType, hex] = listIn(value);
  const data = octetsIn(hex);
  return isCount(idType, 0xff) && data ? { idType, data } : undefined;
}
