/**
 * Scenarios with AUTH over both messages of IKE_SA_INIT (draft-ietf-ipsecme-ikev2-downgrade-prevention): both
 * ends have it, one lacks it or requires it, and somebody on the way strips it or alters what is offered.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { establishedSa, pair, PATIENT, type Scenario, SUITES } from "@/sim/scenarios.ts";
import { decodeMessage, encodeMessage, type Payload } from "@/wire/message.ts";

type Full = IkeConfig["fullTranscript"];

/** Where both ends can, AUTH covers both messages; where one cannot and none requires it, its own. */
const offered: Scenario = {
  name: "transcript_offered",
  start(world) {
    const [ofA, ofB] = world.random.pick<[Full, Full]>([
      ["offer", "offer"],
      ["require", "offer"],
      ["offer", "require"],
      ["offer", undefined],
      [undefined, "offer"],
    ]);
    const additional = world.random.chance(0.3) ? [[KeGroup.ECP_256]] : [];
    const algorithms = { ...world.random.pick(SUITES), additional };
    const { a, b } = pair(world, { ...PATIENT, algorithms }, {
      a: { fullTranscript: ofA },
      b: { fullTranscript: ofB },
    });
    world.dial(a, b);
    return {
      stands: true,
      check: () =>
        world.ladder.some((line) => line.includes("AUTHENTICATION_FAILED"))
          ? "ends that nobody disturbs authenticate the same messages of IKE_SA_INIT"
          : undefined,
    };
  },
};

/** One end requires it, and the other does not have it. */
const required: Scenario = {
  name: "transcript_required",
  start(world) {
    const atA = world.random.chance(0.5);
    const { a, b } = pair(world, PATIENT, {
      a: { fullTranscript: atA ? "require" : undefined },
      b: { fullTranscript: atA ? undefined : "require" },
    });
    world.dial(a, b);
    return {
      stands: false,
      check: () =>
        a.established + b.established > 0
          ? "no IKE SA is made without what is required (downgrade prevention)"
          : undefined,
    };
  },
};

/** Somebody strips the notify from the request or from the response: the ends find out. */
const stripped: Scenario = {
  name: "transcript_stripped",
  start(world) {
    const { a, b } = pair(world, PATIENT, {
      a: { fullTranscript: "offer" },
      b: { fullTranscript: "offer" },
    });
    const ofResponse = world.random.chance(0.5);
    world.alters = (octets) => {
      const { header, payloads } = decodeMessage(octets);
      const isMeant = header.exchange === ExchangeType.IKE_SA_INIT &&
        header.response === ofResponse;
      return isMeant ? encodeMessage(header, payloads.filter((one) => !isSaid(one))) : octets;
    };
    world.dial(a, b);
    return {
      stands: false,
      check: () =>
        establishedSa(a) || establishedSa(b)
          ? "an IKE_SA_INIT message that was altered on the way leaves no IKE SA"
          : undefined,
    };
  },
};

function isSaid(payload: Payload): boolean {
  return "notify" in payload &&
    payload.notify === NotifyType.IKE_SA_INIT_FULL_TRANSCRIPT_AUTH;
}

/** All scenarios of this file. */
export const TRANSCRIPT_SCENARIOS: readonly Scenario[] = [offered, required, stripped];
