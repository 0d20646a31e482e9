/**
 * Translates the section `impairment` of a setup into rules for the transport.
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { ImpairmentConf } from "@/setup/setup.ts";
import { Impairment, type ImpairmentRule } from "@/transport/impairment.ts";

const EXCHANGES: Readonly<Record<string, number>> = {
  ike_sa_init: ExchangeType.IKE_SA_INIT,
  ike_auth: ExchangeType.IKE_AUTH,
  create_child_sa: ExchangeType.CREATE_CHILD_SA,
  informational: ExchangeType.INFORMATIONAL,
};

/** The rules; undefined if no rule does anything. */
export function impairmentOf({ seed, rules }: ImpairmentConf): Impairment | undefined {
  const wanted = rules.map(ruleOf);
  return wanted.some(doesSomething) ? new Impairment(wanted, seed) : undefined;
}

function ruleOf(conf: ImpairmentConf["rules"][number]): ImpairmentRule {
  return {
    direction: conf.direction,
    exchange: EXCHANGES[conf.exchange],
    message: conf.message,
    skip: conf.skip,
    count: conf.count,
    loss: conf.loss,
    duplication: conf.duplication,
    reorder: conf.reorder,
    reorderWaitMs: conf.reorderwait,
    delay: conf.delay,
    delayMinMs: conf.delaymin,
    delayMaxMs: conf.delaymax,
    replay: conf.replay,
    replayAfterMs: conf.replayafter,
    corruption: conf.corruption,
    corruptionPlace: conf.corruptionplace,
    crossingMs: conf.crossing,
    crossingWith: EXCHANGES[conf.crossingwith],
  };
}

function doesSomething(rule: ImpairmentRule): boolean {
  const { loss, duplication, reorder, delay, replay, corruption, crossingMs } = rule;
  return [loss, duplication, reorder, delay, replay, corruption, crossingMs].some((p) => p > 0);
}
