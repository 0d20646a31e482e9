/**
 * Figures of tunnels and of their SAs: how many there were, what replaced, moved or refused them.
 * @module
 */
import {
  causeLines,
  causes,
  count,
  type CountedCauses,
  type FailureFigures,
  figure,
  largest,
  measured,
  mergeCauses,
} from "@/engine/show/figure.ts";
import { CAUSES, counted, summed } from "@/engine/show/figure_sums.ts";

type Refused = { readonly ike: number; readonly child: number };

/** Numbers of SAs by the names of their key exchange methods. */
interface MethodCounts {
  readonly ike: Readonly<Record<string, number>>;
  readonly child: Readonly<Record<string, number>>;
  /** IKE SAs with a post-quantum pre-shared key. */
  readonly ppk: number;
}

/** Lines about SAs with additional key exchanges; others are usual and need none. */
function methodLines(counts: Readonly<Record<string, number>>, what: string): string[] {
  return Object.entries(counts).filter(([methods]) => methods.includes(" + "))
    .map(([methods, count]) => `${what} by ${methods}: ${count}`);
}

/** The sums of IKE SAs and of CHILD_SAs. */
function both(parts: readonly Refused[]): Refused {
  const sum = (of: (part: Refused) => number) => parts.reduce((n, part) => n + of(part), 0);
  return { ike: sum(({ ike }) => ike), child: sum(({ child }) => child) };
}

