/**
 * Scenarios of puzzles (RFC 8019): a gateway gives them in IKE_SA_INIT and for IKE_AUTH, to clients that solve
 * them and to others; it restarts meanwhile; and somebody on the way spoils the solution.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { PuzzleConfig } from "@/ike/records/puzzle.ts";
import { pair, PATIENT, type Scenario } from "@/sim/scenarios.ts";
import type { World } from "@/sim/world.ts";
import { decodeHeader, decodeMessage, encodeMessage } from "@/wire/message.ts";

/** Zero bits of the puzzles, which are computed for real; 0: the client chooses. */
const DIFFICULTIES = [0, 1, 4, 6] as const;

function gives(world: World, change: Partial<PuzzleConfig> = {}): PuzzleConfig {
  const difficulty = world.random.pick(DIFFICULTIES);
  const inAuth = world.random.chance(0.5);
  return { threshold: 0, difficulty, inAuth, bitsMax: -1, ...change };
}

function solves(bitsMax: number): PuzzleConfig {
  return { threshold: Infinity, difficulty: 0, inAuth: false, bitsMax };
}

/**
 * A client solves the puzzles of a gateway, or answers by the cookie alone. The gateway may restart while the
 * first puzzle is solved, so that its cookie is not valid any more.
 */
const given: Scenario = {
  name: "puzzle",
  start(world) {
    let restarts = world.random.chance(0.7);
    const bitsMax = restarts ? 10 : world.random.pick([-1, 3, 10]);
    const change = restarts ? { difficulty: 6 } : {};
    const { a, b } = pair(world, PATIENT, {
      a: { puzzles: solves(bitsMax) },
      b: { puzzles: gives(world, change) },
    });
    let wrong = 0;
    world.computationMs = (host, job) => {
      if (job.op !== "solve_puzzle" || host !== a || !restarts) return undefined;
      restarts = false;
      world.at(world.nowMs + 1, () => {
        wrong += b.endpoint.admission.puzzles.wrong;
        world.restart(b);
      });
      return 50;
    };
    world.dial(a, b);
    return {
      stands: true,
      check: () =>
        wrong + b.endpoint.admission.puzzles.wrong > 0
          ? "a solution goes with the cookie that it was computed for (RFC 8019 §7.1.2)"
          : undefined,
    };
  },
};

/** Puts other keys in the place of the solution of an IKE_SA_INIT request. */
function spoiled(octets: Uint8Array): Uint8Array {
  if (decodeHeader(octets).exchange !== ExchangeType.IKE_SA_INIT) return octets;
  const { header, payloads } = decodeMessage(octets);
  const others = payloads.map((payload) =>
    payload.type === PayloadType.PS ? { type: PayloadType.PS, data: new Uint8Array(32) } : payload
  );
  return encodeMessage(header, others);
}

/** A solution is spoiled on the way, so that the gateway makes no SA for it. */
const altered: Scenario = {
  name: "puzzle_spoiled",
  start(world) {
    const { a, b } = pair(world, {}, {
      a: { puzzles: solves(10) },
      b: { puzzles: gives(world, { difficulty: 4 }) },
    });
    world.alters = spoiled;
    world.dial(a, b);
    return {
      stands: false,
      check: () =>
        b.endpoint.arrivals > 0
          ? "no SA is made for a request with a wrong solution (RFC 8019 §7.1.4)"
          : undefined,
    };
  },
};

/** All scenarios of this file. */
export const PUZZLE_SCENARIOS: readonly Scenario[] = [given, altered];
