/**
 * What can be done to IKE SAs of a running test (`proto/myikev2/api/ike.proto`): a service of our own
 * beside the Test API, which never changes.
 * @module
 */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { changing, notRekeyed } from "@/api/calls.ts";
import type { CallerJudge } from "@/api/caller.ts";
import type { Message } from "@/api/messages.ts";
import { showSpi64 } from "@/base/bytes.ts";
import type { RunView } from "@/engine/show/view.ts";

/** A request as the loader hands it over: 64-bit numbers as decimal text. */
interface Request {
  readonly OwnSPI: string;
}

/** The handlers of the one call, over a run. */
export function ikeService(view: RunView, judge: CallerJudge): UntypedServiceImplementation {
  return {
    RekeyIKESA: changing<Request>(
      "RekeyIKESA",
      judge,
      (request) => rekeyIkeSa(view, BigInt(request.OwnSPI)),
    ),
  };
}

async function rekeyIkeSa(view: RunView, spi: bigint): Promise<Message> {
  const outcome = await view.rekeyIke(spi);
  if (outcome.kind === "done") return { NewOwnSPI: outcome.spi.toString() };
  throw notRekeyed(outcome, "IKE SA", showSpi64(spi));
}
