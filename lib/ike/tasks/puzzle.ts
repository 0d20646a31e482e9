/**
 * The initiator's work on a puzzle (RFC 8019 §7.1.2, §7.2.2): it decides whether it solves it, and looks for
 * the keys in one computation after the other.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { nameOfPrf } from "@/iana/prf.ts";
import { isSolved, NO_SEARCH, solutionOf, triesMax } from "@/ike/negotiate/puzzle.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { Puzzle, PuzzleInWork, PuzzleSearch } from "@/ike/records/puzzle.ts";
import type { IkeInitTask, IkeSa } from "@/ike/records/sa.ts";
import { requestCompute } from "@/ike/window/exchange.ts";

/** Why this end does not solve a puzzle; undefined: it does. */
export function puzzleRefusal(
  { config: { puzzles, algorithms }, suite, path }: IkeSa,
  { prf, difficulty }: Puzzle,
): string | undefined {
  const asks = `${showEndpoint(path.peerAddress, path.peerPort)} gives a puzzle`;
  const bitsMax = puzzles?.bitsMax ?? -1;
  if (bitsMax < 0) return `${asks}, and this end solves none (puzzlebitsmax)`;
  if (difficulty > bitsMax) {
    return `${asks} of ${difficulty} zero bits, and this end computes ${bitsMax} at most (puzzlebitsmax)`;
  }
  const isKnown = suite ? suite.prf.id === prf : algorithms.prf.includes(prf);
  return isKnown ? undefined : `${asks} by ${nameOfPrf(prf)}, which was not negotiated with it`;
}

/** Begins to look for the keys of a puzzle. */
export function beginPuzzle(
  turn: Turn,
  task: IkeInitTask,
  { puzzle, text }: Pick<PuzzleInWork, "puzzle" | "text">,
): void {
  task.stage = "solving";
  task.solving = { puzzle, text, search: NO_SEARCH };
  goOn(turn, task, task.solving);
}

/**
 * Takes the result of one computation. The solution once it is found; `"spent"` if as many keys were tried as
 * this end tries; undefined while the search goes on.
 */
export function takeSearch(
  turn: Turn,
  task: IkeInitTask,
  search: PuzzleSearch,
): Uint8Array | "spent" | undefined {
  const work = task.solving;
  if (!work) return undefined;
  work.search = search;
  const { difficulty } = work.puzzle;
  if (isSolved(work.puzzle, search)) {
    task.solving = undefined;
    turn.out.push({ kind: "puzzle_solved", difficulty, tries: search.tried }, turn.sa);
    return solutionOf(search);
  }
  if (search.tried >= triesMax(work.puzzle)) {
    task.solving = undefined;
    return "spent";
  }
  goOn(turn, task, work);
  return undefined;
}

function goOn(turn: Turn, task: IkeInitTask, { puzzle, text, search }: PuzzleInWork): void {
  const work = { puzzle, text, search };
  task.ticket = requestCompute(turn, { op: "solve_puzzle", work });
}