const BOTH_PARTS = [
  { path: "ike", type: "number", doc: "of IKE SAs" },
  { path: "child", type: "number", doc: "of CHILD_SAs" },
] as const;
/** The figures, in the order of the JSON result. */
export const SA_FIGURES = {
  established: count(
    "tunnels.established",
    "tunnels ever established; a retry does not count again",
  ),
  failed: count(
    "tunnels.failed",
    "client: given up after all tries; gateway: peers that authenticated and were given no " +
      "CHILD_SA; lost ones at both",
  ),
  lost: count(
    "tunnels.lost",
    "part of `failed`: established, then gone though nobody here asked (a peer's Delete is a loss to " +
      "a client, and none to a gateway), or torn down by a flap and not rebuilt within its tries; it " +
      "stays counted when a later try brings it back",
  ),
  retries: count("retries", "tries that failed and were tried again"),
  setupRate: measured(
    "setupRate",
    "tunnels per second: the smaller of `established` and `configured` over the time from the first " +
      "IKE_SA_INIT to the last configured tunnel up or given up",
    // The parts of a run set up tunnels at the same time.
    (parts) => parts.reduce((sum, n) => sum + n, 0),
  ),
  retransmissions: count("retransmissions", "requests that were sent again"),
  ikeRekeys: count("rekeys.ike", "IKE SAs that were replaced, by whichever end"),
  childRekeys: count("rekeys.child", "CHILD_SAs that were replaced, by whichever end"),
  keyExchanges: figure({
    path: "keyExchanges",
    type: "object",
    doc:
      "SAs by the methods of their key exchanges, such as `Curve25519 + ml-kem-768`: the first " +
      "method and the additional ones in their order (`addke1` on)",
    parts: [
      { path: "ike", type: "object of numbers", doc: "IKE SAs that were established, or rekeyed" },
      {
        path: "child",
        type: "object of numbers",
        doc: "CHILD_SAs with a key exchange of their own",
      },
      {
        path: "ppk",
        type: "number",
        doc: "IKE SAs that were established with a post-quantum pre-shared key (RFC 8784)",
      },
    ],
    none: { ike: {}, child: {}, ppk: 0 },
    merge: (parts: readonly MethodCounts[]): MethodCounts => ({
      ike: summed(parts.map(({ ike }) => ike)),
      child: summed(parts.map(({ child }) => child)),
      ppk: parts.reduce((sum, { ppk }) => sum + ppk, 0),
    }),
    json: (counts) => counts,
    lines: ({ ike, child, ppk }) => [
      ...(ppk > 0 ? [`IKE SAs with a post-quantum pre-shared key: ${ppk}`] : []),
      ...methodLines(ike, "IKE SAs"),
      ...methodLines(child, "CHILD_SAs"),
    ],
  }),
  rekeysRefused: figure({
    path: "rekeys.refused",
    type: "object",
    doc:
      "rekeys of ours that came to nothing: the peer refused them, or its answer was not acceptable",
    parts: [
      ...BOTH_PARTS,
      {
        ...CAUSES,
        doc: "the same by cause; `example` names what was offered and the options to compare",
      },
    ],
    none: { ike: 0, child: 0, causes: [] as readonly FailureFigures[] },
    merge: (parts: readonly (Refused & Pick<CountedCauses, "causes">)[]) => ({
      ...both(parts),
      causes: mergeCauses(parts.flatMap(({ causes }) => causes)),
    }),
    json: (refused) => refused,
    lines: ({ causes }) => causeLines(causes, (cause) => `Rekeys refused (${cause})`),
  }),
  crossedRekeys: figure({
    path: "rekeys.crossed",
    type: "object",
    doc: "rekeys of the peer that crossed one of ours of the same SA (RFC 7296 §2.8)",
    parts: BOTH_PARTS,
    none: { ike: 0, child: 0 },
    merge: both,
    json: (crossed) => crossed,
    lines: ({ ike, child }) =>
      ike + child === 0 ? [] : [`Rekeys of both ends at once: ${ike} IKE, ${child} CHILD`],
  }),
  overtime: figure({
    path: "rekeys.overtime",
    type: "object",
    doc: "SAs that outlived their lifetime, as an exchange that replaces them was under way " +
      "(`lifetimeovertime`)",
    parts: BOTH_PARTS,
    none: { ike: 0, child: 0 },
    merge: both,
    json: (overtime) => overtime,
    lines: ({ ike, child }) =>
      ike + child === 0
        ? []
        : [`Outlived its lifetime while it was replaced: ${ike} IKE, ${child} CHILD`],
  }),
  reauthentications: count(
    "reauthentications",
    "client: how often a tunnel was up again after its gateway had it authenticate again (`reauth`); it " +
      "counts neither in `tunnels` nor in `setupRate`",
    { lines: (n) => n > 0 ? [`Reauthentications: ${n}`] : [] },
  ),
  redirections: count(
    "redirections",
    "client: how often a gateway sent a tunnel to another one, and it went there (`followredirect`)",
    { lines: (n) => n > 0 ? [`Redirections to other gateways: ${n}`] : [] },
  ),
  tickets: count(
    "resumptions.tickets",
    "tickets for session resumption that a gateway has issued, or a client was given (`resume`)",
    { lines: (n) => n > 0 ? [`Tickets for session resumption: ${n}`] : [] },
  ),
  resumptions: count(
    "resumptions.done",
    "IKE SAs that were resumed by tickets (RFC 5723); a tunnel that was up before counts neither in " +
      "`tunnels` nor in `setupRate`",
    { lines: (n) => n > 0 ? [`IKE SAs resumed by tickets: ${n}`] : [] },
  ),
  crashAnswers: count(
    "crashAnswers",
    "requests of IKE SAs that this end does not have, which it answered with its token (`crashdetection`)",
    { lines: (n) => n > 0 ? [`Tokens of quick crash detection shown: ${n}`] : [] },
  ),
  resumptionsRefused: causes(
    "resumptions.refused",
    "tickets that were presented and not taken, after which a whole set-up follows: at a client by the " +
      "gateway's notify, at a gateway `TICKET_UNKNOWN`, `TICKET_EXPIRED`, `TICKET_USED` or `TICKET_POLICY`",
    (cause) => `Tickets not taken (${cause})`,
  ),
  moves: count(
    "moves.done",
    "tunnels that went on by another path (MOBIKE), each time: the peer has answered there, and " +
      "CHILD_SAs have followed",
    { lines: (n) => n > 0 ? [`Moves to another path: ${n}`] : [] },
  ),
  movesLost: count(
    "moves.pingsLost",
    "pings of tunnels that were lost while these moved: sent a second before a move began at the " +
      "earliest, and not after it was settled; none without pings",
    { lines: (n) => n > 0 ? [`Pings lost by moves: ${n}`] : [] },
  ),
  movesLostMax: largest("moves.pingsLostMax", "the most of them that one move cost"),
  movesFailed: counted(
    "moves.failed",
    "moves that came to nothing, as the peer refused the path or did not answer there; the tunnel " +
      "goes on where it was",
    (cause) => `Moves that failed (${cause})`,
  ),
  childrenRefused: counted(
    "children.refused",
    "CHILD_SAs beside the first that could not be made",
    (cause) => `CHILD_SAs refused (${cause})`,
  ),
  childrenLost: counted(
    "children.lost",
    "CHILD_SAs that carried traffic and are gone with none in their place, deleted by the peer " +
      "(`childlost`) or past their lifetime",
    (cause) => `CHILD_SAs lost (${cause})`,
  ),
  refusals: causes(
    "refusals",
    "requests of authenticated peers that this end refused, by the notify it sent",
    (cause) => `Requests refused here (${cause})`,
  ),
  displaced: count(
    "displaced",
    "IKE SAs that ended because their peer came back and said INITIAL_CONTACT",
    { lines: (n) => n > 0 ? [`Displaced by INITIAL_CONTACT of the same peer: ${n}`] : [] },
  ),
  unauthenticated: count(
    "unauthenticated",
    "IKE SAs that were set up with an end that is not authenticated (null-auth, RFC 7619)",
    { lines: (n) => n > 0 ? [`IKE SAs with an end that is not authenticated: ${n}`] : [] },
  ),
  flaps: count(
    "flaps.down",
    "how often a flapping tunnel was torn down on purpose; it counts neither in `tunnels` nor in " +
      "`setupRate`",
  ),
  rebuilds: count("flaps.up", "how often one was up again after that"),
} as const;
