/**
 * Lines of the closing report for figures that need more than one word.
 * @module
 */

/** The line about Deletes. The graceful end closes each SA by a Delete and waits for the answer. */
export function deletesLines(unanswered: number | null): string[] {
  if (!unanswered) return [];
  const [subject, whose] = unanswered === 1
    ? ["1 Delete of the graceful end", "its IKE SA"]
    : [`${unanswered} Deletes of the graceful end`, "their IKE SAs"];
  return [`${subject} went unanswered before the test ended: the peer may still hold ${whose}`];
}

/** The lines about cookies, and why a gateway asked for them without being configured to. */
export function cookieLines(
  { asked, automatic }: { readonly asked: number; readonly automatic: number },
): string[] {
  if (asked === 0) return [];
  const why = "as half-open SAs or key exchanges to compute had become many";
  return [`Cookies: ${asked} asked for` + (automatic > 0 ? `, ${automatic} of them ${why}` : "")];
}

/** The line about puzzles of either role. */
export function puzzleLines(
  { given, solved, unsolved, wrong, tries }: {
    readonly given: number;
    readonly solved: number;
    readonly unsolved: number;
    readonly wrong: number;
    readonly tries: number;
  },
): string[] {
  if (given + solved + unsolved === 0) return [];
  const asked = given > 0 ? `${given} given, ` : "";
  const bad = wrong > 0 ? `, ${wrong} solved wrongly` : "";
  const work = tries > 0 ? `, by ${tries} keys` : "";
  return [
    `Puzzles: ${asked}${solved} solved${work}, ${unsolved} answered without a solution${bad}`,
  ];
}

/** The lines about each rule of `impairment`. */
export function impairmentLines(rules: readonly object[]): string[] {
  return rules.map((counts, i) => {
    const done = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
    return `Impairment, rule ${i + 1}: ${done.join(", ")}`;
  });
}

/** The lines about TCP connections. */
export function connectionLines(counters: object | null): string[] {
  if (!counters) return [];
  const { opened, accepted, ...causes } = counters as Readonly<Record<string, number>>;
  const closed = Object.entries(causes).filter(([, count]) => count > 0)
    .map(([cause, count]) => `TCP: ${count} ${CONNECTION_CAUSES[cause] ?? cause}`);
  return [`TCP connections: ${opened} opened, ${accepted} accepted`, ...closed];
}

/** Payloads of IP-TFS. */
interface Payloads {
  readonly sent: number;
  readonly received: number;
  readonly octetsOfPadding: number;
}

function payloadLines({ sent, received, octetsOfPadding }: Payloads): string[] {
  if (sent + received === 0) return [];
  return [
    `IP-TFS: ${sent} payloads sent with ${octetsOfPadding} octets of padding, ${received} received`,
  ];
}

/** The lines about packets of CHILD_SAs that this process carried. */
export function packetLines(
  packets: {
    readonly sent: number;
    readonly received: number;
    readonly payloads: Payloads;
    readonly drops: Readonly<Record<string, number>>;
  } | null,
): string[] {
  if (!packets) return [];
  const { sent, received, payloads, drops } = packets;
  return [
    `Packets: ${sent} sent, ${received} received by ESP in this process`,
    ...payloadLines(payloads),
    ...Object.entries(drops).map(([cause, count]) =>
      `Packets dropped: ${count} for ${PACKET_DROPS[cause] ?? cause}`
    ),
  ];
}

/** Descriptions of the counters of connections and frames. */
const CONNECTION_CAUSES: Readonly<Record<string, string>> = {
  crowdedOut: "connections closed, for too many strangers had one",
  idle: "connections closed, for nobody authenticated in time",
  hoarding: "connections closed, for too much waited for a stranger that did not read",
  badStreams: "connections closed, for what came was no stream of IKE and ESP",
  espDropped: "ESP packets dropped, for their connection was full",
  badFrames: "frames dropped, for they were neither IKE nor ESP",
};

/** Descriptions of the causes of dropped packets; the names are those of the data paths. */
export const PACKET_DROPS: Readonly<Record<string, string>> = {
  truncated: "no whole ESP packet",
  unknownSpi: "an unknown SPI",
  replayed: "a replay",
  badIcv: "a wrong ICV",
  badTrailer: "wrong padding",
  badInner: "no IP packet within",
  wrongSelectors: "addresses, protocol or ports that are not the CHILD_SA's",
  congestion: "congestion where ECN is unknown (RFC 6040)",
  badPayload: "a malformed payload of IP-TFS (RFC 9347 §6.1)",
  incomplete: "fragments that IP-TFS has lost",
  queueFull: "want of room in the queue of IP-TFS (its rate is too low)",
  dummy: "being a dummy (RFC 4303 §2.6)",
  noDevice: "want of a TUN device",
  noSa: "want of a CHILD_SA",
  malformed: "being no IP packet",
  tooBig: "a path that is too narrow",
  fragment: "being a fragment in transport mode",
  exhausted: "want of sequence numbers",
  notSent: "a refusal of the system to send them",
};
