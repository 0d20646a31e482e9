/**
 * Counts the pings of tunnels that were lost while these moved (MOBIKE, RFC 4555): a request belongs to a move
 * if it was sent at most {@linkcode BEFORE_MS} before that began, and not after it was settled.
 * @module
 */

/**
 * A request that was sent so many milliseconds before a move may still be in flight when the move begins, or
 * its reply may be.
 */
export const BEFORE_MS = 1_000;
/** The most moves of one task whose requests may still be unanswered; beyond that the oldest is dropped. */
const MOVES_MAX = 16;

/** One move of a task, on the driver's clock. */
interface Move {
  readonly fromMs: number;
  readonly toMs: number;
  lost: number;
}

/** The figures of lost pings. */
export interface MoveLossFigures {
  /** Pings lost by moves. */
  readonly movesLost: number;
  /** The most pings that one move cost. */
  readonly movesLostMax: number;
}

/** Pings that were lost by moves. */
export class MoveLosses {
  readonly #moves = new Map<number, Move[]>();
  #lost = 0;
  #lostMax = 0;

  /** Records that a task's tunnel has moved: the move began at `sinceMs`, and was complete at `nowMs`. */
  moved(task: number, sinceMs: number, nowMs: number): void {
    const moves = this.#moves.get(task) ?? [];
    if (moves.length === MOVES_MAX) moves.shift();
    // A request between two moves counts only once.
    const endMs = moves.at(-1)?.toMs ?? -Infinity;
    moves.push({ fromMs: Math.max(sinceMs - BEFORE_MS, endMs), toMs: nowMs, lost: 0 });
    this.#moves.set(task, moves);
  }

  /** Records that a request of a task, which was sent at `sentMs`, is lost. */
  lost(task: number, sentMs: number): void {
    const move = this.#moves.get(task)?.find(({ fromMs, toMs }) =>
      sentMs > fromMs && sentMs <= toMs
    );
    if (!move) return;
    this.#lost++;
    this.#lostMax = Math.max(this.#lostMax, ++move.lost);
  }

  /** See {@linkcode MoveLossFigures}. */
  get figures(): MoveLossFigures {
    return { movesLost: this.#lost, movesLostMax: this.#lostMax };
  }
}
