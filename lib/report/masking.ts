/**
 * Masks the identities of users and hosts in a result, so that it can be passed on. Identities are
 * part of sentences, so whole sentences are left out.
 * @module
 */
import type { RunResultJson } from "@/report/result.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";

/** The text that replaces a sentence. */
export const LEFT_OUT = "left out, as identities are masked";

/**
 * The result without sentences about peers and tunnels; figures, causes and algorithms are kept.
 */
export function withoutSentences(result: RunResultJson): RunResultJson {
  const causes = (list: readonly FailureFigures[]) =>
    list.map((one) => ({ ...one, example: LEFT_OUT }));
  const { children, moves, rekeys, datagrams, timeline } = result;
  return {
    ...result,
    error: result.error === null ? null : LEFT_OUT,
    failures: causes(result.failures),
    strangers: causes(result.strangers),
    refusals: causes(result.refusals),
    rekeys: { ...rekeys, refused: { ...rekeys.refused, causes: causes(rekeys.refused.causes) } },
    moves: { ...moves, failed: { ...moves.failed, causes: causes(moves.failed.causes) } },
    children: {
      refused: { ...children.refused, causes: causes(children.refused.causes) },
      lost: { ...children.lost, causes: causes(children.lost.causes) },
    },
    datagrams: { ...datagrams, sendErrors: causes(datagrams.sendErrors) },
    timeline: timeline && {
      ...timeline,
      events: timeline.events.map((event) => ({ ...event, text: LEFT_OUT })),
    },
  };
}
