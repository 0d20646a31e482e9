/**
 * Carries out the commands of the owner of an SA, and the reports of what performs its effects, each by one
 * line of a table. A command to an SA that is not established, or no longer, is ignored if the table says so.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { IkeCommand, Turn } from "@/ike/records/event.ts";
import { CloseCode, refusedHere } from "@/ike/records/failure.ts";
import { endSa, enter, fail } from "@/ike/records/ike_sa.ts";
import { connectionLost, reconnected } from "@/ike/path/connection.ts";
import { espMoved } from "@/ike/path/nat.ts";
import { childSpent } from "@/ike/tasks/expiry.ts";
import { move } from "@/ike/tasks/move.ts";
import { newIkeInit } from "@/ike/tasks/ike_init_request.ts";
import { newResume } from "@/ike/tasks/resume_request.ts";
import { newCreateChild } from "@/ike/tasks/new_create_child.ts";
import { newRekeyIke } from "@/ike/tasks/rekey_ike.ts";

/** How one kind of command is carried out. */
type Command<E> = (turn: Turn, event: E) => void;

const COMMANDS: {
  readonly [K in IkeCommand["kind"]]: Command<Extract<IkeCommand, { kind: K }>>;
} = {
  initiate: begin,
  close: (turn, { closeCode }) => close(turn, closeCode),
  abandon: (turn, { closeCode, why }) => abandon(turn, closeCode, why),
  crowded_out: (turn) => crowdedOut(turn),
  delete_child: established(({ sa }, { child }) => sa.queue.push({ kind: "delete_child", child })),
  rekey_child: established(({ sa }, { child }) => rekeyChild(sa, child)),
  create_child: established(({ sa }, { configIndex }) =>
    sa.queue.push(newCreateChild(sa, configIndex))
  ),
  rekey_ike: established(({ sa }) => sa.queue.push(newRekeyIke(sa))),
  liveness_check: established(({ sa }) => sa.queue.push({ kind: "liveness_check" })),
  move(turn, { path }) {
    // A Delete that waits for its answer is repeated by the new path (RFC 4555 §3.5).
    const { phase } = turn.sa;
    if (phase === "established" || phase === "closing") move(turn, path);
  },
  child_spent: established((turn, { child }) => {
    if (child.state !== "closed") childSpent(turn, child);
  }),
  esp_moved: established((turn, { path }) => espMoved(turn, path)),
  connection_lost: (turn) => connectionLost(turn),
  reconnected: (turn, { path }) => reconnected(turn, path),
  install_failed: established((turn, { why }) => installFailed(turn, why)),
};

/** Carries out a command. */
export function command(turn: Turn, event: IkeCommand): void {
  (COMMANDS[event.kind] as Command<IkeCommand>)(turn, event);
}

/** Makes a command that only an established SA carries out. */
function established<E>(run: (turn: Turn, event: E) => unknown): Command<E> {
  return (turn, event) => {
    if (turn.sa.phase === "established") run(turn, event);
  };
}

function begin(
  { sa, nowMs }: Turn,
  { initialContact, ticket }: Extract<IkeCommand, { kind: "initiate" }>,
): void {
  enter(sa, "init");
  sa.startedMs = nowMs;
  sa.setup!.initialContact = initialContact;
  sa.queue.push(ticket ? newResume(sa, ticket) : newIkeInit(sa));
}

/** Begins the rekey of a CHILD_SA (RFC 7296 §1.3.3). */
export function rekeyChild(sa: IkeSa, child: ChildSa): void {
  child.rekeyMs = Infinity;
  sa.queue.push(newCreateChild(sa, child.configIndex, child));
}

/**
 * Deletes the SA and waits for the response. Before the end of IKE_AUTH the peer cannot be told, so that the
 * SA is dropped.
 */
function close(turn: Turn, closeCode: number): void {
  const { sa } = turn;
  const waiting = sa.phase === "created" && sa.originalInitiator && sa.window.request !== undefined;
  if (sa.phase === "established" || waiting) {
    sa.closeAsked = closeCode;
    sa.queue.length = 0;
    sa.queue.push({ kind: "delete_ike", closeCode });
  } else if (sa.phase !== "closing") {
    endSa(turn, closeCode);
  }
}

function abandon(turn: Turn, closeCode: number, why: string): void {
  if (turn.sa.phase === "closed") return;
  turn.out.push({ kind: "note", level: 4, text: why }, turn.sa);
  endSa(turn, closeCode);
}

/** Ends the SA of a peer that has not authenticated, to make room for others. */
function crowdedOut(turn: Turn): void {
  if (turn.sa.phase !== "init" && turn.sa.phase !== "created") return;
  const { peerAddress, peerPort } = turn.sa.path;
  const text =
    `${showEndpoint(peerAddress, peerPort)} had not authenticated when others came, and ` +
    "this end holds no more half-open SAs";
  fail(turn, { cause: "CROWDED_OUT", closeCode: CloseCode.NO_ANSWER, text });
}

/** Ends the tunnel because the data path refuses a CHILD_SA. */
function installFailed(turn: Turn, why: string): void {
  const { sa } = turn;
  if (sa.phase !== "established") return;
  sa.failure = refusedHere(why);
  close(turn, CloseCode.REFUSED_HERE);
}
