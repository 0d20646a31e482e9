// Pings that are lost by moves.
import assert from "node:assert/strict";
import { BEFORE_MS, MoveLosses } from "@/engine/load/move_losses.ts";

Deno.test("a ping is lost by a move if it was on its way when that began, or was sent before its end", () => {
  const losses = new MoveLosses();
  losses.moved(1, 10_000, 10_400);
  for (const sentMs of [10_000 - BEFORE_MS, 10_401, 5_000]) losses.lost(1, sentMs);
  losses.lost(2, 10_100);
  assert.deepEqual(losses.figures, { movesLost: 0, movesLostMax: 0 });
  for (const sentMs of [10_001 - BEFORE_MS, 10_000, 10_400]) losses.lost(1, sentMs);
  assert.deepEqual(losses.figures, { movesLost: 3, movesLostMax: 3 });
});

Deno.test("moves that follow each other share no ping", () => {
  const losses = new MoveLosses();
  losses.moved(0, 10_000, 10_400);
  losses.moved(0, 10_500, 10_600);
  losses.lost(0, 10_300);
  losses.lost(0, 10_450);
  losses.lost(0, 10_550);
  assert.deepEqual(losses.figures, { movesLost: 3, movesLostMax: 2 });
});
