/**
 * Reads the log of charon (strongSwan's daemon) with `ike = 4`, `chd = 4` and `ike_name = yes`: of each IKE
 * SA its SPIs and all SK_*, of each CHILD_SA the SPI and keys of both directions.
 * @module
 */

/** One direction of a CHILD_SA: keys in hex, `encryption` with the salt of a counter-mode cipher. */
export interface EspKeys {
  readonly encryption: string;
  /** Empty with an AEAD cipher. */
  readonly integrity: string;
}

/** An IKE SA as charon logged it. All octets are lower-case hex. */
export interface CharonSa {
  /** charon's number of the IKE SA, from 1. */
  readonly id: number;
  /** Name of the connection; empty before one is chosen. */
  connection: string;
  /** SPIs in 16 digits. */
  spiI: string;
  spiR: string;
  established: boolean;
  /** Keys by the names of RFC 7296 §2.14: `SK_d`, `SK_ai`, …; absent if the suite has none. */
  readonly secrets: Map<string, string>;
  /**
   * All keys that were ever logged under this number, as the name and the octets: keys of an IKE SA that
   * replaces this one are logged under the number of this one.
   */
  readonly everySecret: Set<string>;
  /** Keys by the SPI (8 digits) of the ESP SA that they protect. */
  readonly esp: Map<string, EspKeys>;
  /** All other lines, without their prefix. */
  readonly lines: string[];
}

const LINE = /^\S+ +(\d+)\[(\w+)\] (?:<(?:([^|>]*)\|)?(\d+)> )?(.*)$/;
const DUMP = /^(.*\S) => (\d+) bytes @ /;
const OCTETS = /^ *\d+: ((?:[0-9A-F]{2} )+)/;
const RESPONSE_FLAG = 0x20;
const EXCHANGE =
  /^(generating (?:IKE_AUTH|CREATE_CHILD_SA) request|parsed (?:IKE_AUTH|CREATE_CHILD_SA) \w+) /;

/** A hex dump that a thread of charon is writing. */
interface OpenDump {
  readonly sa: CharonSa;
  readonly name: string;
  readonly digits: number;
  hex: string;
}

/** Keys of a CHILD_SA that is not established yet, by charon's words for them. */
interface Pending {
  initiator: boolean;
  readonly keys: Map<string, string>;
}

/** Reads a whole log, or its part since a row began. */
export function parseCharonLog(text: string): Map<number, CharonSa> {
  const sas = new Map<number, CharonSa>();
  const pending = new Map<number, Pending>();
  const open = new Map<string, OpenDump>();
  for (const raw of text.split("\n")) {
    const match = LINE.exec(raw);
    if (!match || match[4] === undefined) continue;
    const [, thread, , connection, idText, message] = match;
    const sa = saOf(sas, Number(idText));
    if (connection) sa.connection = connection;
    let state = pending.get(sa.id);
    if (!state) pending.set(sa.id, state = { initiator: false, keys: new Map() });
    const dump = DUMP.exec(message!);
    if (dump) {
      open.set(thread!, { sa, name: dump[1]!, digits: 2 * Number(dump[2]), hex: "" });
      continue;
    }
    const octets = OCTETS.exec(message!);
    const current = open.get(thread!);
    if (octets && current) {
      current.hex += octets[1]!.replaceAll(" ", "").toLowerCase();
      if (current.hex.length < current.digits) continue;
      open.delete(thread!);
      takeDump(current, state);
    } else {
      takeLine(sa, state, message!);
    }
  }
  return sas;
}

function saOf(sas: Map<number, CharonSa>, id: number): CharonSa {
  let sa = sas.get(id);
  if (!sa) {
    sa = {
      id,
      connection: "",
      spiI: "",
      spiR: "",
      established: false,
      secrets: new Map(),
      everySecret: new Set(),
      esp: new Map(),
      lines: [],
    };
    sas.set(id, sa);
  }
  return sa;
}

function takeDump(dump: OpenDump, state: Pending): void {
  const { sa, name } = dump;
  // The last row of a dump ends at its length; the text column follows.
  const hex = dump.hex.slice(0, dump.digits);
  const secret = /^Sk_(\w+) secret$/.exec(name);
  if (secret) {
    sa.secrets.set(`SK_${secret[1]}`, hex);
    sa.everySecret.add(`SK_${secret[1]} ${hex}`);
  } else if (/^(encryption|integrity) (initiator|responder) key$/.test(name)) {
    state.keys.set(name, hex);
  } else if (name.startsWith("octets = message")) {
    // AUTH covers both IKE_SA_INIT messages; the response has both SPIs.
    if (parseInt(hex.slice(38, 40), 16) & RESPONSE_FLAG) {
      sa.spiI = hex.slice(0, 16);
      sa.spiR = hex.slice(16, 32);
    }
  }
}

function takeLine(sa: CharonSa, state: Pending, message: string): void {
  sa.lines.push(message);
  if (/^IKE_SA .* established between /.test(message)) sa.established = true;
  // Keys follow the message that they come from; of two requests that cross, it is the received one.
  const exchange = EXCHANGE.exec(message)?.[1];
  if (exchange) state.initiator = !exchange.startsWith("parsed") || exchange.endsWith("response");
  const child = /^(?:inbound )?CHILD_SA .* established with SPIs (\w{8})_i (\w{8})_o/.exec(message);
  if (!child) return;
  const keys = (end: string): EspKeys => ({
    encryption: state.keys.get(`encryption ${end} key`) ?? "",
    integrity: state.keys.get(`integrity ${end} key`) ?? "",
  });
  // What charon sends is protected by its outbound keys, which are the initiator's if it initiated.
  sa.esp.set(child[1]!, keys(state.initiator ? "responder" : "initiator"));
  sa.esp.set(child[2]!, keys(state.initiator ? "initiator" : "responder"));
  state.keys.clear();
}
