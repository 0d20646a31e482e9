/**
 * Writes events about what the core did: rekeys, moves, refusals, dropped datagrams, decoded messages. Client
 * and gateway write about tunnels.
 * @module
 */
import { type Path, showEndpoint, showPath } from "@/base/address.ts";
import { showSpi64 } from "@/base/bytes.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { Role } from "@/engine/run/run_context.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import { showChildren, showSa } from "@/engine/show/sa_view.ts";
import { nameOfExchange } from "@/iana/exchange_type.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { isStranger, ownSpi } from "@/ike/records/ike_sa.ts";
import { showMessage } from "@/wire/show.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";

/** The most kinds of notes that are counted by themselves. */
const ALIKE_MAX = 100;
const OTHER_NOTES = "Further notes of other kinds, of which only the first is logged";

/** Writes the events of a run that are not about tunnels as a whole. */
export class EventWriter implements RunPart {
  readonly #events: EventHub;
  readonly #role: Role;
  /** How often each kind of note came, by the sentence for all of its kind. */
  readonly #alike = new Map<string, number>();

  /** `role` writes about strangers, at a limited rate. */
  constructor(events: EventHub, role: Role) {
    this.#events = events;
    this.#role = role;
  }

  readonly handlers: EffectHandlers = {
    replaced: ({ by }, sa) => {
      const spis = () => `${showSpi64(ownSpi(sa))} is ${showSpi64(ownSpi(by))} now`;
      this.#events.publish(4, () => `IKE SA rekeyed: ${spis()}`);
    },
    moved: ({ from }, sa) => this.#events.publish(4, () => showMove(sa, from)),
    move_failed: ({ failure }, sa) => this.#events.publish(2, () => failure.text + aboutSa(sa)),
    child_up: ({ by, old }) => this.#events.publish(4, () => showChildUp(by, old)),
    create_child_failed: ({ failure }, sa) => this.#exchangeFailed(failure, sa),
    rekey_ike_failed: ({ failure }, sa) => this.#exchangeFailed(failure, sa),
    child_lost: ({ failure, left }, sa) =>
      this.#events.publish(left ? 3 : 2, () => failure.text + aboutSa(sa)),
    refused: ({ failure: { cause, text }, exchange }, sa) => {
      const what = `Refused ${nameOfExchange(exchange)} of the peer (${cause})`;
      this.#events.publish(3, () => `${what}: ${text}${aboutSa(sa)}`);
    },
    dropped: ({ reason }, sa) => this.#events.publish(5, () => `Dropped: ${reason}${aboutSa(sa)}`),
    trace: (trace) => this.#events.publish(5, () => showTrace(trace)),
    note: ({ level, text, alike }, sa, nowMs) => {
      if (alike !== undefined && !this.#isFirst(alike)) return;
      if (sa && isStranger(sa)) return this.#role.strangerSaid(level, text + aboutSa(sa), nowMs);
      this.#events.publish(level, () => text + aboutSa(sa));
    },
  };

  /** Says of notes that were only counted how many there were in all. Is called at the end of a run. */
  over(): void {
    for (const [alike, count] of this.#alike) {
      if (count > 1) this.#events.publish(4, () => `${alike}: ${count} times in all`);
    }
    this.#alike.clear();
  }

  /** Counts a note; whether it is the first of its kind. */
  #isFirst(alike: string): boolean {
    const isKnown = this.#alike.has(alike) || this.#alike.size < ALIKE_MAX;
    const kind = isKnown ? alike : OTHER_NOTES;
    const count = (this.#alike.get(kind) ?? 0) + 1;
    this.#alike.set(kind, count);
    return count === 1;
  }

  /** Reports a failed exchange: a temporary refusal is a warning, a permanent one may cost the tunnel. */
  #exchangeFailed({ cause, text }: Failure, sa: IkeSa): void {
    const level = cause === "TEMPORARY_FAILURE" ? 3 : 2;
    this.#events.publish(level, () => text + aboutSa(sa));
  }
}

function showTrace(trace: Extract<IkeEffect, { kind: "trace" }>): string {
  const { sent, path, header, payloads, fragments } = trace;
  const pieces = fragments > 1 ? ` in ${fragments} fragments` : "";
  return `${sent ? "Sent" : "Received"}${pieces} ${showPath(path)}\n${
    showMessage(header, payloads)
  }`;
}

/** Describes a rekey by the old and new SPIs, with the tunnel and its IKE SA. */
function showChildUp(by: ChildSa, old: ChildSa | undefined): string {
  const now = showChildren([by]);
  const where = `tunnel ${by.parent.index}${aboutSa(by.parent)}`;
  return old ? `${showChildren([old])} rekeyed: ${now} now, ${where}` : `${now} up, ${where}`;
}

/**
 * Describes a move: the peer's NAT has changed its mapping, the TCP connection is another one, or the tunnel
 * has moved by MOBIKE.
 */
function showMove(sa: IkeSa, from: Path): string {
  if (sa.path.tcp) {
    return `The connection ${showPath(from)} is ${showPath(sa.path)} now${aboutSa(sa)}`;
  }
  if (sa.peer.mobility) return `Moved from ${showPath(from)}${aboutSa(sa)}`;
  const before = showEndpoint(from.peerAddress, from.peerPort);
  const now = showEndpoint(sa.path.peerAddress, sa.path.peerPort);
  return `The peer's NAT mapping changed: ${before} is ${now} now${aboutSa(sa)}`;
}

function aboutSa(sa: IkeSa | undefined): string {
  return sa ? `; ${showSa(sa)}` : "";
}
