/**
 * The service for the IKE SAs of a running test (`proto/myikev2/api/ike.proto`). It stands beside
 * the Test API, which is fixed and gets no new calls.
 * @module
 */
import { status } from "@grpc/grpc-js";
import { changeHandler, notRekeyed, queryHandler } from "@/api/calls.ts";
import type { CallerJudge } from "@/api/caller.ts";
import type { KeyExchangesResp, MyIKEv2IKESvc, RekeyIKESAResp } from "@/api/proto/ikeapi.ts";
import { Refusal } from "@/api/refusal.ts";
import type { Handlers } from "@/api/typed_service.ts";
import { showSpi64 } from "@/base/bytes.ts";
import type { RunView } from "@/engine/show/view.ts";

/** The handlers of the calls of the service, for one run. */
export function ikeService(view: RunView, judge: CallerJudge): Handlers<MyIKEv2IKESvc> {
  return {
    GetKeyExchanges: queryHandler(({ OwnSPI }) => keyExchanges(view, BigInt(OwnSPI))),
    RekeyIKESA: changeHandler(
      "RekeyIKESA",
      judge,
      ({ OwnSPI }) => rekeyIkeSa(view, BigInt(OwnSPI)),
    ),
  };
}

async function rekeyIkeSa(view: RunView, spi: bigint): Promise<RekeyIKESAResp> {
  const outcome = await view.rekeyIke(spi);
  if (outcome.kind === "done") return { NewOwnSPI: outcome.spi.toString() };
  throw notRekeyed(outcome, "IKE SA", showSpi64(spi));
}

async function keyExchanges(view: RunView, spi: bigint): Promise<KeyExchangesResp> {
  const sa = await view.ikeSa(spi);
  if (!sa) throw new Refusal(status.NOT_FOUND, `No IKE SA has our SPI ${showSpi64(spi)}`);
  const spis = await view.childSas(spi) ?? [];
  const children = await Promise.all(spis.map((child) => view.childSa(child)));
  return {
    Method: sa.group,
    Additional: sa.additional,
    PPKID: sa.ppkId,
    // A CHILD_SA may be deleted between the two calls of the view.
    Children: children.filter((child) => child !== undefined)
      .map(({ spi, group, additional }) => ({
        OwnSPI: spi,
        Method: group,
        Additional: additional,
      })),
  };
}
