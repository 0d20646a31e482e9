/**
 * PUZZLE in an IKE_SA_INIT response: the IKE_AUTH request must have the solution of a puzzle before its
 * Encrypted payload (RFC 8019 §7.2). Only initiators that have solved one before get another.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { puzzleIn, puzzleNotify } from "@/ike/negotiate/puzzle.ts";
import type { Extension } from "@/ike/records/extension.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";

/** See {@linkcode Extension}. */
export const authPuzzle: Extension = {
  exchange: ExchangeType.IKE_SA_INIT,

  says({ sa }, { response }) {
    const { puzzle } = sa.setup!;
    return response && puzzle ? [puzzleNotify(puzzle)] : [];
  },

  hears({ sa }, { header, payloads }) {
    if (header.response) sa.setup!.puzzle = puzzleIn(payloads);
  },
};

/**
 * Responder: gives a puzzle for IKE_AUTH where the configuration says so. With IKE_INTERMEDIATE there is none,
 * as that exchange, and not IKE_AUTH, is the first that has to be decrypted. Its difficulty is not left to the
 * initiator, so that there is none at difficulty 0 (§7.2.1.1).
 */
export function giveAuthPuzzle({ config, setup }: IkeSa, { prf }: IkeSuite): void {
  const { puzzles } = config;
  if (!puzzles?.inAuth || puzzles.difficulty === 0) return;
  if (setup!.puzzleBits === 0 || setup!.intermediate) return;
  setup!.puzzle = { prf: prf.id, difficulty: puzzles.difficulty };
}
