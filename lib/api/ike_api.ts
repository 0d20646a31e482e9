/**
 * What can be done to IKE SAs of a running test (`proto/myikev2/api/ike.proto`): a service of our own
 * beside the Test API, which never changes.
 * @module
 */
import { changing, notRekeyed } from "@/api/calls.ts";
import type { CallerJudge } from "@/api/caller.ts";
import type { MyIKEv2IKESvc, RekeyIKESAResp } from "@/api/proto/ikeapi.ts";
import type { Handlers } from "@/api/typed_service.ts";
import { showSpi64 } from "@/base/bytes.ts";
import type { RunView } from "@/engine/show/view.ts";

/** The handlers of the one call, over a run. */
export function ikeService(view: RunView, judge: CallerJudge): Handlers<MyIKEv2IKESvc> {
  return {
    RekeyIKESA: changing("RekeyIKESA", judge, ({ OwnSPI }) => rekeyIkeSa(view, BigInt(OwnSPI))),
  };
}

async function rekeyIkeSa(view: RunView, spi: bigint): Promise<RekeyIKESAResp> {
  const outcome = await view.rekeyIke(spi);
  if (outcome.kind === "done") return { NewOwnSPI: outcome.spi.toString() };
  throw notRekeyed(outcome, "IKE SA", showSpi64(spi));
}
