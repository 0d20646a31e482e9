/**
 * Scenarios of quick crash detection (RFC 6290): a host restarts and proves it to its peer by the token; an
 * attacker pretends that a host has restarted, or asks for the token of an IKE SA that still exists.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { CrashDetectionConfig } from "@/ike/records/crash_detection.ts";
import { notify } from "@/ike/records/notify.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { establishedSa, onRandomHosts, pair, PATIENT, type Scenario } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";
import { encodeMessage } from "@/wire/message.ts";

const MAKES: CrashDetectionConfig = { secret: new Uint8Array(32).fill(3), takes: false };
const TAKES: CrashDetectionConfig = { takes: true };
/** The time at which a host restarts, in milliseconds, long after all earlier exchanges have ended. */
const CRASH_MS = 60_000;
const AFTER_MS = 10_000;

/** Two hosts, of which the second makes tokens, and the first accepts them. */
function detecting(world: World): { a: Host; b: Host } {
  return pair(world, PATIENT, { a: { crashDetection: TAKES }, b: { crashDetection: MAKES } });
}

/** A gateway restarts, perhaps after rekeys. Its client detects that by its next liveness check. */
const restarted: Scenario = {
  name: "crash",
  start(world) {
    const { a, b } = detecting(world);
    world.dial(a, b);
    const rekeys = world.random.chance(0.5);
    if (rekeys) {
      onRandomHosts(world, { a, b }, (host, sa) => world.tell(host, sa, { kind: "rekey_ike" }));
    }
    let asks: IkeSa | undefined;
    world.at(CRASH_MS, () => {
      const both = establishedSa(a) && establishedSa(b);
      world.restart(b);
      asks = both ? establishedSa(a) : undefined;
      if (asks) world.tell(a, asks, { kind: "liveness_check" });
    });
    return {
      stands: false,
      check() {
        if (!asks) return undefined;
        if (asks.phase !== "closed") return "an IKE SA whose peer has crashed is gone";
        return asks.failure?.cause === "PEER_CRASHED"
          ? undefined
          : "a peer that has restarted says so by its token (RFC 6290 §4.5)";
      },
    };
  },
};

/** A forged request with the SPIs of an IKE SA. */
function pretended({ spiI, spiR }: IkeSa, initiator: boolean): Uint8Array {
  const header = { spiI, spiR, exchange: ExchangeType.INFORMATIONAL, messageId: 7 };
  return encodeMessage({ ...header, initiator, response: false }, []);
}

/** An attacker asks a gateway for the token of an IKE SA in the client's name, with either Initiator flag. */
const asked: Scenario = {
  name: "crash_asked",
  start(world) {
    const { a, b } = detecting(world);
    world.dial(a, b);
    world.at(CRASH_MS, () => {
      const sa = establishedSa(b);
      if (!sa) return;
      for (const initiator of [true, false]) {
        world.inject(b, { octets: pretended(sa, initiator), path: sa.path });
      }
    });
    return {
      stands: true,
      // An attacker who receives the token can end the IKE SA by it.
      check: () =>
        world.ladder.some((line) => / resp 7 .*QUICK_CRASH_DETECTION/.test(line))
          ? "no token is given away of an IKE SA that is there (RFC 6290 §4.5)"
          : undefined,
    };
  },
};

/** An attacker tells a client that its gateway has crashed, with a token that the attacker has made up. */
const forged: Scenario = {
  name: "crash_forged",
  start(world) {
    const { a, b } = detecting(world);
    world.dial(a, b);
    let stood = false;
    world.at(CRASH_MS, () => {
      const sa = establishedSa(a);
      if (!sa) return;
      stood = true;
      const { spiI, spiR } = sa;
      const header = { spiI, spiR, exchange: ExchangeType.INFORMATIONAL, messageId: 2 };
      const octets = encodeMessage({ ...header, initiator: false, response: true }, [
        notify(NotifyType.INVALID_IKE_SPI),
        notify(NotifyType.QUICK_CRASH_DETECTION, world.random.octets(32)),
      ]);
      world.inject(a, { octets, path: sa.path });
      world.at(CRASH_MS + AFTER_MS, () => stood &&= establishedSa(a) !== undefined);
    });
    return {
      stands: true,
      check: () =>
        world.nowMs >= CRASH_MS + AFTER_MS && a.failures.includes("PEER_CRASHED")
          ? "a token is compared with that of the peer (RFC 6290 §4.5)"
          : undefined,
    };
  },
};

/** All scenarios of this file. */
export const CRASH_SCENARIOS: readonly Scenario[] = [restarted, asked, forged];
